"""Summaries of long documents: cut into pieces that fit the model, sum up each, merge the results, cite every sentence."""
