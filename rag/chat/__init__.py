"""Conversations over an index, their follow-up questions and their files."""
