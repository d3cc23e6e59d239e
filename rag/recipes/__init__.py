"""Whole jobs described in one TOML file."""
