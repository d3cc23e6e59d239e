"""Notebooks (.ipynb): the cells in their order, Markdown with its headings, code with what it printed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import tidy
from rag.documents.common.composition import Composition
from rag.documents.common.metadata import flatten, text_of
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain import json_text
from rag.documents.plain.markdown import headings_of
from rag.documents.plain.text import read
from rag.errors import DocumentError
from rag.types import Document, Heading

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)
_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_LONGEST_OUTPUT = 20_000
"""Characters of one output that are kept; the rest is counted."""


def load(content: bytes, *, source: str, name: str) -> Document:
    """Cells are counted from 1. Raises DocumentError where there is no text, or where the file is not a notebook."""
    try:
        notebook = json.loads(read(content, source=source), strict=False)
    except (ValueError, RecursionError) as error:
        what = f"{source} is not a complete notebook: it cannot be parsed as JSON ({error})"
        raise DocumentError(f"{what}. Check that it was saved completely.", status="corrupt") from error
    cells = _cells(notebook)
    if cells is None:
        return json_text.load(content, source=source, name=name)
    written = Composition()
    for number, cell in enumerate(cells, start=1):
        written.place(str(number))
        _write_cell(written, cell)
    if not written.length:
        raise DocumentError(f"{source} has only empty cells. Leave it out, or check that it was saved.", status="no-text")
    metadata = _metadata(notebook)
    first = next((heading.text for heading in written.headings if heading.level == 1), "")
    title = title_like(text_of(metadata.get("title", ""))) or title_like(first) or readable_name(name)
    return Document(
        written.text,
        source,
        title,
        "application/x-ipynb+json",
        headings=tuple(written.headings),
        metadata=metadata,
        places=written.places("cell"),
    )


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    """The cells, of the versions before 4 too, which had work sheets; None where it is something else."""
    sheets = notebook.get("worksheets", [notebook]) if isinstance(notebook, dict) else None
    if not isinstance(sheets, list) or not all(isinstance(sheet, dict) for sheet in sheets):
        return None
    lists = [sheet.get("cells") for sheet in sheets]
    if not lists or not all(isinstance(cells, list) for cells in lists):
        return None
    return [cell for cells in lists if cells for cell in cells if isinstance(cell, dict)]


def _write_cell(written: Composition, cell: dict[str, Any]) -> None:
    kind, text = cell.get("cell_type"), tidy(_joined(cell.get("source", cell.get("input"))))
    if kind == "heading":
        level = cell.get("level")
        written.head(text, level=level if isinstance(level, int) else 1)
        return
    body = text.strip("\n")
    start = written.write(body, gap=2)
    if kind == "markdown":
        written.headings += [Heading(start + inner.start, inner.level, inner.text) for inner in headings_of(body)]
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            written.write(_shortened(_output(output)), gap=2)


def _output(output: dict[str, Any]) -> str:
    """What an output says in words; a table of HTML with its rows and columns."""
    data = output.get("data", output)
    data = data if isinstance(data, dict) else {}
    page = _joined(data.get("text/html", data.get("html")))
    if _TABLE.search(page):
        from rag.documents.web.html import fragment

        if table := fragment(page, source="an output")[0]:
            return table
    if output.get("output_type") in ("error", "pyerr"):
        return tidy(f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}")
    said = next((text for key in ("text/markdown", "text/plain", "text") if (text := _joined(data.get(key)))), "")
    return tidy(_OVERWRITTEN.sub("", _ESCAPES.sub("", said).replace("\r\n", "\n")))


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_OUTPUT:
        return text
    return f"{text[:_LONGEST_OUTPUT]}\n[{len(text) - _LONGEST_OUTPUT:,} more characters of output]"


def _joined(lines: Any) -> str:
    """A text of a notebook, which may be a list of its lines."""
    if isinstance(lines, list):
        return "".join(line for line in lines if isinstance(line, str))
    return lines if isinstance(lines, str) else ""


def _metadata(notebook: dict[str, Any]) -> dict[str, Any]:
    """Title, authors and programming language, as far as the notebook names them."""
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    language = {key: dict(_pairs(metadata.get(key))) for key in ("language_info", "kernelspec")}
    authors = [dict(_pairs(author)).get("name", author) for author in _items(metadata.get("authors"))]
    return flatten(
        {
            "title": metadata.get("title") if isinstance(metadata.get("title"), str) else None,
            "author": [author for author in authors if isinstance(author, str)],
            "programming_language": language["language_info"].get("name") or language["kernelspec"].get("language"),
        }
    )[0]


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.items() if isinstance(value, dict) else ()


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
