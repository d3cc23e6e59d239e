"""Where on a page of a PDF what was filled in belongs: beside its label, in the row of its table, below the line above it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.documents.pdf.annotations import Area

    Box = tuple[float, float, float, float]
    Letters = tuple[str, Sequence[Box]]

_WORD = re.compile(r"\S+")
_WORD_END = re.compile(r"\s")
_LINE = re.compile(r"[^\r\n]+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_LETTER = re.compile(r"[^\W\d_]")
_WIDEST_SPACE = 1.0  # of a word's height; what is wider parts two fields
_NEAR = 3.0  # of a field's height: words behind it that are no further may be its label
_BESIDE = 6.0  # of a field's height: as much further away is a line above that is not over the field
_LEVEL = 0.75  # of a letter's height: as far may the middles of two letters of a line lie apart
_EDGE = 1.0  # points that a letter may stand out of its field


@dataclass(frozen=True, slots=True)
class Field:
    """What was filled in at one place, with the box of each of its characters."""

    text: str
    boxes: Sequence[Box]


@dataclass(slots=True)
class _Line:
    """A printed line or what was filled in: the box around it, and where in the text that begins and ends."""

    box: Box
    start: int
    end: int


@dataclass(slots=True)
class _Row:
    """Fields of one line that has no printed words before them."""

    place: int
    fields: list[tuple[Box, Field]]


def added(printed: Letters, drawn: Letters) -> Letters:
    """What was drawn onto the page beyond what is printed there; pdfium gives it at the end, or else among the printed words."""
    (content, boxes), (text, places) = printed, drawn
    if text.startswith(content):
        return text[len(content) :], places[len(content) :]
    known = Counter(zip(content, map(_rounded, boxes), strict=True))
    letters: list[tuple[str, Box]] = []
    for letter, box in zip(text, places, strict=True):
        key = letter, _rounded(box)
        if not letter.isspace() and known[key]:
            known[key] -= 1
            letters.append(("\n", box))
        else:
            letters.append((letter, box))
    return "".join(letter for letter, _ in letters), [box for _, box in letters]


def fields_of(text: str, boxes: Sequence[Box], areas: Sequence[Area]) -> Iterator[Field]:
    """What was filled in, given as it was drawn, and a mark for each button.

    What stands in one area is one field, of however many lines; outside of areas, words that stand close to each other are.
    """
    for start, end, number in _spans(text, boxes, areas):
        area = areas[number] if number >= 0 else None
        if area and area.mark:
            continue
        if area and area.comb and "".join(area.comb.split()) == "".join(text[start:end].split()):
            yield _comb(area.comb, [boxes[place] for place in range(start, end) if not text[place].isspace()])
        else:
            yield Field(text[start:end], boxes[start:end])
    yield from (Field(area.mark, [area.box]) for area in areas if area.mark)


def with_fields_in_place(text: str, boxes: Sequence[Box], fields: Sequence[Field]) -> tuple[str, list[Box]]:
    """The text with each field where a reader sees it, and the boxes of its characters.

    That is behind the words before it in its line, or else before those close behind it, or else below the line above it;
    what has none of these stands at the end.
    """
    letters = _LETTER.findall(text)
    mirrored = 2 * sum(bool(_RIGHT_TO_LEFT.match(letter)) for letter in letters) > len(letters)
    page = _Page(text, [_mirror(box) for box in boxes] if mirrored else boxes)
    placed = [([_mirror(box) for box in field.boxes] if mirrored else field.boxes, field) for field in fields]
    for seen, field in sorted(placed, key=lambda one: (-one[0][0][3], one[0][0][0])):
        page.place(seen, field)
    out, out_boxes, last = [], [], 0
    for place, before, field, after in page.insertions():
        out += [text[last:place], before, field.text, after]
        out_boxes += [*boxes[last:place], *[field.boxes[0]] * len(before), *field.boxes, *[field.boxes[-1]] * len(after)]
        last = min(place, len(text))
    return "".join([*out, text[last:]]), [*out_boxes, *boxes[last:]]


class _Page:
    """A page's printed text with its letters' boxes, as if it ran from left to right, and what was placed on it so far."""

    def __init__(self, text: str, boxes: Sequence[Box]) -> None:
        self.text, self.boxes = text, boxes
        self.printed = list(_printed_lines(text, boxes))
        self.lines = [*self.printed]
        self.behind: dict[int, list[tuple[Box, Field]]] = defaultdict(list)
        self.ahead: dict[int, list[tuple[Box, Field]]] = defaultdict(list)
        self.rows: dict[int, list[_Row]] = defaultdict(list)

    def place(self, seen: Sequence[Box], field: Field) -> None:
        """Places a field, given the boxes of its characters; those above it have to be placed before."""
        first, around = seen[0], _around(seen)
        level = [(box, place, line) for line, place, box in self._level(first)]
        left = [one for one in level if one[0][1] < first[0] + 0.2 * _height(first)]
        if left:
            _, place, line = max(left, key=lambda one: (one[0][1], one[1]))
            self.behind[self._word_end(place)].append((first, field))
            self.lines.append(_Line(around, line.start, line.end))
            return
        right = [one for one in level if one[0][0] < around[1] + _NEAR * _height(first)]
        if right:
            _, place, line = min(right, key=lambda one: (one[0][0], one[1]))
            self.ahead[self._word_start(place, line)].append((first, field))
            self.lines.append(_Line(around, line.start, line.end))
            return
        end = self._below(first, around)
        row = next((row for row in self.rows[end] if is_level(row.fields[0][0], first)), None)
        if row is None:
            row = _Row(end, [])
            self.rows[end].append(row)
        row.fields.append((first, field))
        self.lines.append(_Line(around, end, end))

    def insertions(self) -> Iterator[tuple[int, str, Field, str]]:
        """By their places in the text: what comes before a field, the field, and what comes after it."""
        for place in sorted({*self.behind, *self.ahead, *self.rows}):
            for _, field in sorted(self.behind.get(place, ()), key=_left):
                yield place, " ", field, ""
            for row in self.rows.get(place, ()):
                for number, (_, field) in enumerate(sorted(row.fields, key=_left)):
                    yield place, " " if number else "\r\n", field, ""
            for _, field in sorted(self.ahead.get(place, ()), key=_left):
                yield place, "", field, " "

    def _level(self, field: Box) -> Iterator[tuple[_Line, int, Box]]:
        """The printed letters that are level with the field, each with its line and place."""
        reach = _height(field)
        for line in self.printed:
            if line.box[2] - reach < field[3] and field[2] < line.box[3] + reach:
                for place in range(line.start, line.end):
                    box = self.boxes[place]
                    if self.text[place] == "_":  # what is written on it stands as high as the field
                        box = (box[0], box[1], box[2], box[2] + reach)
                    if not self.text[place].isspace() and is_level(field, box):
                        yield line, place, box

    def _below(self, first: Box, around: Box) -> int:
        """The end of the line that the field is to stand below; beyond the text's end where there is none."""
        height = _height(first)
        above = [
            (line.box[2] - first[3] + _BESIDE * height * (not _is_over(line.box, around, _NEAR * height)), -number, line.end)
            for number, line in enumerate(self.lines)
            if line.box[2] > first[3] - 0.5 * height
        ]
        return min(above)[2] if above else len(self.text) + 1

    def _word_end(self, place: int) -> int:
        found = _WORD_END.search(self.text, place)
        return found.start() if found else len(self.text)

    def _word_start(self, place: int, line: _Line) -> int:
        starts = [word.start() for word in _WORD.finditer(self.text, line.start, line.end)]
        return starts[bisect_right(starts, place) - 1]


def _printed_lines(text: str, boxes: Sequence[Box]) -> Iterator[_Line]:
    for line in _LINE.finditer(text):
        inked = [boxes[place] for place in range(*line.span()) if not text[place].isspace()]
        if inked:
            yield _Line(_around(inked), line.start(), line.end())


def _spans(text: str, boxes: Sequence[Box], areas: Sequence[Area]) -> Iterator[tuple[int, int, int]]:
    """Where fields begin and end, and the numbers of their areas; -1 for a field outside of all."""
    field: tuple[int, int, int] | None = None
    guess = 0
    for word in _WORD.finditer(text):
        number = _area(boxes[word.start()], areas, guess)
        guess = max(number, 0)
        if field and field[2] == number and (number >= 0 or _is_close(text, field[1], word.start(), boxes)):
            field = field[0], word.end(), number
            continue
        if field:
            yield field
        field = (*word.span(), number)
    if field:
        yield field


def _area(box: Box, areas: Sequence[Area], guess: int) -> int:
    """The number of the area that the letter stands in, looked for from the guess on; -1 where there is none."""
    across, up = (box[0] + box[1]) / 2, (box[2] + box[3]) / 2
    for number in chain(range(guess, len(areas)), range(guess)):
        left, right, bottom, top = areas[number].box
        if left - _EDGE <= across <= right + _EDGE and bottom - _EDGE <= up <= top + _EDGE:
            return number
    return -1


def _is_close(text: str, end: int, start: int, boxes: Sequence[Box]) -> bool:
    last, first = boxes[end - 1], boxes[start]
    space = _WIDEST_SPACE * max(_height(last), _height(first))
    return "\n" not in text[end:start] and -space < first[0] - last[1] < space and is_level(last, first)


def _comb(value: str, boxes: Sequence[Box]) -> Field:
    """What was filled in with one character to each cell, with the spaces that were typed."""
    value = " ".join(value.split())
    places = [len("".join(value[: number + 1].split())) - 1 for number in range(len(value))]
    return Field(value, [boxes[place] for place in places])


def _rounded(box: Box) -> Box:
    return round(box[0], 1), round(box[1], 1), round(box[2], 1), round(box[3], 1)


def _left(placed: tuple[Box, Field]) -> float:
    return placed[0][0]


def _mirror(box: Box) -> Box:
    return -box[1], -box[0], box[2], box[3]


def _height(box: Box) -> float:
    return box[3] - box[2]


def _around(boxes: Sequence[Box]) -> Box:
    return min(b[0] for b in boxes), max(b[1] for b in boxes), min(b[2] for b in boxes), max(b[3] for b in boxes)


def _is_over(above: Box, below: Box, reach: float) -> bool:
    return above[0] - reach < below[1] and below[0] < above[1] + reach


def is_level(one: Box, other: Box) -> bool:
    """Whether two letters stand in one line."""
    return abs(one[2] + one[3] - other[2] - other[3]) / 2 < _LEVEL * max(one[3] - one[2], other[3] - other[2])
