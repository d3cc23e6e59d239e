"""Passages for a question: search by meaning and by words, and their fusion."""
