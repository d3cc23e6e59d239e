"""Answers from an index: search, evidence, prompt, generation and the check of every sentence."""
