"""Verifiers: do the sources support a sentence? By words and embeddings, an NLI cross-encoder, or the serving model itself."""
