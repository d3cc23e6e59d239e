"""Quality and speed of search."""
