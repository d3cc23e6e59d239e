"""Embedders, generators and rerankers, and what they share."""
