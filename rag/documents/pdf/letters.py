"""A page's text as pdfium reads it, and where its letters stand; the two mended where other scripts come out wrong."""

from __future__ import annotations

import re
from contextlib import closing
from ctypes import c_double
from dataclasses import replace
from math import pi
from typing import TYPE_CHECKING, Any

from rag.documents.pdf.annotations import areas_of, draw_into_content
from rag.documents.pdf.columns import by_columns, may_have_columns
from rag.documents.pdf.east_asian import in_whole_sentences
from rag.documents.pdf.fields import added, fields_of, is_level, with_fields_in_place
from rag.documents.pdf.right_to_left import in_order_of_speech

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Box = tuple[float, float, float, float]
    """Left, right, bottom and top of a letter, in points from the page's lower left corner."""

    BoxOf = Callable[[int], Box]
    Turn = Callable[[float, float, float, float], Box]

_LETTER = re.compile(r"\w")
_LINE = re.compile(r"[^\r\n]+")
_INKED = re.compile(r"\S")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_OTHER_SCRIPT = re.compile("[\u0590-\u08ff\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef]")

# By quarter turns of the text, clockwise: how a box is to be turned back.
_TURNED: tuple[Turn | None, ...] = (
    None,
    lambda left, right, bottom, top: (-top, -bottom, left, right),
    lambda left, right, bottom, top: (-right, -left, -top, -bottom),
    lambda left, right, bottom, top: (bottom, top, -right, -left),
)


def text_of(page: Any) -> str:
    """The page's text in reading order, with pdfium's line ends ("\\r\\n") and hyphen markers.

    Raises PdfiumError where pdfium cannot read the page.
    """
    with closing(page.get_textpage()) as letters:
        text = _as_pdfium_reads(letters)
        turns = _quarter_turns(letters, text)
        box_of = _boxes_of(letters, text, turns)
        if box_of is None:
            return text
        return _mended(*_in_columns(*_from_the_top(text, box_of, turns, page)))


def text_with_fields(document: Any, number: int) -> str:
    """The text of a page with what was filled in and typed onto it. The page must not be open elsewhere.

    Raises PdfiumError where pdfium cannot read the page.
    """
    with closing(document[number]) as page:
        with closing(page.get_textpage()) as letters:
            content = _as_pdfium_reads(letters)
            turns = _quarter_turns(letters, content)
            boxes = _all_boxes(letters, content, turns)
        areas = areas_of(document, page)
        draw_into_content(page)
    with closing(document[number]) as page:
        with closing(page.get_textpage()) as letters:
            text = _as_pdfium_reads(letters)
            drawn = _all_boxes(letters, text, turns)
        if boxes is None or drawn is None:
            return text_of(page)
        if turn := _TURNED[turns]:
            areas = [replace(area, box=turn(*area.box)) for area in areas]
        fields = fields_of(*added((content, boxes), (text, drawn)), areas)
        content, box_of = _in_columns(*_from_the_top(content, boxes.__getitem__, turns, page))
        text, boxes = with_fields_in_place(content, [box_of(place) for place in range(len(content))], list(fields))
        return _mended(text, boxes.__getitem__)


def _as_pdfium_reads(letters: Any) -> str:
    # By range, not by bounds: that drops line ends in tables and fuses the words around them.
    return str(letters.get_text_range())


def _from_the_top(text: str, box_of: BoxOf, turns: int, page: Any) -> tuple[str, BoxOf]:
    """The lines from first to last, which pdfium turns around where a reader sees the text turned clockwise."""
    if (turns + page.get_rotation() // 90) % 4 != 1:
        return text, box_of
    lines = [line.span() for line in _LINE.finditer(text) if not line[0].isspace()]
    starts = {line: box_of(_INKED.search(text, *line).start()) for line in lines}  # type: ignore[union-attr]
    lines.sort(key=lambda line: -starts[line][3])
    rows: list[list[tuple[int, int]]] = []
    for line in lines:
        if rows and is_level(starts[rows[-1][0]], starts[line]):
            rows[-1].append(line)
        else:
            rows.append([line])
    parts = [line for row in rows for line in sorted(row, key=lambda line: starts[line][0])]
    return _put_together(text, parts, box_of)


def _in_columns(text: str, box_of: BoxOf) -> tuple[str, BoxOf]:
    """The text with the lines of one column after those of the other, and the boxes of its letters."""
    if may_have_columns(text, box_of) and (parts := by_columns(text, [box_of(place) for place in range(len(text))])):
        return _put_together(text, parts, box_of)
    return text, box_of


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


def _all_boxes(letters: Any, text: str, turns: int) -> list[Box] | None:
    box_of = _boxes_of(letters, text, turns)
    return None if box_of is None else [box_of(place) for place in range(len(text))]


def _boxes_of(letters: Any, text: str, turns: int) -> BoxOf | None:
    """The boxes of the text's letters; None where the two cannot be brought together."""
    from pypdfium2.raw import FPDFText_GetCharIndexFromTextIndex

    box_of = _boxes(letters, _TURNED[turns])
    if len(text) == letters.count_chars():
        return box_of
    if not text or max(text) > "\uffff":  # pdfium counts a character beyond as two
        return None
    return lambda position: box_of(FPDFText_GetCharIndexFromTextIndex(letters.raw, position))


def _boxes(letters: Any, turn: Turn | None) -> BoxOf:
    """The boxes as a reader sees them who holds the page so that its text runs from left to right."""
    from pypdfium2.raw import FPDFText_GetCharBox

    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    handle = letters.raw

    def box_of(position: int) -> Box:
        FPDFText_GetCharBox(handle, position, left, right, bottom, top)
        return left.value, right.value, bottom.value, top.value

    return box_of if turn is None else lambda position: turn(*box_of(position))


def _quarter_turns(letters: Any, text: str) -> int:
    """By how many quarters of a circle the text is turned clockwise on the unturned page."""
    from pypdfium2.raw import FPDFText_GetCharAngle

    letter = _LETTER.search(text, len(text) // 2)
    clockwise = FPDFText_GetCharAngle(letters.raw, letter.start()) if letter else 0.0
    return round(clockwise * 2 / pi) % 4
