"""The rows of HTML tables, every cell below its header: cells that span others, and empty ones, have their room."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rag.documents.common.flow import Flow
from rag.documents.common.writer import LONGEST_REPEATED, aligned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The HTML standard's bounds for what a cell may span.
_MOST_COLUMNS = 1000
_MOST_ROWS = 65_534
# Cells and characters that are added to a page's own, by repeating texts and by keeping columns apart.
_MOST_ADDED = 1_000_000
_SPAN = re.compile(r"\s*\+?(\d+)", re.ASCII)


@dataclass(slots=True)
class Cell:
    """A cell as it is read: its words, and how many columns and rows it takes."""

    flow: Flow = field(default_factory=Flow)
    columns: int = 1
    rows: int = 1

    @classmethod
    def of(cls, element: Any) -> Cell:
        """The empty cell of a td or th. `rowspan="0"` reaches to the end of the group of rows."""
        columns = _span(element.get("colspan"), _MOST_COLUMNS) or 1
        return cls(Flow(), columns, _span(element.get("rowspan"), _MOST_ROWS, otherwise=1) or _MOST_ROWS)


def bound_spans(root: Any, most: int) -> None:
    """Let no cell of a tree span others where a reader that makes cells of what they span would make more than `most`."""
    spanning = list(root.xpath("//*[@rowspan or @colspan]"))
    if sum((_span(cell.get("colspan"), most) or 1) * (_span(cell.get("rowspan"), most) or 1) for cell in spanning) > most:
        for cell in spanning:
            for name in ("rowspan", "colspan"):
                cell.attrib.pop(name, None)


def _span(text: str | None, most: int, *, otherwise: int = 0) -> int:
    if not text:
        return otherwise
    found = _SPAN.match(text)
    return min(int(found[1][:9]), most) if found else otherwise


@dataclass(slots=True)
class _Reaching:
    """A cell that reaches into rows below: so many are left."""

    column: int
    columns: int
    rows: int
    text: str


@dataclass(slots=True)
class _Table:
    """Rows that wait to be written, as texts by their column, and the cells that reach into the next, by column."""

    rows: list[dict[int, str]] = field(default_factory=list)
    reaching: list[_Reaching] = field(default_factory=list)


class Tables:
    """The tables of a page that are open, the innermost last. What stands in no table has one of its own."""

    def __init__(self) -> None:
        self._open = [_Table()]
        self._room = _MOST_ADDED

    def begin(self) -> None:
        """A table opens."""
        self._open.append(_Table())

    def end(self) -> None:
        """It closes; its rows have been taken."""
        self._open.pop()

    def end_group(self) -> None:
        """No cell reaches from a table's head into its body, nor from one body into the next."""
        self._open[-1].reaching = []

    def add(self, cells: Sequence[Cell]) -> None:
        """A row, its cells where the HTML standard's table model has them; nothing of a row that says nothing of its own."""
        table = self._open[-1]
        line: dict[int, str] = {}
        above, table.reaching = table.reaching[::-1], []
        column, speaks = 0, False
        for cell in cells:
            while above and above[-1].column <= column:
                column = max(column, self._go_on(above.pop(), line))
            text = cell.flow.text
            if text:
                line[column], speaks = text, True
            if cell.rows > 1:
                table.reaching.append(_Reaching(column, cell.columns, cell.rows - 1, text))
            column += cell.columns
        while above:
            self._go_on(above.pop(), line)
        if speaks:
            table.rows.append(line)
        table.reaching = sorted(table.reaching, key=_column) if self._room > 0 else []

    def _go_on(self, cell: _Reaching, line: dict[int, str]) -> int:
        """Put a cell into one more row, a short text with it, so that every row says what it is about. The column after it."""
        if 0 < len(cell.text) <= LONGEST_REPEATED:
            line.setdefault(cell.column, cell.text)
            self._room -= len(cell.text)
        cell.rows -= 1
        if cell.rows:
            self._open[-1].reaching.append(cell)
        self._room -= 1
        return cell.column + cell.columns

    def take(self) -> Iterator[str]:
        """The rows that wait, a line each. Columns without a word are left out."""
        rows, self._open[-1].rows = self._open[-1].rows, []
        used = sorted({column for row in rows for column in row})
        for row in rows:
            texts = aligned(row, used) if self._room > 0 else [row[column] for column in sorted(row)]
            self._room -= len(texts) - len(row)
            yield " | ".join(texts)


def _column(cell: _Reaching) -> int:
    return cell.column
