"""Summaries of long documents."""
