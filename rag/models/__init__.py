"""Embedders, generators and rerankers, and the code that they share."""
