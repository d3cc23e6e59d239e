"""Columns that a PDF holds line by line across the page. Most hold them one after the other, and are read as they are.

Only pages of long lines are looked at, and of those a few lines first: the boxes of all letters would cost more than the text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Box = tuple[float, float, float, float]
    Part = tuple[int, int]

_LINE = re.compile(r"[^\r\n]+")
_WORD = re.compile(r"\S+")
_FEWEST_LINES = 8
_LONG = 40  # characters
_WIDEST_WORD_SPACE = 0.9  # of the line's height; what is wider may be the space between two columns
_SHARE = 0.6  # of the long lines must have the space between the columns
_FEWEST_LETTERS = 18  # characters of a column's line; what has less is a table
_LETTERS = 0.6  # of these characters
_MOSTLY = 0.7  # of a column's lines are such
_FILLED = 0.75  # of the column's width, taken in the middle: the lines of a text end where the column does
_STEP = 4.0  # points


@dataclass(frozen=True, slots=True)
class _Gap:
    """A wide space in a line, before the character `position`."""

    position: int
    left: float
    right: float


def may_have_columns(text: str, box_of: Callable[[int], Box]) -> bool:
    """Whether two of three long lines, looked at as samples, look like lines of two texts."""
    lines = [line.span() for line in _LINE.finditer(text) if line.end() - line.start() >= _LONG]
    if len(lines) < _FEWEST_LINES:
        return False
    first, second, third = (lines[len(lines) * number // 4] for number in (1, 2, 3))
    doubles = _is_double(text, first, box_of) + _is_double(text, second, box_of)
    return doubles == 2 or (doubles == 1 and _is_double(text, third, box_of))


def by_columns(text: str, boxes: Sequence[Box]) -> list[Part] | None:
    """The lines of the left column before those of the right, between lines that cross both; None where it has no such columns.

    A part is where it begins in the text and where it ends.
    """
    lines = [line.span() for line in _LINE.finditer(text) if text[line.start() : line.end()].strip()]
    gaps = [_gaps(text, line, boxes.__getitem__) for line in lines]
    gutter = _gutter(gaps)
    if gutter is None:
        return None
    cuts = [next((gap.position for gap in found if gap.left <= gutter <= gap.right), None) for found in gaps]
    sides = [_parts(text, line, cut, gutter, boxes) for line, cut in zip(lines, cuts, strict=True)]
    both = [(left, right) for left, right, across in sides if left and right and not across]
    long = sum(end - start >= _LONG for start, end in lines)
    if len(both) < max(_FEWEST_LINES, _SHARE * long):
        return None
    if not all(_is_prose(text, column, boxes) for column in zip(*both, strict=True)):
        return None
    return [_stripped(text, part) for part in _ordered(sides)]


def _stripped(text: str, part: Part) -> Part:
    piece = text[slice(*part)]
    return part[0] + len(piece) - len(piece.lstrip()), part[0] + len(piece.rstrip())


def _is_double(text: str, line: Part, box_of: Callable[[int], Box]) -> bool:
    """Whether the line is two pieces of text with one wide space between them, in its middle."""
    start, end = line
    quarter = (end - start) // 4
    gaps = _gaps(text, (start + quarter, end - quarter), box_of)
    return len(gaps) == 1 and all(_has_words(text, part) for part in ((start, gaps[0].position), (gaps[0].position, end)))


def _has_words(text: str, part: Part) -> bool:
    piece = text[slice(*part)].strip()
    return len(piece) >= _FEWEST_LETTERS and sum(map(str.isalpha, piece)) >= _LETTERS * len(piece)


def _gaps(text: str, line: Part, box_of: Callable[[int], Box]) -> list[_Gap]:
    """The wide spaces of the line, from left to right."""
    words = [word.span() for word in _WORD.finditer(text, *line)]
    edges = [(box_of(end - 1), box_of(start), start) for (_, end), (start, _) in pairwise(words)]
    height = max((box[3] - box[2] for last, first, _ in edges for box in (last, first)), default=0.0)
    gaps = [_Gap(start, last[1], first[0]) for last, first, start in edges]
    return [gap for gap in gaps if gap.right - gap.left > _WIDEST_WORD_SPACE * height]


def _gutter(gaps: Sequence[Sequence[_Gap]]) -> float | None:
    """Where most lines have a gap."""
    steps = Counter(
        step for found in gaps for gap in found for step in range(int(gap.left / _STEP) + 1, int(gap.right / _STEP) + 1)
    )
    if not steps:
        return None
    most = max(steps.values())
    best = sorted(step for step, count in steps.items() if count == most)
    return best[len(best) // 2] * _STEP


def _parts(
    text: str, line: Part, cut: int | None, gutter: float, boxes: Sequence[Box]
) -> tuple[Part | None, Part | None, Part | None]:
    """What the line has in the left column, in the right one, and across both."""
    start, end = line
    if cut is not None:
        return (start, cut), (cut, end), None
    inked = [boxes[position] for position in range(start, end) if not text[position].isspace()]
    if max(box[1] for box in inked) <= gutter:
        return line, None, None
    if min(box[0] for box in inked) >= gutter:
        return None, line, None
    return None, None, line


def _is_prose(text: str, column: Sequence[Part], boxes: Sequence[Box]) -> bool:
    if sum(_has_words(text, part) and not _gaps(text, part, boxes.__getitem__) for part in column) < _MOSTLY * len(column):
        return False
    spans = [[box for box in boxes[start:end] if box[1] > box[0]] or [(0.0, 0.0, 0.0, 0.0)] for start, end in column]
    edges = [(min(box[0] for box in span), max(box[1] for box in span)) for span in spans]
    width = max(right for _, right in edges) - min(left for left, _ in edges)
    return median(right - left for left, right in edges) >= _FILLED * width


def _ordered(sides: Sequence[tuple[Part | None, Part | None, Part | None]]) -> Iterator[Part]:
    lefts: list[Part] = []
    rights: list[Part] = []
    for left, right, across in sides:
        lefts += [left] if left else []
        rights += [right] if right else []
        if across:
            yield from (*lefts, *rights, across)
            lefts, rights = [], []
    yield from (*lefts, *rights)
