"""From files on disk to documents, read in worker processes."""
