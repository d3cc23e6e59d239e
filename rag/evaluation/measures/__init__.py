"""Measures of retrieval, answers and summaries, and their statistics."""
