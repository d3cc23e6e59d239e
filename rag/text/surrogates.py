"""Lone surrogates: halves of characters, as damaged files and some file names have them. UTF-8 cannot write them.

>>> well_formed("a\\ud83d"), escaped("a\\ud83d"), utf8("a\\ud83d")
('a?', 'a\\\\ud83d', b'a\\xed\\xa0\\xbd')
"""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The text with "?" for each, for what refuses them: tokenizers, servers, databases."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def escaped(text: str) -> str:
    """The text with each as an escape, for a terminal and for JSON, which reads it back."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def utf8(text: str) -> bytes:
    """Bytes that differ for texts that differ, for hashes. Not for files, which nobody could read."""
    return text.encode("utf-8", "surrogatepass")
