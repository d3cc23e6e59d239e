"""Embedders, which turn text into vectors of length 1: OpenVINO (CPU), sentence-transformers (any model, GPU), HTTP."""
