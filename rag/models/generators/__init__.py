"""Models that write answers: llama.cpp in this process, and sentences quoted without a model."""
