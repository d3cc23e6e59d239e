"""What a run over documents tells: what it did, and what could not be read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rag.types import Failure, plain_dict


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one run of indexing did, in numbers of documents; `documents` and `chunks` are what the index holds now.

    `skipped` files lie in the folders and are of a kind that is not read; `skipped_kinds` has their number by suffix or kind.
    """

    index: str
    added: int
    changed: int
    renamed: int
    removed: int
    unchanged: int
    skipped: int
    failed: tuple[Failure, ...]
    documents: int
    chunks: int
    seconds: float
    skipped_kinds: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The report as docs/reference/json.md describes it."""
        return plain_dict(asdict(self))


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """The sources that were taken out of an index; `documents` and `chunks` are what it holds now."""

    index: str
    removed: tuple[str, ...]
    documents: int
    chunks: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return plain_dict(asdict(self))
