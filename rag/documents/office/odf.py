"""OpenDocument: texts (ODT), spreadsheets (ODS) and presentations (ODP)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.documents.common.archives import Archive, damaged, encrypted, without_text
from rag.documents.common.titles import named, title_like
from rag.documents.common.writer import Writer
from rag.documents.office.lists import ListStyles
from rag.documents.office.meta import described
from rag.documents.office.opendocument import Blocks, cells_of, repeated, rows_of
from rag.documents.office.package import local, number, value
from rag.documents.office.sheets import LAST_COLUMN, LAST_ROW, Sheets, column_name
from rag.documents.office.slides import slides_document
from rag.errors import DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEDIA_TYPE = "application/vnd.oasis.opendocument."
_FURNITURE = frozenset({"date-time", "footer", "header", "page-number", "page"})


def load(content: bytes, *, source: str, name: str) -> Document:
    """A text as it would be printed, a heading and rows for each sheet, or a page for each slide. Raises DocumentError."""
    file = _File(Archive(content, source=source), name)
    for body in file.content.iterfind("{*}body"):
        for part in body:
            if local(part) == "text":
                return _text(file, part)
            if local(part) == "spreadsheet":
                return _spreadsheet(file, part)
            if local(part) in ("presentation", "drawing"):
                return _presentation(file, part)
    message = f"{source} is an OpenDocument file of a kind that is not read. Save it as text, spreadsheet or presentation."
    raise DocumentError(message, status="unsupported")


class _File:
    """The parts of the archive that every kind has."""

    def __init__(self, archive: Archive, name: str) -> None:
        self.archive = archive
        self.name = name
        self.source = archive.source
        manifest = self._optional("META-INF/manifest.xml")
        if manifest is not None and next(manifest.iter("{*}encryption-data"), None) is not None:
            raise encrypted(self.source)
        self.content = archive.parse("content.xml")
        self.lists = ListStyles(self._optional("styles.xml"), self.content)
        self.properties = self._properties()

    @property
    def title(self) -> str:
        return " ".join(self.properties.get("title", []))

    @property
    def metadata(self) -> dict[str, Any]:
        """What meta.xml says of the document, under the names that all formats share."""
        values = self.properties
        return described({
            **values,
            "creator": values.get("initial-creator") or values.get("creator", []),
            "keywords": values.get("keyword", []),
            "created": values.get("creation-date", []),
            "date": [],
        })  # fmt: skip

    @property
    def titles(self) -> frozenset[str]:
        """The paragraph styles of the document's title: the one of that name, and those of this text that are based on it."""
        styles = self.content.iterfind("{*}automatic-styles/{*}style")
        based = (value(style, name="name") or "" for style in styles if value(style, name="parent-style-name") == "Title")
        return frozenset(("Title", *based))

    def _properties(self) -> dict[str, list[str]]:
        """What meta.xml says, by local names."""
        found: dict[str, list[str]] = {}
        root = self._optional("meta.xml")
        for element in () if root is None else root.iterfind("{*}meta/*"):
            found.setdefault(local(element), []).append("".join(element.itertext()))
        return found

    def _optional(self, part: str) -> Any:
        """The root of a part that a file can do without; None where it is missing or broken."""
        try:
            return self.archive.parse(part) if part in self.archive else None
        except DocumentError as error:
            if error.status != "corrupt":
                raise
            return None


def _text(file: _File, body: Any) -> Document:
    writer = Writer(source=file.source)
    Blocks(file.archive, file.lists, writer, titles=file.titles).write(body)
    if not writer.text:
        raise without_text(file.source)
    first = next((title_like(heading.text) for heading in writer.headings if heading.level == 1), "")
    return Document(
        text=writer.text,
        source=file.source,
        title=named(file.name, title_like(file.title) or first),
        media_type=f"{_MEDIA_TYPE}text",
        headings=tuple(writer.headings),
        metadata=file.metadata,
    )


def _presentation(file: _File, body: Any) -> Document:
    slides = [_slide(file, page) for page in body.iterfind("{*}page")]
    media_type = f"{_MEDIA_TYPE}presentation"
    if not slides:
        raise damaged(file.source, "it has no slides")
    return slides_document(
        slides, source=file.source, name=file.name, title=file.title, media_type=media_type, metadata=file.metadata
    )


def _slide(file: _File, page: Any) -> Writer:
    """The title, the other shapes in their order, the notes and the comments, marked as such."""
    writer = Writer(source=file.source)
    blocks = Blocks(file.archive, file.lists, writer)
    titles = [shape for shape in page if value(shape, name="class") == "title"]
    for title in titles:
        writer.heading(" ".join(filter(None, map(blocks.line, title.iter("{*}p")))), 1)
    for shape in page:
        if shape not in titles and value(shape, name="class") not in _FURNITURE and local(shape) != "annotation":
            blocks.write([shape])
    frames = [frame for frame in page.iterfind("{*}notes/{*}frame") if value(frame, name="class") == "notes"]
    lines = [line for frame in frames for paragraph in frame.iter("{*}p") if (line := blocks.line(paragraph))]
    writer.paragraph("Notes: " + "\n".join(lines) if lines else "")
    blocks.write(page.iterfind("{*}annotation"))
    return writer


def _spreadsheet(file: _File, body: Any) -> Document:
    sheets = Sheets(source=file.source)
    styles = file.content.iterfind("{*}automatic-styles/{*}style")
    hidden = {value(style, name="name") for style in styles if value(style, "table-properties", name="display") == "false"}
    blocks = Blocks(file.archive, file.lists, Writer(source=file.source))
    for table in body.iterfind("{*}table"):
        sheets.begin(value(table, name="name") or "", hidden=value(table, name="style-name") in hidden)
        row, comments = 0, list[tuple[str, str]]()
        for element in rows_of(table):
            comments += _comments(element, row + 1, blocks)
            times = repeated(element, "rows", LAST_ROW)
            for column, rows in _spanned(element):
                sheets.merge(column, row + 1, row + rows)
            if cells := dict(_cells(element, blocks)):
                for _ in range(times if row + times < LAST_ROW else 1):
                    row += 1
                    sheets.add(row, cells)
            else:
                row += times
        sheets.end()
        for cell, comment in comments:
            sheets.remark(cell, comment)
    return sheets.document(name=file.name, title=file.title, media_type=f"{_MEDIA_TYPE}spreadsheet", metadata=file.metadata)


def _cells(row: Any, blocks: Blocks) -> Iterator[tuple[int, str]]:
    """The cells of a row that show anything, by column, counted from 1."""
    column = 0
    for cell in cells_of(row):
        times = repeated(cell, "columns", LAST_COLUMN)
        if text := _shown(cell, blocks):
            yield from ((place, text) for place in range(column + 1, min(column + times, LAST_COLUMN) + 1))
        column += times


def _comments(row: Any, place: int, blocks: Blocks) -> Iterator[tuple[str, str]]:
    """The comments on the cells of a row, each with its cell, such as "B2"."""
    column = 1
    for cell in cells_of(row):
        for annotation in cell.iterfind("{*}annotation"):
            name = f"{column_name(column)}{place}"
            yield name, blocks.comment(annotation, cell=name)
        column += repeated(cell, "columns", LAST_COLUMN)


def _spanned(row: Any) -> Iterator[tuple[int, int]]:
    """The columns, counted from 1, of cells that span several rows, and how many."""
    column = 1
    for cell in cells_of(row):
        if (rows := number(value(cell, name="number-rows-spanned"), 1)) > 1:
            yield column, rows
        column += repeated(cell, "columns", LAST_COLUMN)


def _shown(cell: Any, blocks: Blocks) -> str:
    """The text of a cell as it is shown, but for dates, which are written one way."""
    if value(cell, name="value-type") == "date" and (date := value(cell, name="date-value")):
        return date.removesuffix("T00:00:00").replace("T", " ")
    return blocks.cell(cell) if len(cell) else ""
