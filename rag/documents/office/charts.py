"""Charts and diagrams of office files: a chart's title and the numbers it shows as a table, a diagram's words as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.documents.office.package import number, value

if TYPE_CHECKING:
    from rag.documents.common.writer import Writer
    from rag.documents.office.package import Package

_MOST_POINTS = 10_000
_MOST_SERIES = 255


def write_chart(package: Package, part: str, writer: Writer) -> None:
    """The chart of a part, from the values that were stored with it when it was last shown."""
    root = package.archive.parse(part)
    title = root.find("{*}chart/{*}title")
    writer.paragraph("" if title is None else drawn_text(title))
    series = list(root.iter("{*}ser"))[:_MOST_SERIES]
    columns = [_points(one, "val", "yVal") for one in series]
    names = next((names for one in series if (names := _points(one, "cat", "xVal"))), {})
    rows = sorted({index for column in (names, *columns) for index in column})[:_MOST_POINTS]
    header = ["", *(_name(one) for one in series)]
    body = [[names.get(index, ""), *(column.get(index, "") for column in columns)] for index in rows]
    writer.table(dict(enumerate(row)) for row in ([header, *body] if body else []))


def write_diagram(package: Package, part: str, writer: Writer) -> None:
    """The words of a diagram (SmartArt), one shape a line."""
    for text in package.archive.parse(part).iter("{*}t"):
        if words := drawn_text(text):
            writer.item(words, "-")


def drawn_text(element: Any) -> str:
    """The words in a part of a drawing, its paragraphs joined by spaces."""
    paragraphs = ["".join([run.text or "" for run in paragraph.iter("{*}t")]) for paragraph in element.iter("{*}p")]
    return " ".join(" ".join(paragraphs).split())


def _points(series: Any, *names: str) -> dict[int, str]:
    """The stored values of a series by their position; of the innermost level where categories have several."""
    for name in names:
        for level in series.iterfind(f"{{*}}{name}//{{*}}pt/.."):
            return {number(value(point, name="idx")): _value(point) for point in level.iterfind("{*}pt")}
    return {}


def _name(series: Any) -> str:
    found = series.find("{*}tx//{*}v")
    return "" if found is None else (found.text or "").strip()


def _value(point: Any) -> str:
    """The value of a point, without the noise of binary fractions."""
    text = (point.findtext("{*}v") or "").strip()
    try:
        return f"{float(text):.12g}" if "." in text and "_" not in text else text
    except ValueError:
        return text
