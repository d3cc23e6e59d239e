"""The blocks of OpenDocument files: paragraphs, headings, lists, tables, notes, frames."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from rag.documents.common.writer import Writer, spread_rows
from rag.documents.office.comments import remark
from rag.documents.office.math import starmath
from rag.documents.office.package import local, number, value
from rag.documents.office.sheets import LAST_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.documents.common.archives import Archive
    from rag.documents.office.lists import ListStyles

_UNREAD = frozenset({
    *("tracked-changes", "annotation-end", "forms", "sequence-decls", "variable-decls", "user-field-decls"),
    *("hidden-text", "ruby-text", "title", "desc", "event-listeners", "index-title-template", "table-of-content-source"),
    *("image", "notes", "page-thumbnail", "number"),
})  # fmt: skip


class Blocks:
    """Writes blocks; what hangs on a paragraph (notes, comments, frames, equations) follows it."""

    def __init__(self, archive: Archive, lists: ListStyles, writer: Writer, *, titles: frozenset[str] = frozenset()) -> None:
        """`titles` are the paragraph styles of a document's title."""
        self.writer = writer
        self._archive = archive
        self._lists = lists
        self._titles = titles
        self._counts: dict[str, int] = {}  # how far the outermost lists of each style were counted
        self._hanging: list[Any] = []
        self._endnotes: list[tuple[str, Any]] = []

    def write(self, parent: Any) -> None:
        """Everything in an element, endnotes at its end."""
        self._blocks(parent)
        notes, self._endnotes = self._endnotes, []
        for mark, body in notes:
            self._note(mark, body)

    def line(self, element: Any) -> str:
        """The words of a paragraph."""
        found: list[str] = []
        self._collect(element, found)
        return "".join(found).strip()

    def _blocks(self, parent: Any) -> None:
        for element in parent:
            name = local(element)
            if name == "h":
                self.writer.heading(self.line(element), min(max(number(value(element, name="outline-level"), 1), 1), 9))
            elif name == "p" and value(element, name="style-name") in self._titles:
                self.writer.heading(self.line(element), 1)
            elif name == "p":
                self.writer.paragraph(self.line(element))
            elif name == "list":
                self._list(element, "", [])
            elif name == "table":
                self.table(element)
            elif name == "object":
                self._object(value(element, name="href") or "")
            elif name == "annotation":
                self.writer.paragraph(self.comment(element))
            elif name not in _UNREAD:
                self._blocks(element)
            self._write_hanging()

    def _collect(self, element: Any, found: list[str]) -> None:
        found.append(" ".join((element.text or "").split("\n")))
        for part in element:
            name = local(part)
            if name == "s":
                found.append(" " * min(number(value(part, name="c"), 1), 100))
            elif name in ("tab", "line-break"):
                found.append("\t" if name == "tab" else "\n")
            elif name == "note":
                found.append(self._reference(part))
            elif name in ("annotation", "frame", "custom-shape", "g", "rect", "ellipse", "line", "connector"):
                self._hanging.append(part)
            elif name not in _UNREAD:
                self._collect(part, found)
            found.append(" ".join((part.tail or "").split("\n")))

    # lists

    def _list(self, element: Any, style: str, counts: list[int]) -> None:
        """A list in the lists whose items `counts` numbers."""
        style = value(element, name="style-name") or style
        first = self._lists.first(style, len(counts) + 1) - 1
        goes_on = value(element, name="continue-numbering") == "true" or value(element, name="continue-list")
        count = self._counts.get(style, first) if goes_on and not counts else first
        for item in element:
            start = value(item, name="start-value")
            count = number(start, 1) if start else count + (local(item) == "list-item")
            self._item(item, style, [*counts, count])
        if not counts:
            self._counts[style] = count

    def _item(self, item: Any, style: str, counts: list[int]) -> None:
        labelled = local(item) != "list-item"
        for element in item:
            name = local(element)
            if name == "list":
                self._list(element, style, counts)
            elif name == "h" or labelled:
                self._blocks([element])
            elif name == "p":
                self.writer.item(self.line(element), self._lists.label(style, counts), level=len(counts) - 1)
                labelled = True
            self._write_hanging()

    # tables

    def table(self, table: Any) -> None:
        """A table, one row a line; rows that hold other tables, and tables of one column, as blocks."""
        rows = [list(cells_of(row)) for row in rows_of(table)]
        frames = all(len(row) <= 1 for row in rows)
        data: list[list[tuple[str, int, bool]]] = []
        spans: dict[int, int] = {}
        for row in rows:
            if frames or any(cell.find(".//{*}table") is not None for cell in row):
                self.writer.table(spread_rows(data))
                data = []
                for cell in row:
                    self._blocks(cell)
            else:
                data.append(list(self._row(row, spans)))
        self.writer.table(spread_rows(data))

    def _row(self, row: list[Any], spans: dict[int, int]) -> Iterator[tuple[str, int, bool]]:
        """Text, width and whether it goes on from above, for each cell; `spans` is how many more rows each column's cell covers."""
        column = 0
        for cell in row:
            covered = spans.get(column, 0) > 0
            spans[column] = spans[column] - 1 if covered else number(value(cell, name="number-rows-spanned"), 1) - 1
            columns = repeated(cell, "columns", LAST_COLUMN)
            yield "" if covered else self.cell(cell), columns, covered
            column += columns

    def cell(self, cell: Any) -> str:
        """The words of a cell on one line."""
        found: list[str] = []
        for element in cell:
            name = local(element)
            if name in ("p", "h"):
                found.append(self.line(element))
            elif name == "list":
                found += self._cell_list(element, "", [])
            elif name not in _UNREAD and name != "annotation":
                found.append(self.cell(element))
        return " ".join(filter(None, found))

    def _cell_list(self, element: Any, style: str, counts: list[int]) -> Iterator[str]:
        """The items of a list in a cell, each with its number or bullet."""
        style = value(element, name="style-name") or style
        for count, item in enumerate(element, self._lists.first(style, len(counts) + 1)):
            for part in item:
                if local(part) == "list":
                    yield from self._cell_list(part, style, [*counts, count])
                elif local(part) in ("p", "h"):
                    yield f"{self._lists.label(style, [*counts, count])} {self.line(part)}".strip()

    # what hangs on a paragraph

    def _reference(self, note: Any) -> str:
        """The mark of a note, "[1]"; its text is put aside."""
        mark = "".join(note.find("{*}note-citation").itertext()).strip() if note.find("{*}note-citation") is not None else "*"
        body = note.find("{*}note-body")
        if body is not None:
            is_endnote = value(note, name="note-class") == "endnote"
            (self._endnotes if is_endnote else self._hanging).append((mark, body))
        return f"[{mark}]"

    def _note(self, mark: str, body: Any) -> None:
        lines = (self.line(paragraph) for paragraph in body.iter("{*}p", "{*}h"))
        self.writer.paragraph(f"[{mark}] {' '.join(filter(None, lines))}")

    def comment(self, annotation: Any, *, cell: str = "") -> str:
        """What somebody noted, on one line."""
        lines = (self.line(paragraph) for paragraph in annotation.iter("{*}p", "{*}h"))
        return remark(annotation.findtext("{*}creator") or "", " ".join(lines), cell=cell)

    def _write_hanging(self) -> None:
        hanging, self._hanging = self._hanging, []
        for one in hanging:
            if isinstance(one, tuple):
                self._note(*one)
            else:
                self._blocks([one])

    def _object(self, address: str) -> None:
        """An embedded equation as it was typed, or the numbers of a chart."""
        part = posixpath.join(posixpath.normpath(address), "content.xml")
        if part not in self._archive:
            return
        root = self._archive.parse(part)
        if local(root) == "math":
            self.writer.paragraph(starmath(root))
        for chart in root.iterfind("{*}body/{*}chart"):
            for title in chart.iterfind("{*}chart/{*}title"):
                self.writer.paragraph(" ".join(self.line(paragraph) for paragraph in title))
            for table in chart.iter("{*}table"):
                self.table(table)


def rows_of(table: Any) -> Iterator[Any]:
    """The rows of a table, those of its header and of groups too."""
    for element in table:
        name = local(element)
        if name == "table-row":
            yield element
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from rows_of(element)


def cells_of(row: Any) -> Iterator[Any]:
    """The cells of a row, those that others cover too."""
    return (cell for cell in row if local(cell) in ("table-cell", "covered-table-cell"))


def repeated(element: Any, what: str, most: int) -> int:
    """The number of "columns" or "rows" that an element repeats, at most `most`."""
    return max(1, min(number(value(element, name=f"number-{what}-repeated"), 1), most))
