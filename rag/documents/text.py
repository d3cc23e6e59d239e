"""Plain text in whatever encoding it comes."""

from __future__ import annotations

from rag.documents.characters import with_line_feeds
from rag.documents.encodings import decode
from rag.documents.titles import readable_name
from rag.errors import DocumentError
from rag.types import Document


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text as it stands, with "\\n" as its line end. Raises DocumentError when there is none."""
    return Document(text=read(content, source=source), source=source, title=readable_name(name), media_type="text/plain")


def read(content: bytes, *, source: str) -> str:
    """The decoded text with "\\n" as its line end. Raises DocumentError when there is none."""
    text = with_line_feeds(decode(content))
    if not text.strip():
        raise DocumentError(f"{source} holds no text. Leave it out, or check that it was saved completely.", status="no-text")
    return text
