"""Plain text in whatever encoding it comes."""

from __future__ import annotations

from rag.documents.common.characters import with_line_feeds
from rag.documents.common.encodings import decode
from rag.documents.common.front_matter import read_front_matter
from rag.documents.common.metadata import text_of
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain.lines import line_places
from rag.errors import DocumentError
from rag.types import Document


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text as it stands, with "\\n" as its line end. Raises DocumentError when there is none."""
    text = read(content, source=source)
    metadata, _ = read_front_matter(text, forgiving=False)
    title = title_like(text_of(metadata.get("title", ""))) or readable_name(name)
    return Document(text, source, title, media_type="text/plain", metadata=metadata, places=line_places(text))


def read(content: bytes, *, source: str) -> str:
    """The decoded text with "\\n" as its line end. Raises DocumentError when there is none."""
    text = with_line_feeds(decode(content))
    if not text.strip():
        raise DocumentError(f"{source} holds no text. Leave it out, or check that it was saved completely.", status="no-text")
    return text
