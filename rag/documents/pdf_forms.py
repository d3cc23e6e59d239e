"""What people have filled in and typed onto a PDF's pages: fields of forms, free text and stamps, at the places where they stand."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Box = tuple[float, float, float, float]
    BoxOf = Callable[[int], Box]

_WORD = re.compile(r"\S+")
_WORD_END = re.compile(r"\s")
_LINE_END = re.compile(r"[\r\n]")
_MOST = 2_000  # annotations of a page that are looked at
_WIDEST_SPACE = 1.0  # of a word's height; what is wider parts two fields
_ABOVE = 3.0  # of a field's height: as far may the words above it be, and as far to the side may they begin
_LEVEL = 0.75  # of a letter's height: as far may the middles of two letters of a line lie apart


def open_forms(document: Any) -> None:
    """Lets pdfium draw the fields of a form whose program has left that to the reader; no script is run."""
    from pypdfium2.raw import FORMTYPE_NONE

    if document.get_formtype() != FORMTYPE_NONE:
        document.init_forms()


def is_filled(page: Any) -> bool:
    """Whether something may stand on the page that is no part of its content."""
    from pypdfium2 import raw

    typed = (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP)
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind in typed:
            return True
    return False


def draw_into_content(page: Any) -> bool:
    """Makes what is seen of forms and notes a part of the page's content; the page has to be opened again."""
    from pypdfium2.raw import FLAT_NORMALDISPLAY, FLATTEN_SUCCESS, FPDFPage_Flatten

    return bool(FPDFPage_Flatten(page, FLAT_NORMALDISPLAY) == FLATTEN_SUCCESS)


def with_fields_in_place(text: str, length: int, box_of: BoxOf) -> str:
    """The text, in which what was filled in begins at `length`, with each field where a reader sees it.

    That is behind the words left of it, or else below the line above it; what has neither stays at the end.
    """
    boxes = [(place, box_of(place)) for place in range(length) if not text[place].isspace()]
    added: dict[int, str] = {}
    for start, end in _fields(text, length, box_of):
        place, space = _place(text, length, boxes, box_of(start))
        added[place] = added.get(place, "") + space + text[start:end]
    cuts = [0, *sorted({*added, length})]
    return "".join(text[start:end] + added.get(end, "") for start, end in pairwise(cuts))


def _place(text: str, length: int, boxes: Sequence[tuple[int, Box]], field: Box) -> tuple[int, str]:
    """Where a field belongs in the text, and the space between the two."""
    height = field[3] - field[2]
    left = [(box[1], place) for place, box in boxes if box[1] < field[0] + 0.2 * height and _is_level(field, box)]
    if left:
        return _end(_WORD_END, text, max(left)[1], length), " "
    above = [
        (box[2], -place)
        for place, box in boxes
        if field[3] - 0.5 * height < box[2] < field[3] + _ABOVE * height and abs(box[0] - field[0]) < _ABOVE * height
    ]
    if above:
        return _end(_LINE_END, text, -min(above)[1], length), "\r\n"
    return length, "\r\n"


def _end(ending: re.Pattern[str], text: str, place: int, length: int) -> int:
    found = ending.search(text, place, length)
    return found.start() if found else length


def _fields(text: str, start: int, box_of: BoxOf) -> Iterator[tuple[int, int]]:
    """The words from `start` on, those together that stand close to each other in one line."""
    field: tuple[int, int] | None = None
    for word in _WORD.finditer(text, start):
        if field:
            last, first = box_of(field[1] - 1), box_of(word.start())
            space = _WIDEST_SPACE * max(last[3] - last[2], first[3] - first[2])
            if "\n" not in text[field[1] : word.start()] and -space < first[0] - last[1] < space and _is_level(last, first):
                field = field[0], word.end()
                continue
            yield field
        field = word.span()
    if field:
        yield field


def _is_level(one: Box, other: Box) -> bool:
    return abs(one[2] + one[3] - other[2] - other[3]) / 2 < _LEVEL * max(one[3] - one[2], other[3] - other[2])
