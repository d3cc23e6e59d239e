"""Generators, which write answers: llama.cpp, vLLM, servers over HTTP, and quotes without a model."""
