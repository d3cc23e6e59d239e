"""The reports of `rag.sync` and `rag.remove`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rag.types import Failure, plain_dict


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The documents that one run added, changed, renamed and removed, and the files that failed.

    `documents` and `chunks` count the index after the run. `skipped` counts the files in the folders whose kind is not read;
    `skipped_kinds` counts them by suffix or kind.
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
    """The removed sources. `documents` and `chunks` count the index after the removal."""

    index: str
    removed: tuple[str, ...]
    documents: int
    chunks: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return plain_dict(asdict(self))
