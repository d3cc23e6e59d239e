"""The check of sentences."""
