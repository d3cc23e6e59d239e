"""A page's text as pdfium reads it, and where its letters stand; the two mended where right-to-left scripts come out wrong."""

from __future__ import annotations

import re
from ctypes import c_double
from typing import TYPE_CHECKING, Any

from rag.documents.pdf_columns import by_columns, may_have_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    Box = tuple[float, float, float, float]
    """Left, right, bottom and top of a letter, in points from the page's lower left corner."""

    BoxOf = Callable[[int], Box]

_ARABIC = re.compile("[\u0600-\u06ff]")
_LIGATURE = re.compile("[اأإآ]ل")
_LATIN_THEN_ARABIC = re.compile("(?<=[A-Za-z])(?=[\u0620-\u064a\u066e-\u06d3])")


def text_of(page: Any) -> str:
    """The page's text in reading order, with pdfium's line ends ("\\r\\n") and hyphen markers.

    Raises PdfiumError where pdfium cannot read the page.
    """
    letters = page.get_textpage()
    try:
        # By range, not by bounds: that drops line ends in tables and fuses the words around them.
        text = str(letters.get_text_range())
        if len(text) != letters.count_chars():  # letters and their boxes cannot be brought together
            return text
        box_of = _boxes(letters)
        if may_have_columns(text, box_of):
            return by_columns(text, [box_of(position) for position in range(len(text))]) or text
        return with_arabic_mended(text, box_of) if _ARABIC.search(text) else text
    finally:
        letters.close()


def with_arabic_mended(text: str, box_of: BoxOf) -> str:
    """The text with the ligatures of lam and alef in the order of speech, and Latin words apart from Arabic ones after them.

    A ligature is one glyph that stands for two letters. pdfium turns a line of glyphs around and the two with it, so that
    "لا" reads "ال", which could also be an article; the two letters of a ligature have one box.
    """
    letters = list(text)
    for found in _LIGATURE.finditer(text):
        first = found.start()
        if box_of(first) == box_of(first + 1):
            letters[first : first + 2] = letters[first + 1], letters[first]
    return _LATIN_THEN_ARABIC.sub(" ", "".join(letters))


def _boxes(letters: Any) -> BoxOf:
    from pypdfium2.raw import FPDFText_GetCharBox

    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    handle = letters.raw

    def box_of(position: int) -> Box:
        FPDFText_GetCharBox(handle, position, left, right, bottom, top)
        return left.value, right.value, bottom.value, top.value

    return box_of
