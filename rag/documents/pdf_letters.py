"""A page's text as pdfium reads it, and where its letters stand; the two mended where other scripts come out wrong."""

from __future__ import annotations

import re
from contextlib import closing
from ctypes import c_double
from math import pi
from typing import TYPE_CHECKING, Any

from rag.documents.pdf_columns import by_columns, may_have_columns
from rag.documents.pdf_east_asian import in_whole_sentences
from rag.documents.pdf_forms import draw_into_content, with_fields_in_place
from rag.documents.pdf_right_to_left import in_order_of_speech

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Box = tuple[float, float, float, float]
    """Left, right, bottom and top of a letter, in points from the page's lower left corner."""

    BoxOf = Callable[[int], Box]

_LETTER = re.compile(r"\w")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_OTHER_SCRIPT = re.compile("[\u0590-\u08ff\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef]")

# By quarter turns of the text, clockwise: how a box is to be turned back.
_TURNED: tuple[Callable[[float, float, float, float], Box] | None, ...] = (
    None,
    lambda left, right, bottom, top: (-top, -bottom, left, right),
    lambda left, right, bottom, top: (-right, -left, -top, -bottom),
    lambda left, right, bottom, top: (bottom, top, -right, -left),
)


def text_of(page: Any) -> str:
    """The page's text in reading order, with pdfium's line ends ("\\r\\n") and hyphen markers.

    Raises PdfiumError where pdfium cannot read the page.
    """
    letters = page.get_textpage()
    try:
        # By range, not by bounds: that drops line ends in tables and fuses the words around them.
        text = str(letters.get_text_range())
        box_of = _boxes_of(letters, text)
        if box_of is None:
            return text
        if may_have_columns(text, box_of) and (parts := by_columns(text, [box_of(place) for place in range(len(text))])):
            text, box_of = _put_together(text, parts, box_of)
        return _mended(text, box_of)
    finally:
        letters.close()


def text_with_fields(document: Any, number: int) -> str:
    """The text of a page with what was filled in and typed onto it. The page must not be open elsewhere.

    Raises PdfiumError where pdfium cannot read the page.
    """
    with closing(document[number]) as page:
        content, drawn = _as_pdfium_reads(page), draw_into_content(page)
    with closing(document[number]) as page:
        if not drawn:
            return text_of(page)
        with closing(page.get_textpage()) as letters:
            text = str(letters.get_text_range())
            box_of = _boxes_of(letters, text)
            if box_of and len(text) > len(content) and text.startswith(content) and not _OTHER_SCRIPT.search(text):
                return with_fields_in_place(text, len(content), box_of)
        return text_of(page)


def _as_pdfium_reads(page: Any) -> str:
    with closing(page.get_textpage()) as letters:
        return str(letters.get_text_range())


def _mended(text: str, box_of: BoxOf) -> str:
    if not _OTHER_SCRIPT.search(text):
        return text
    return in_order_of_speech(text, box_of) if _RIGHT_TO_LEFT.search(text) else in_whole_sentences(text, box_of)


def _put_together(text: str, parts: Sequence[tuple[int, int]], box_of: BoxOf) -> tuple[str, BoxOf]:
    """The parts as lines, and the boxes of their letters."""
    places: list[int] = []
    for start, end in parts:
        places += [*range(start, end), end - 1, end - 1]  # the line's end, "\r\n", is where its last letter is
    return "\r\n".join(text[start:end] for start, end in parts), lambda position: box_of(places[position])


def _boxes_of(letters: Any, text: str) -> BoxOf | None:
    """The boxes of the text's letters; None where the two cannot be brought together."""
    from pypdfium2.raw import FPDFText_GetCharIndexFromTextIndex

    box_of = _boxes(letters, text)
    if len(text) == letters.count_chars():
        return box_of
    if not text or max(text) > "\uffff":  # pdfium counts a character beyond as two
        return None
    return lambda position: box_of(FPDFText_GetCharIndexFromTextIndex(letters.raw, position))


def _boxes(letters: Any, text: str) -> BoxOf:
    """The boxes as a reader sees them who holds the page so that its text runs from left to right."""
    from pypdfium2.raw import FPDFText_GetCharAngle, FPDFText_GetCharBox

    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    handle = letters.raw
    letter = _LETTER.search(text, len(text) // 2)
    clockwise = FPDFText_GetCharAngle(handle, letter.start()) if letter else 0.0
    turned = _TURNED[round(clockwise * 2 / pi) % 4]

    def box_of(position: int) -> Box:
        FPDFText_GetCharBox(handle, position, left, right, bottom, top)
        return left.value, right.value, bottom.value, top.value

    return box_of if turned is None else lambda position: turned(*box_of(position))
