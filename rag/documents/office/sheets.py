"""Sheets of cells as text: a heading for each sheet, a line for each row, and the cells that each line shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rag.documents.common.archives import too_large, without_text
from rag.documents.common.titles import named, title_like
from rag.documents.common.writer import LONGEST_REPEATED, Writer, aligned
from rag.types import Document, Places

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CELLS = 3_000_000
"""Cells with something in them, of one workbook."""
LAST_ROW = 2**20
LAST_COLUMN = 2**14

_LONGEST_MERGED = 1000
_MOST_MERGED = 20_000
_CELL = re.compile(r"[A-Z]{1,3}[1-9]\d{0,6}")
_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*")


class Sheets:
    """Takes the sheets of a workbook one after the other."""

    def __init__(self, *, source: str) -> None:
        self.writer = Writer(source=source)
        self._source = source
        self._places: list[tuple[int, str]] = []
        self._cells = 0

    def begin(self, name: str, *, hidden: bool = False) -> None:
        """A sheet's heading. A hidden sheet says so, for a person has to show it first."""
        self._sheet = " ".join(name.split())
        self._rows: list[tuple[int, dict[int, str]]] = []
        self._merged: list[tuple[int, int, int]] = []
        self._heading = f"{self._sheet} (hidden)" if hidden else self._sheet

    def add(self, row: int, cells: Mapping[int, str]) -> None:
        """The cells of a row that show anything, by column; both counted from 1."""
        found = {column: text for column, cell in cells.items() if column <= LAST_COLUMN and (text := " ".join(cell.split()))}
        if found and 0 < row <= LAST_ROW:
            self._cells += len(found)
            if self._cells > MOST_CELLS:
                raise too_large(self._source, f"it has more than {MOST_CELLS:,} cells")
            self._rows.append((row, found))

    def merge(self, column: int, first: int, last: int) -> None:
        """Cells of a column that are merged: a short text stands in each row that they span, so that every row is whole."""
        if first < last <= first + _LONGEST_MERGED and len(self._merged) < _MOST_MERGED:
            self._merged.append((column, first, last))

    def end(self) -> bool:
        """Write the sheet, if there is anything on it, and tell that; rows that have empty ones between them stand apart."""
        self._fill_merged()
        used = sorted({column for _, cells in self._rows for column in cells})
        above = 0
        for row, cells in self._rows:
            start = None if above else self._write_heading()
            if row > above + 1:
                self.writer.flow.break_lines(2)
            line = self.writer.row(aligned(cells, used))
            self._places.append((line if start is None else start, self._label(row, min(cells), max(cells))))
            above = row
        self._begun, self._rows = above > 0, []
        return self._begun

    def remark(self, cell: str, text: str) -> None:
        """A comment on a cell, below the sheet's rows."""
        self._below(text, f"{_quoted(self._sheet)}!{cell}" if _CELL.fullmatch(cell) else self._sheet)

    def beside(self, written: Writer) -> None:
        """What lies on a sheet without being in a cell: charts and text boxes."""
        self._below(written.text, self._sheet)

    def _below(self, text: str, place: str) -> None:
        if text:
            self.writer.flow.break_lines(2)
            start = None if self._begun else self._write_heading()
            mark = self.writer.flow.mark()
            self.writer.flow.write_as_is(text)
            self._places.append((self.writer.flow.since(mark)[0] if start is None else start, place))
            self.writer.flow.break_lines(2)
            self._begun = True

    def document(self, *, name: str, title: str | None, media_type: str, metadata: dict[str, Any]) -> Document:
        """All of it. Raises DocumentError (`no-text`) where no cell shows anything."""
        if not self.writer.text:
            raise without_text(self._source)
        return Document(
            text=self.writer.text,
            source=self._source,
            title=named(name, title_like(title)),
            media_type=media_type,
            headings=tuple(self.writer.headings),
            metadata=metadata,
            places=Places("", tuple(start for start, _ in self._places), tuple(label for _, label in self._places)),
        )

    def _fill_merged(self) -> None:
        rows = dict(self._rows) if self._merged else {}
        for column, first, last in self._merged:
            text = rows.get(first, {}).get(column, "")
            for row in range(first + 1, last + 1) if 0 < len(text) <= LONGEST_REPEATED else ():
                if row in rows:
                    rows[row].setdefault(column, text)

    def _write_heading(self) -> int:
        """Where the heading begins."""
        self.writer.heading(self._heading, 1)
        return self.writer.headings[-1].start

    def _label(self, row: int, first: int, last: int) -> str:
        cells = f"{column_name(first)}{row}" + (f":{column_name(last)}{row}" if last > first else "")
        return f"{_quoted(self._sheet)}!{cells}"


def column_name(column: int) -> str:
    """1 is A, 27 is AA."""
    name = ""
    while column > 0:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def _quoted(sheet: str) -> str:
    """A sheet's name as it stands in a reference, in quotes where it is more than a word."""
    return sheet if _PLAIN_NAME.fullmatch(sheet) else "'" + sheet.replace("'", "''") + "'"
