"""PPTX: one page a slide, its title first, then its shapes in their order, its notes and comments marked as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.documents.common.writer import Writer, spread_rows
from rag.documents.office.charts import write_chart, write_diagram
from rag.documents.office.comments import slide_comments
from rag.documents.office.math import linear
from rag.documents.office.meta import described
from rag.documents.office.package import Package, chosen, local, number, value
from rag.documents.office.slides import slides_document
from rag.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Document

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_TITLES = ("title", "ctrTitle")
_FURNITURE = frozenset({"dt", "ftr", "hdr", "sldNum", "sldImg"})
_UNREAD = frozenset({"pPr", "rPr", "endParaRPr", "bodyPr", "lstStyle"})


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text of all slides, hidden ones too; the master and the layouts are left out. Raises DocumentError."""
    package = Package(content, source=source)
    slides = [_readable(package, part) for part in _slide_parts(package)]
    properties = package.properties()
    return slides_document(
        slides, source=source, name=name, title=properties.get("title"), media_type=MEDIA_TYPE, metadata=described(properties)
    )


def _readable(package: Package, part: str) -> Writer | None:
    """One slide, or None where it is damaged: the others are read."""
    try:
        return _slide(package, part)
    except DocumentError as error:
        if error.status != "corrupt":
            raise
        return None


def _slide_parts(package: Package) -> Iterator[str]:
    main = package.main
    for slide in package.archive.parse(main).iterfind("{*}sldIdLst/{*}sldId"):
        if part := package.target(main, slide):
            yield part


def _slide(package: Package, part: str) -> Writer:
    """One slide, its notes, and the comments on it."""
    writer = Writer(source=package.source)
    reader = _Reader(package, part, writer)
    shapes = [shape for tree in package.archive.parse(part).iterfind("{*}cSld/{*}spTree") for shape in _shapes(tree)]
    titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
    for shape in titles:
        writer.heading(" ".join(reader.lines(shape.find("{*}txBody"))), 1)
    for shape in shapes:
        if shape not in titles:
            reader.shape(shape)
    for notes in package.related(part, "notesSlide"):
        if notes in package.archive:
            _notes(package, notes, writer)
    for comment in slide_comments(package, part):
        writer.paragraph(comment)
    return writer


def _notes(package: Package, part: str, writer: Writer) -> None:
    reader = _Reader(package, part, writer)
    bodies = [shape.find("{*}txBody") for shape in package.archive.parse(part).iter("{*}sp") if _placeholder(shape) == "body"]
    if text := "\n".join(line for body in bodies for line in reader.lines(body)):
        writer.paragraph(f"Notes: {text}")


def _shapes(parent: Any) -> Iterator[Any]:
    """The shapes in the order in which they are read out, those of groups in their place."""
    for element in parent:
        name = local(element)
        if name == "grpSp":
            yield from _shapes(element)
        elif name == "AlternateContent":
            yield from _shapes(chosen(element))
        elif name in ("sp", "graphicFrame", "cxnSp"):
            yield element


def _placeholder(shape: Any) -> str:
    """The role of a shape on its slide: "title", "body", "ftr" …; "obj" where that is not said, "" for other shapes."""
    if shape.find("{*}nvSpPr/{*}nvPr/{*}ph") is None:
        return ""
    return value(shape, "nvSpPr/nvPr/ph", name="type") or "obj"


class _Reader:
    """Writes the shapes of one slide."""

    def __init__(self, package: Package, part: str, writer: Writer) -> None:
        self._package = package
        self._part = part
        self._writer = writer

    def shape(self, shape: Any) -> None:
        """A text box, a table, a chart or a diagram; pictures say nothing."""
        if _placeholder(shape) in _FURNITURE:
            return
        if local(shape) == "graphicFrame":
            self._frame(shape)
        elif (body := shape.find("{*}txBody")) is not None:
            self._body(body)

    def lines(self, body: Any) -> list[str]:
        """The paragraphs of a text body that say anything."""
        paragraphs = () if body is None else body.iterfind("{*}p")
        return [text for paragraph in paragraphs if (text := _text(paragraph).strip())]

    def _body(self, body: Any) -> None:
        counts: dict[int, int] = {}
        self._writer.flow.break_lines(2)
        for paragraph in body.iterfind("{*}p"):
            text = _text(paragraph)
            level = number(value(paragraph, "pPr", name="lvl")) % 10
            counts = {other: count for other, count in counts.items() if other <= level}
            if paragraph.find("{*}pPr/{*}buAutoNum") is not None and text.strip():
                start = number(value(paragraph, "pPr/buAutoNum", name="startAt"), 1)
                counts[level] = counts.get(level, start - 1) + 1
                self._writer.item(text, f"{counts[level]}.", level=level)
            elif level or paragraph.find("{*}pPr/{*}buChar") is not None:
                self._writer.item(text, "-", level=level)
            else:
                self._writer.paragraph(text, gap=1)
        self._writer.flow.break_lines(2)

    def _frame(self, frame: Any) -> None:
        for table in frame.iter("{*}tbl"):
            self._writer.table(
                spread_rows([self._cell(cell) for cell in row.iterfind("{*}tc")] for row in table.iterfind("{*}tr"))
            )
        for chart in frame.iterfind("{*}graphic/{*}graphicData/{*}chart"):
            if part := self._package.target(self._part, chart):
                write_chart(self._package, part, self._writer)
        for diagram in frame.iterfind("{*}graphic/{*}graphicData/{*}relIds"):
            if part := self._package.target(self._part, diagram, "dm"):
                write_diagram(self._package, part, self._writer)

    def _cell(self, cell: Any) -> tuple[str, int, bool]:
        """The cell's text, one column, and whether it goes on from the cell above; merged columns have empty cells of their own."""
        goes_on = cell.get("vMerge") in ("1", "true")
        return "" if goes_on else " ".join(self.lines(cell.find("{*}txBody"))), 1, goes_on


def _text(element: Any) -> str:
    """The words of a paragraph, equations among them."""
    found: list[str] = []
    for part in element:
        name = local(part)
        if name == "t":
            found.append(part.text or "")
        elif name in ("br", "tab"):
            found.append("\n" if name == "br" else "\t")
        elif name == "oMath":
            found.append(f" {linear(part).strip()} ")
        elif name == "AlternateContent":
            found.append(_text(chosen(part)))
        elif name not in _UNREAD:
            found.append(_text(part))
    return "".join(found).replace("\v", "\n")
