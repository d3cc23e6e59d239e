"""What the catalog tells of a document without its text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What a file looked like when it was read: equal size and time mean that it need not be read again.

    `sidecar` tells the same of the file that holds its metadata; it is empty where there is none.
    """

    size: int
    modified_ns: int
    content_hash: str = ""
    sidecar: str = ""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One indexed document as `rag documents` lists it."""

    source: str
    title: str
    media_type: str
    pages: int | None
    characters: int
    chunks: int
    size: int
    indexed_at: str
    metadata: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-ready values."""
        return asdict(self)
