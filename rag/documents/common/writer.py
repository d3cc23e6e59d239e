"""Puts the text of office files together: paragraphs apart, list items and table rows on lines, headings known."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from rag.documents.common.archives import too_large
from rag.documents.common.flow import Flow
from rag.types import Heading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LONGEST_TEXT = 50_000_000
"""Characters of one document, some 20,000 pages."""
LONGEST_REPEATED = 80
"""A cell of at most this many characters is repeated in each row that it spans; a longer one is in the first row only."""

_LONGEST_HEADING = 300


class Writer:
    """A text that grows by blocks. A block's text may hold line breaks; its other white space is folded."""

    def __init__(self, *, source: str) -> None:
        self.flow = Flow()
        self.headings: list[Heading] = []
        self._source = source

    @property
    def text(self) -> str:
        return self.flow.text

    def paragraph(self, text: str, *, gap: int = 2) -> None:
        """A block with an empty line around it, or only on lines of its own where `gap` is 1."""
        self.flow.break_lines(gap)
        self._lines(text)
        self.flow.break_lines(gap)

    def item(self, text: str, label: str, *, level: int = 0) -> None:
        """A line of a list, with its number or bullet in front if it has one."""
        self.flow.break_lines(1)
        if text.strip():
            self.flow.lead("  " * min(level, 8) + (f"{label} " if label else ""))
            self._lines(text)
        self.flow.break_lines(1)

    def code(self, text: str) -> None:
        """A block whose spaces count."""
        self.flow.break_lines(1)
        self.flow.write_as_is(text.strip("\n").expandtabs(4) if text.strip() else "")
        self.flow.break_lines(1)

    def heading(self, text: str, level: int) -> None:
        """A heading; text that is too long for one becomes a paragraph."""
        if len(text) > _LONGEST_HEADING:
            self.paragraph(text)
            return
        self.flow.break_lines(2)
        mark = self.flow.mark()
        self.flow.write(text)
        start, written = self.flow.since(mark)
        if written:
            self.headings.append(Heading(start, level, written))
        self.flow.break_lines(2)

    def table(self, rows: Iterable[Mapping[int, str]]) -> None:
        """Cells by their column; one row a line with " | " between cells. Rows and columns without a word are left out."""
        grid = [{column: " ".join(cell.split()) for column, cell in row.items() if cell.strip()} for row in rows]
        used = sorted({column for row in grid for column in row})
        self.flow.break_lines(2)
        for row in grid:
            self.row(aligned(row, used))
        self.flow.break_lines(2)

    def row(self, cells: Sequence[str]) -> int:
        """One line of a table; where it begins."""
        line = " | ".join(cells)
        mark = self.flow.mark()
        self.flow.break_lines(1)
        self._line(line)
        self.flow.break_lines(1)
        return self.flow.since(mark)[0]

    def _lines(self, text: str) -> None:
        for number, line in enumerate(text.split("\n")):
            if number and line.strip():
                self.flow.break_lines(1)
            self._line(line.strip())

    def _line(self, line: str) -> None:
        self.flow.write(line)
        if self.flow.length > LONGEST_TEXT:
            raise too_large(self._source, f"it holds more than {LONGEST_TEXT // 1_000_000} million characters")


def aligned(row: Mapping[int, str], used: Sequence[int]) -> list[str]:
    """The cells of a row as far as they go, with empty ones where other rows have something; `used` columns are sorted."""
    last = bisect_right(used, max(row)) if row else 0
    return [row.get(column, "") for column in used[:last]]


def spread_rows(rows: Iterable[Iterable[tuple[str, int, bool]]]) -> Iterator[dict[int, str]]:
    """Rows of (text, columns it spans, whether it goes on from the cell above), as texts by their column.

    A short text is repeated in each row that it spans, so that every row says what it is about; columns are not.
    """
    above: dict[int, str] = {}
    for row in rows:
        line: dict[int, str] = {}
        column = 0
        for text, columns, goes_on in row:
            if goes_on and len(above.get(column, "")) <= LONGEST_REPEATED:
                text = above.get(column, "")
            if text:
                line[column] = text
            column += max(columns, 1)
        yield line
        above = line
