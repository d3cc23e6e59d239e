"""Source code: the file's own text, which people find by line numbers."""

from __future__ import annotations

from rag.documents.plain.text import line_places, read
from rag.types import Document


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text unchanged, under the file's whole name. Raises DocumentError when there is none."""
    text = read(content, source=source)
    return Document(text, source, name, media_type="text/x-source", places=line_places(text))
