"""Judges of whether passages bear out a sentence: words and embeddings, an NLI cross-encoder, the serving model itself."""
