"""Text to vectors of length 1: OpenVINO on a CPU, sentence-transformers for any model and for a GPU, a server over HTTP."""
