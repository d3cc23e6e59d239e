"""The numbers in the Markdown tables of a page, each under a name, and the file of JSON that keeps them beside the page.

A figure is named `HEADING | ROW | COLUMN`. Where a cell holds several numbers (`0.9 / 0.8`), the corner of its table names them
(`median / mean`), and the name goes on with `| mean`. Rows that begin alike have the texts of their other cells in their names,
and what is still alike is counted: `p95`, `p95 (2)`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

_NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?"
_CELL = re.compile(rf"({_NUMBER})(?: ?%)?(?: [\[(]({_NUMBER})(?:–| to )({_NUMBER})[\])])?")
_RULE = re.compile(r"\|[\s:|-]+\|")
_SEVERAL = " / "


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and the range around it: the least and the most of several rounds, or an interval. Without one, all three are alike."""

    value: float
    low: float
    high: float

    @property
    def has_range(self) -> bool:
        return self.low < self.high

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}–{self.high:.4g}]" if self.has_range else f"{self.value:.4g}"

    def over(self, other: Figure) -> Figure:
        """The quotient, and how far it can lie off when the two ranges are at odds. `other` is above 0."""
        return Figure(self.value / other.value, self.low / other.high, self.high / other.low)

    def meets(self, other: Figure) -> bool:
        """Whether the two ranges have anything in common."""
        return self.low <= other.high and other.low <= self.high


Figures = dict[str, Figure]


def read_figures(markdown: str) -> Figures:
    """All numbers of all tables, in the order of the page."""
    found: Figures = {}
    for heading, rows in _tables(markdown.splitlines()):
        (corner, *names), body = rows[0], rows[1:]
        columns = numbered(names)
        for label, row in zip(_labels(body), body, strict=True):
            for column, cell in zip(columns, row[1:], strict=False):
                for name, figure in _of_cell(cell, corner):
                    key = " | ".join(filter(None, (heading, label, column, name)))
                    found[_unused(key, found)] = figure
    return found


def find(figures: Mapping[str, Figure], pattern: str) -> Figure | None:
    """The last figure whose name is `pattern`, in which `*` stands for anything: of columns by size, the largest."""
    fitting = [figure for name, figure in figures.items() if fnmatchcase(name, pattern)]
    return fitting[-1] if fitting else None


def numbered(names: Iterable[str]) -> list[str]:
    """The names, each told from those before it."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def to_json(figures: Mapping[str, Figure]) -> dict[str, float | list[float]]:
    """A number, or a number with the ends of its range."""
    return {name: [one.value, one.low, one.high] if one.has_range else one.value for name, one in figures.items()}


def from_json(told: Mapping[str, float | Sequence[float]]) -> Figures:
    """What `to_json` gave."""
    return {name: Figure(*one) if isinstance(one, Sequence) else Figure(one, one, one) for name, one in told.items()}


def _tables(lines: Sequence[str]) -> Iterator[tuple[str, list[list[str]]]]:
    """The heading above each table, and its rows, the header first and without the rule below that."""
    heading, rows = "", []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append(line)
            continue
        if len(rows) > 2 and _RULE.fullmatch(rows[1].strip()):
            yield heading, [_cells(row) for row in (rows[0], *rows[2:])]
        rows = []
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()


def _cells(row: str) -> list[str]:
    return [re.sub(r"\*\*|`", "", cell).strip() for cell in row.strip()[1:-1].split("|")]


def _labels(rows: Sequence[Sequence[str]]) -> list[str]:
    """What each row is about: its first cell, and the other cells without numbers where several rows begin alike."""
    firsts = [row[0] for row in rows]
    if len(set(firsts)) == len(firsts):
        return firsts
    return [", ".join([row[0], *(cell for cell in row[1:] if cell and not re.search(r"\d", cell))]) for row in rows]


def _of_cell(cell: str, corner: str) -> Iterator[tuple[str, Figure]]:
    """The number or numbers of a cell, each with the corner's name for it."""
    names, parts = corner.partition(",")[0].split(_SEVERAL), cell.split(_SEVERAL)
    if len(parts) == 1:
        names = [""]
    if len(names) != len(parts):
        return
    for name, part in zip(names, parts, strict=True):
        if matched := _CELL.fullmatch(part):
            numbers = [float(text.replace(",", "")) for text in matched.groups() if text]
            yield name, Figure(numbers[0], *(numbers[1:] or numbers * 2))


def _unused(name: str, taken: Mapping[str, Figure]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
