"""Kills, a million passages, other stores."""
