"""Processes that are killed, starved and fed with rubbish, and the questions that an index has to answer afterwards."""
