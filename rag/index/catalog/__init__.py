"""The catalog: a SQLite database that holds the truth about an index."""
