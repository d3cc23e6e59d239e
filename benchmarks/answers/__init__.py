"""Answers through a model server, and their evidence."""
