"""Tables in plain text: rows of cells with bars or tabs between, and what each cell is of: its row, its columns and its section.

>>> table = tables_in("Region | 2022 | 2023\\nNorth | 340 | 395\\nSouth | 281 | 290")[0]
>>> [(cell.text, cell.label, cell.column) for cell in table.values[:2]]
[('340', 'North', '2022'), ('395', 'North', '2023')]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from rag.grounding.quantities import TIMES, quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.grounding.quantities import Quantity

SEPARATOR = re.compile(r"\s*(?:\||\t)\s*")
RULE = re.compile(r"[\s|:+=-]*-[\s|:+=-]*")
LETTERS = re.compile(r"[^\W\d_]{2,}")
NO_SIGN = re.compile(r"[^\W_]")
FOOTNOTE = re.compile(r"\(\w\)|\[\w\]")
DIGIT = re.compile(r"\d")
LEAST_ROWS = 2
YEARS = range(1800, 2100)
CAPTION = 400
"""So many characters in front of a table may be its caption."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number in a table at `start` to `end` of the text, with the words that say what it is.

    `label` is the text of its row, `column` that of the header above it, `section` the last row of a single cell.
    """

    start: int
    end: int
    text: str
    row: int
    label: str
    column: str
    section: str
    quantity: Quantity


@dataclass(frozen=True)
class Table:
    """A table of a text. `rows` are spans of lines, `grid` those of the cells of each.

    The first `header` rows are the header; `caption` is what the text says before the table.
    """

    text: str
    start: int
    end: int
    rows: tuple[tuple[int, int], ...]
    grid: tuple[tuple[tuple[int, int], ...], ...]
    header: int
    caption: str

    @property
    def header_span(self) -> tuple[int, int] | None:
        """(start, end) of the header rows; None where the table has none."""
        return (self.rows[0][0], self.rows[self.header - 1][1]) if self.header else None

    @cached_property
    def values(self) -> tuple[Cell, ...]:
        """Every cell below the header that is a number."""
        found: list[Cell] = []
        section = ""
        for number in range(self.header, len(self.rows)):
            if _is_title(self.text, self.grid[number]):
                section = self.text[slice(*self.grid[number][0])]
            else:
                found += self._values_of(number, section)
        return tuple(found)

    def _values_of(self, number: int, section: str) -> list[Cell]:
        row = self.grid[number]
        texts = [self.text[start:end] for start, end in row]
        is_value = [
            position > 0 and position not in self._years and value_of(text) is not None for position, text in enumerate(texts)
        ]
        label = " ".join(text for text, value in zip(texts, is_value, strict=True) if text and not value)
        cells = []
        for position, (start, end) in enumerate(row):
            quantity = value_of(texts[position]) if is_value[position] else None
            if quantity is not None:
                cells.append(Cell(start, end, texts[position], number, label, self._column(position), section, quantity))
        return cells

    @cached_property
    def _years(self) -> frozenset[int]:
        """The columns of which every cell is a year, which names its row."""
        found = set(range(1, max(map(len, self.grid))))
        for row in self.grid[self.header :]:
            cells = [self.text[start:end] for start, end in row]
            found -= {position for position, cell in enumerate(cells) if cell and not _is_year(cell)}
        named = {
            position
            for row in self.grid[: self.header]
            for position, span in enumerate(row)
            if _is_year(self.text[slice(*span)])
        }
        return frozenset(found - named)

    def _column(self, position: int) -> str:
        """The header above a cell; an upper row that leaves the place blank speaks for what is to its left."""
        parts = []
        for number in range(self.header):
            row = self.grid[number]
            own = position
            while own > 0 and number < self.header - 1 and (own >= len(row) or row[own][0] == row[own][1]):
                own -= 1
            if 0 < own < len(row) or (own == 0 and position == 0):
                parts.append(self.text[slice(*row[own])])
        return " ".join(filter(None, parts))


@lru_cache(maxsize=256)
def tables_in(text: str) -> tuple[Table, ...]:
    """The tables of a text in order."""
    found = []
    lines = _lines(text)
    block: list[tuple[int, int]] = []
    for line in [*lines, None]:
        if line is not None and SEPARATOR.search(text, *line) and text[line[0] : line[1]].strip(" |"):
            block.append(line)
        elif block:
            found += _table(text, block)
            block = []
    return tuple(found)


def _lines(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"[^\n]+", text)]


def _table(text: str, block: Sequence[tuple[int, int]]) -> list[Table]:
    lines = [span for span in block if not RULE.fullmatch(text, *span)]
    if len(lines) < LEAST_ROWS:
        return []
    is_framed = all(text[start:end].lstrip().startswith("|") for start, end in lines)
    rows = tuple(_stripped(text, *span) if is_framed else span for span in lines)
    grid = tuple(tuple(_cells(text, start, end, is_framed=is_framed)) for start, end in rows)
    start, end = block[0][0], block[-1][1]
    return [Table(text, start, end, rows, grid, _header_rows(text, grid), text[max(0, start - CAPTION) : start])]


def _header_rows(text: str, grid: Sequence[Sequence[tuple[int, int]]]) -> int:
    """How many of the first rows are the header: those without a value that is no year, the titles of sections left out."""
    first = next((number for number, row in enumerate(grid) if any(_is_below_a_header(text, span) for span in row[1:])), 1)
    while first > 1 and _is_title(text, grid[first - 1]):
        first -= 1
    return first


def _is_below_a_header(text: str, span: tuple[int, int]) -> bool:
    cell = text[slice(*span)]
    return value_of(cell) is not None and not _is_year(cell)


def _is_title(text: str, row: Sequence[tuple[int, int]]) -> bool:
    """Whether a row has its first cell only, and words in it."""
    filled = [position for position, (start, end) in enumerate(row) if start < end]
    return filled == [0] and _is_words(text[slice(*row[0])])


def _cells(text: str, start: int, end: int, *, is_framed: bool) -> list[tuple[int, int]]:
    """(start, end) of each cell of a line without the blanks around it; the bars of a frame part nothing."""
    spans: list[tuple[int, int]] = []
    position = start
    for match in SEPARATOR.finditer(text, start, end):
        spans.append((position, match.start()))
        position = match.end()
    spans.append((position, end))
    if is_framed:
        spans = spans[1:-1] if position == end else spans[1:]
    return [_stripped(text, *span) for span in spans]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return (start + left, max(start + left, start + len(piece.rstrip())))


@lru_cache(maxsize=4096)
def value_of(text: str) -> Quantity | None:
    """The number that a cell holds, and nothing else beside signs and units; None for words, dates and blanks."""
    if not DIGIT.search(text):
        return None
    cell = f"| {text} |"
    found = [quantity for quantity in quantities(cell) if quantity.unit not in ("date", *TIMES)]
    rest = "".join(sign for place, sign in enumerate(cell) if not any(q.start <= place < q.end for q in found))
    return found[0] if len(found) == 1 and not NO_SIGN.search(FOOTNOTE.sub("", rest)) else None


def _is_year(text: str) -> bool:
    value = value_of(text)
    return value is not None and not value.unit and value.value in YEARS and len(text.strip("()* ")) == 4


def _is_words(text: str) -> bool:
    return LETTERS.search(text) is not None


def header_of(text: str, start: int, end: int) -> tuple[int, int] | None:
    """(start, end) of the header of the table whose rows a span of a text lies in; None outside of tables."""
    inside = (table for table in tables_in(text) if table.start <= start and end <= table.end)
    return next((table.header_span for table in inside if table.header_span and table.header_span[1] <= start), None)
