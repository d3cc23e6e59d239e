"""Rerankers, which score how well a passage answers a question."""
