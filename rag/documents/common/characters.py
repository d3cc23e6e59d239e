"""One spelling for line ends, spaces and invisible characters, settled before any offset is taken."""

from __future__ import annotations

import re
import unicodedata

_LINE_END = re.compile(r"\r\n?")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Soft hyphens, zero-width spaces, byte order marks and non-characters: nothing that a reader of the page would see.
_INVISIBLE = re.compile("[\xad\u200b\u2060\ufeff\ufffe\uffff\0\ud800-\udfff]")
# Spaces of any fixed width, and control characters, which fonts without a character map leave in the place of glyphs.
_SPACE_LIKE = re.compile("[\x01-\x08\x0b-\x0c\x0e-\x1f\x7f-\xa0\u1680\u2000-\u200a\u202f\u205f]")
_TRAILING_SPACE = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)


def with_line_feeds(text: str) -> str:
    """The text with "\\n" as its only line end, less what cannot be stored: NULs and halves of surrogate pairs."""
    return _UNSTORABLE.sub("", _LINE_END.sub("\n", text))


def visible(text: str) -> str:
    """Extracted text in canonical form (NFC), with one kind of space and of line end, and nothing invisible.

    Compatibility characters (ligatures, superscripts) stay: a quote has to match what the page shows.
    """
    text = _LINE_END.sub("\n", text).replace("\u2028", "\n").replace("\u2029", "\n")
    return unicodedata.normalize("NFC", _SPACE_LIKE.sub(" ", _INVISIBLE.sub("", text)))


def tidy(text: str) -> str:
    """`visible` text without space before line ends."""
    return _TRAILING_SPACE.sub("", visible(text))
