"""DOCX: paragraphs, headings, lists, tables, notes, text boxes and equations, as Word would print them."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rag.documents.common.archives import without_text
from rag.documents.common.titles import named, title_like
from rag.documents.common.writer import Writer, spread_rows
from rag.documents.detect import family_of
from rag.documents.office.charts import write_chart, write_diagram
from rag.documents.office.comments import remark
from rag.documents.office.math import linear
from rag.documents.office.meta import described
from rag.documents.office.numbering import Numbering, spelled
from rag.documents.office.package import Package, chosen, is_on, local, number, value
from rag.documents.office.styles import Styles, is_monospace
from rag.errors import DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.documents.families import LoadPart

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

# What was deleted or moved away, the codes of fields, the reading aids above East Asian characters, and the looks of things.
_UNREAD = frozenset(
    {"del", "moveFrom", "instrText", "delText", "fldData", "rt", "pPr", "rPr", "tblPr", "tcPr", "trPr", "sectPr", "sdtPr"}
)
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def load(content: bytes, *, source: str, name: str, load_part: LoadPart) -> Document:
    """The text of the body, without the headers and footers of its pages.

    Footnotes and comments follow the paragraph that names them; endnotes are at the end. `load_part` reads pages and texts
    that were inserted whole. Raises DocumentError.
    """
    package = Package(content, source=source)
    reader = _Reader(package, load_part)
    reader.read()
    writer, properties = reader.writer, package.properties()
    if not writer.text:
        raise without_text(source)
    first = next((title_like(heading.text) for heading in writer.headings if heading.level == 1), "")
    return Document(
        text=writer.text,
        source=source,
        title=named(name, title_like(properties.get("title")) or first),
        media_type=MEDIA_TYPE,
        headings=tuple(writer.headings),
        metadata=described(properties),
    )


class _Reader:
    """Follows the body's blocks; what hangs on a paragraph (notes, text boxes, charts) is written after it."""

    def __init__(self, package: Package, load_part: LoadPart) -> None:
        self._load_part = load_part
        self.writer = Writer(source=package.source)
        self._package = package
        self._main = package.main
        self._styles = Styles(package.parsed(self._main, "styles"))
        self._numbering = Numbering(package.parsed(self._main, "numbering"))
        self._notes = {kind: self._read_notes(f"{kind}s") for kind in ("footnote", "endnote", "comment")}
        self._numbered: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()
        self._waiting: list[tuple[str, str]] = []
        self._endnotes: list[tuple[str, str]] = []
        self._hanging: list[Any] = []

    def read(self) -> None:
        """The whole document."""
        for body in self._package.archive.parse(self._main).iterfind("{*}body"):
            self._blocks(body)
        for kind, identifier in self._endnotes:
            self._note(kind, identifier)
        self._write_hanging()

    def _blocks(self, parent: Any) -> None:
        for element in parent:
            name = local(element)
            if name == "p":
                self._paragraph(element)
                self._write_hanging()
            elif name == "tbl":
                self._table(element)
                self._write_hanging()
            elif name == "AlternateContent":
                self._blocks(chosen(element))
            elif name == "altChunk":
                self._inserted(self._package.target(self._main, element))
            elif name not in _UNREAD:
                self._blocks(element)

    def _inserted(self, part: str) -> None:
        """A page or a text that was put in whole and that Word turns into paragraphs when it opens the file."""
        suffix, name = PurePath(part).suffix.lower(), PurePath(part).name
        try:
            content = self._package.archive.read(part) if part else b""
            if content.strip() and family_of(content, source=name, suffix=suffix) in ("html", "text"):
                self.writer.flow.break_lines(2)
                self.writer.code(self._load_part(content, source=name).text)
                self.writer.flow.break_lines(2)
                return
        except DocumentError as error:
            if error.status == "too-large":
                raise
        self.writer.paragraph(f"[Inserted, not read: {name}]" if name else "")

    # paragraphs

    def _paragraph(self, element: Any) -> None:
        text = self._text(element)
        style = value(element, "pPr/pStyle") or ""
        if not text.strip():
            return
        label, depth = self._label(element, style)
        if level := self._heading_level(element, style):
            self.writer.heading(f"{label} {text}" if label and label != "-" else text, level)
        elif label:
            self.writer.item(text, label, level=depth)
        elif self._styles.is_code(style) or self._is_monospaced(element, style):
            self.writer.code(text)
        else:
            self.writer.paragraph(text)

    def _text(self, element: Any) -> str:
        found: list[str] = []
        self._collect(element, found)
        return "".join(found)

    def _collect(self, parent: Any, found: list[str]) -> None:
        """The words of a paragraph in their order; what is not part of its line is put aside."""
        for element in parent:
            name = local(element)
            if name == "t":
                found.append(element.text or "")
            elif name == "r" and not is_on(element, "rPr/vanish"):
                self._collect(element, found)
            elif name in _CHARACTERS:
                found.append(_CHARACTERS[name])
            elif name in ("footnoteReference", "endnoteReference"):
                found.append(self._reference(name.removesuffix("Reference"), value(element, name="id") or ""))
            elif name == "commentReference":
                self._comment(value(element, name="id") or "")
            elif name == "oMath":
                found.append(f" {linear(element).strip()} ")
            elif name == "oMathPara":
                found.append("\n".join(linear(equation).strip() for equation in element.iter("{*}oMath")))
            elif name == "AlternateContent":
                self._collect(chosen(element), found)
            elif name in ("txbxContent", "chart", "relIds"):
                self._hanging.append(element)
            elif name == "sym":
                found.append(_symbol(element))
            elif name != "r" and name not in _UNREAD:
                self._collect(element, found)

    def _heading_level(self, element: Any, style: str) -> int:
        outline = number(value(element, "pPr/outlineLvl"), -1)
        return self._styles.heading_level(style) if outline < 0 else (outline + 1) % 10

    def _label(self, element: Any, style: str) -> tuple[str, int]:
        """The paragraph's number or bullet, and how deep in its list it stands."""
        numbering, level = self._styles.numbering(style)
        if level is None and numbering:
            level = str(self._numbering.level_of_style(numbering, style))
        numbering = value(element, "pPr/numPr/numId") or numbering
        depth = number(value(element, "pPr/numPr/ilvl") or level)
        return (self._numbering.label(numbering, depth) if numbering else ""), depth

    def _is_monospaced(self, element: Any, style: str) -> bool:
        runs = [run for run in element.iterfind("{*}r") if run.find("{*}t") is not None]
        fonts = [value(run, "rPr/rFonts", name="ascii") for run in runs]
        return bool(runs) and all(is_monospace(font) if font else self._styles.is_monospaced(style) for font in fonts)

    # tables

    def _table(self, table: Any) -> None:
        """Rows of data, one a line; what only frames text (tables of one column, rows with tables in them) as blocks."""
        rows = [list(_cells(row)) for row in _rows(table)]
        frames = all(len(row) <= 1 for row in rows)
        data: list[list[tuple[str, int, bool]]] = []
        for row in rows:
            late = [("", before, False)] if row and (before := number(value(row[0].getparent(), "trPr/gridBefore"))) else []
            if frames or any(cell.find(".//{*}tbl") is not None for cell in row):
                self.writer.table(spread_rows(data))
                data = []
                for cell in row:
                    self._blocks(cell)
            else:
                data.append([*late, *(self._cell(cell) for cell in row)])
        self.writer.table(spread_rows(data))

    def _cell(self, cell: Any) -> tuple[str, int, bool]:
        """The cell's text, its width in columns, and whether it goes on from the cell above."""
        goes_on = cell.find("{*}tcPr/{*}vMerge") is not None and value(cell, "tcPr/vMerge") != "restart"
        lines = (
            [] if goes_on else [self._cell_line(paragraph) for paragraph in cell.iter("{*}p") if _own_cell(paragraph) is cell]
        )
        return "\n".join(line for line in lines if line), number(value(cell, "tcPr/gridSpan"), 1), goes_on

    def _cell_line(self, paragraph: Any) -> str:
        text = self._text(paragraph).strip()
        label, _ = self._label(paragraph, value(paragraph, "pPr/pStyle") or "") if text else ("", 0)
        return f"{label} {text}".strip()

    # what hangs on a paragraph

    def _write_hanging(self) -> None:
        notes, self._waiting = self._waiting, []
        for kind, identifier in notes:
            self._note(kind, identifier)
        hanging, self._hanging = self._hanging, []
        for element in hanging:
            if local(element) == "txbxContent":
                self._blocks(element)
            elif part := self._package.target(self._main, element, "dm" if local(element) == "relIds" else "id"):
                (write_diagram if local(element) == "relIds" else write_chart)(self._package, part, self.writer)

    def _reference(self, kind: str, identifier: str) -> str:
        """The mark of a note: digits for footnotes, roman numbers for endnotes."""
        key = kind, identifier
        if identifier not in self._notes[kind]:
            return ""
        if key not in self._numbered:
            self._counts[kind] += 1
            self._numbered[key] = spelled(self._counts[kind], "decimal" if kind == "footnote" else "lowerRoman")
            (self._waiting if kind == "footnote" else self._endnotes).append(key)
        return f"[{self._numbered[key]}]"

    def _comment(self, identifier: str) -> None:
        """Put a comment aside, once."""
        key = "comment", identifier
        if identifier in self._notes["comment"] and key not in self._numbered:
            self._numbered[key] = ""
            self._waiting.append(key)

    def _note(self, kind: str, identifier: str) -> None:
        note = self._notes[kind][identifier]
        text = " ".join(filter(None, [self._text(paragraph).strip() for paragraph in note.iter("{*}p")]))
        if kind == "comment":
            self.writer.paragraph(remark(value(note, name="author") or "", text))
        else:
            self.writer.paragraph(f"[{self._numbered[kind, identifier]}] {text}")

    def _read_notes(self, kind: str) -> dict[str, Any]:
        root = self._package.parsed(self._main, kind)
        notes = () if root is None else root.iterfind(f"{{*}}{kind.removesuffix('s')}")
        return {value(note, name="id") or "": note for note in notes if value(note, name="type") in (None, "normal")}


def _rows(parent: Any, name: str = "tr") -> Iterator[Any]:
    """The rows of a table, or the cells of a row, those inside of content controls too."""
    for element in parent:
        kind = local(element)
        if kind == name:
            if name == "tc" or element.find("{*}trPr/{*}del") is None:
                yield element
        elif kind in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
            yield from _rows(element, name)


def _cells(row: Any) -> Iterator[Any]:
    return _rows(row, "tc")


def _own_cell(paragraph: Any) -> Any:
    """The cell that a paragraph is part of; None for one in a text box, which is written on its own."""
    for above in paragraph.iterancestors():
        if local(above) in ("tc", "txbxContent"):
            return above if local(above) == "tc" else None
    return None


def _symbol(element: Any) -> str:
    """The character of w:sym; nothing for the private codes of symbol fonts."""
    try:
        code = int(value(element, name="char") or "", 16)
    except ValueError:
        return ""
    return chr(code) if 32 <= code < 0xD800 else ""
