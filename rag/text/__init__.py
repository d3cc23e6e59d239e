"""Words, sentences, scripts and places of any text."""
