"""Find files on disk and read them into documents in worker processes."""
