"""XLSX: every sheet a heading, every row a line, with the values that the cells show."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rag.documents.common.writer import Writer
from rag.documents.office.charts import drawn_text, write_chart
from rag.documents.office.comments import cell_comments
from rag.documents.office.meta import described
from rag.documents.office.numbers import BUILT_IN, general, shown
from rag.documents.office.package import Package, local, number, value
from rag.documents.office.sheets import Sheets
from rag.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Document

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_LETTERS = re.compile(r"([A-Za-z]{1,3})\d*")
_MERGED = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6}):[A-Z]{1,3}([1-9]\d{0,6})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LONGEST_NUMBER = 40


def load(content: bytes, *, source: str, name: str) -> Document:
    """The sheets in their order: hidden ones say so, those that only a program can show are left out.

    Formulas are never computed: a cell has the value that was saved with it, or none. Raises DocumentError.
    """
    package = Package(content, source=source)
    workbook = _Workbook(package)
    sheets = Sheets(source=source)
    for sheet_name, state, part in workbook.sheets():
        if state != "veryHidden":
            sheets.begin(sheet_name, hidden=state == "hidden")
            workbook.read(part, sheets)
            has_cells = sheets.end()
            for cell, comment in cell_comments(package, part):
                sheets.remark(cell, _unescaped(comment))
            sheets.beside(workbook.drawn(part, charts=not has_cells))
    properties = package.properties()
    return sheets.document(name=name, title=properties.get("title"), media_type=MEDIA_TYPE, metadata=described(properties))


class _Workbook:
    """The workbook part, and what the cells of all sheets share: texts and formats."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._main = package.main
        if self._main.endswith(".bin"):
            message = f"{package.source} is a binary workbook (XLSB). Save it as XLSX in its own program, and index that."
            raise DocumentError(message, status="unsupported")
        self._root = package.archive.parse(self._main)
        self._since_1904 = value(self._root, "workbookPr", name="date1904") in ("1", "true", "on")
        self._formats = _formats(package.parsed(self._main, "styles"))
        self._texts = [
            _rich_text(item)
            for part in package.related(self._main, "sharedStrings")
            if part in package.archive
            for item in package.archive.elements(part, "si")
        ]

    def sheets(self) -> Iterator[tuple[str, str, str]]:
        """Name, state ("visible", "hidden", "veryHidden") and part of each sheet."""
        for sheet in self._root.iterfind("{*}sheets/{*}sheet"):
            if part := self._package.target(self._main, sheet):
                yield sheet.get("name", ""), sheet.get("state", "visible"), part

    def read(self, part: str, sheets: Sheets) -> None:
        """Hand the rows of a sheet over, and which of their cells are merged."""
        row = 0
        for element in self._package.archive.elements(part, "row", "mergeCell"):
            if local(element) == "row":
                row = number(element.get("r"), row + 1)
                sheets.add(row, dict(self._cells(element)))
            elif merged := _MERGED.fullmatch(element.get("ref", "")):
                sheets.merge(_column(merged[1]), int(merged[2]), int(merged[3]))

    def drawn(self, part: str, *, charts: bool) -> Writer:
        """The words of a sheet's text boxes, and its charts where they are wanted: beside cells they repeat these."""
        writer = Writer(source=self._package.source)
        for drawing in self._package.related(part, "drawing"):
            if drawing in self._package.archive:
                for element in self._package.archive.parse(drawing).iter("{*}txBody", "{*}chart"):
                    if local(element) == "txBody":
                        writer.paragraph(drawn_text(element))
                    elif charts and (chart := self._package.target(drawing, element)):
                        write_chart(self._package, chart, writer)
        return writer

    def _cells(self, row: Any) -> Iterator[tuple[int, str]]:
        column = 0
        for cell in row:
            column = _column(cell.get("r", "")) or column + 1
            if text := self._text(cell):
                yield column, text

    def _text(self, cell: Any) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            inline = cell.find("{*}is")
            return "" if inline is None else _rich_text(inline)
        stored: str = next((part.text or "" for part in cell if local(part) == "v"), "").strip()
        if kind == "s":
            place = number(stored, -1)
            return self._texts[place] if 0 <= place < len(self._texts) else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(stored, stored)
        if kind == "d":
            return stored.removesuffix("T00:00:00").replace("T", " ")
        return _unescaped(stored) if kind in ("str", "e") else self._number(stored, cell.get("s"))

    def _number(self, stored: str, style: str | None) -> str:
        try:
            found = float(stored) if len(stored) <= _LONGEST_NUMBER else math.nan
        except ValueError:
            return stored
        if not math.isfinite(found):
            return stored
        place = number(style)
        code = self._formats[place] if 0 <= place < len(self._formats) else ""
        return shown(found, code, since_1904=self._since_1904) if code else general(found)


def _formats(styles: Any) -> list[str]:
    """The format code of each style that cells refer to by its place; "" for plain numbers."""
    if styles is None:
        return []
    own = {
        number(value(one, name="numFmtId"), -1): one.get("formatCode", "") for one in styles.iterfind("{*}numFmts/{*}numFmt")
    }
    codes = {**BUILT_IN, **own}
    found = (codes.get(number(style.get("numFmtId")), "") for style in styles.iterfind("{*}cellXfs/{*}xf"))
    return ["" if code.lower() == "general" else code for code in found]


def _rich_text(element: Any) -> str:
    """The text of a string item, without the reading aids that stand above East Asian characters."""
    texts = (text for text in element.iter("{*}t") if local(text.getparent()) != "rPh")
    return _unescaped("".join([text.text or "" for text in texts]))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text) if "_x" in text else text


def _column(reference: str) -> int:
    """The column of a cell by its reference, counted from 1; 0 for other text."""
    found = _LETTERS.match(reference)
    column = 0
    for letter in found[1].upper() if found else "":
        column = column * 26 + ord(letter) - ord("A") + 1
    return column
