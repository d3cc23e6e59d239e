"""A document's row in the catalog, without its text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
