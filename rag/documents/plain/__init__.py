"""Formats that are text: Markdown and its kin, tables, JSON, notebooks, subtitles, source code."""
