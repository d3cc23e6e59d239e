"""Speed of indexing."""
