"""Plain text in whatever encoding it comes."""

from __future__ import annotations

import re

from rag.documents.common.characters import with_line_feeds
from rag.documents.common.encodings import decode
from rag.documents.common.front_matter import read_front_matter
from rag.documents.common.metadata import text_of
from rag.documents.common.titles import readable_name, title_like
from rag.errors import DocumentError
from rag.types import Document, Places


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text unchanged, with "\\n" as its line end. Raises DocumentError when there is none."""
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


_LINE_FEED = re.compile("\n")


def line_places(text: str) -> Places:
    """Where each line of the text begins, counted from 1; what follows the last line feed is a line only if there is any."""
    starts = (0, *(end for feed in _LINE_FEED.finditer(text) if (end := feed.end()) < len(text)))
    return Places("line", starts, tuple(map(str, range(1, len(starts) + 1))))
