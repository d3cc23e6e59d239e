"""The module that reads each family of formats. It is imported when the first file of its family comes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

READERS = {
    "pdf": "rag.documents.pdf.read",
    "docx": "rag.documents.office.docx",
    "pptx": "rag.documents.office.pptx",
    "xlsx": "rag.documents.office.xlsx",
    "odf": "rag.documents.office.odf",
    "epub": "rag.documents.web.epub",
    "html": "rag.documents.web.html",
    "markdown": "rag.documents.plain.markdown",
    "rst": "rag.documents.plain.rst",
    "asciidoc": "rag.documents.plain.asciidoc",
    "text": "rag.documents.plain.text",
    "csv": "rag.documents.plain.delimited",
    "json": "rag.documents.plain.json_text",
    "notebook": "rag.documents.plain.notebooks",
    "mail": "rag.documents.mail",
    "subtitles": "rag.documents.plain.subtitles",
    "code": "rag.documents.plain.source_code",
}


def reader_of(family: str) -> Any:
    """The module whose `load` reads a family of formats."""
    return import_module(READERS[family])
