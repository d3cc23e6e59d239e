"""Lone surrogates: halves of characters in damaged files and some file names. UTF-8 cannot encode them.

>>> well_formed("a\\ud83d"), escaped("a\\ud83d"), utf8("a\\ud83d")
('a?', 'a\\\\ud83d', b'a\\xed\\xa0\\xbd')
"""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The text with "?" for each lone surrogate, for tokenizers, servers and databases."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def escaped(text: str) -> str:
    """The text with each lone surrogate as an escape, for terminals and for JSON, which decodes it again."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def utf8(text: str) -> bytes:
    """Different bytes for different texts, for hashes. Not for files: the bytes are not valid UTF-8."""
    return text.encode("utf-8", "surrogatepass")
