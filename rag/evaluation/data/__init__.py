"""Readers of evaluation data: collections, questions, summaries, run files."""
