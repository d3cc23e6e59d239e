"""Files, processes, event loops and processor cores."""
