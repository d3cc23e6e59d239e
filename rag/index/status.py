"""What an index holds, at a glance, and whether it is sound."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.index.catalog.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from rag.errors import IndexFormatError
    from rag.index.index import Index

PARTS = ("catalog", "vectors", "keywords")
"""What the names of an index's files begin with."""


def index_status(index: Index) -> dict[str, Any]:
    """Counts, embedder, generation, bytes on disk and failed files, as JSON-ready values; builds no model.

    `free_bytes` is the room in the catalog that nothing uses any more.
    """
    documents, chunks = index.catalog.counts()
    identity = index.catalog.embedder_identity
    sizes = bytes_on_disk(index.path)
    return {
        "index": str(index.path),
        "format": SCHEMA_VERSION,
        "documents": documents,
        "chunks": chunks,
        "embedder": identity.name if identity else None,
        "embedder_identity": asdict(identity) if identity else None,
        "chunk_sizes": index.catalog.setting("chunks"),
        "generation": index.catalog.generation,
        "bytes": sizes["total"],
        "sizes": {part: sizes[part] for part in PARTS},
        "free_bytes": index.catalog.free_bytes,
        "failed": [failure.to_dict() for _, failure in index.catalog.failures().values()],
    }


def bytes_on_disk(index: Path) -> dict[str, int]:
    """Bytes of each of PARTS, and in "total" of all that lies in an index folder."""
    sizes = dict.fromkeys((*PARTS, "total"), 0)
    for folder, _, names in os.walk(index):
        for name in names:
            path = Path(folder, name)
            try:
                size = path.lstat().st_size
            except FileNotFoundError:  # a writer has just exchanged it
                continue
            part = path.relative_to(index).parts[0].partition(".")[0]
            sizes["total"] += size
            if part in PARTS:
                sizes[part] += size
    return sizes


def check_index(index: Index, *, repair: bool = False, wait: float = 2.0) -> dict[str, Any]:
    """Whether an index is sound, as JSON-ready values. With `repair`, derived stores that are not sound are rebuilt.

    `problems` are those found, or those left after a repair. Another writer gets `wait` seconds to end.
    """
    started = time.perf_counter()
    problems = index.verify(patience=wait)
    left = index.repair(patience=wait) if problems and repair else problems
    documents, chunks = index.catalog.counts()
    return {
        "index": str(index.path),
        "sound": not left,
        "problems": left or problems,
        "repaired": bool(problems) and not left,
        "documents": documents,
        "chunks": chunks,
        "seconds": round(time.perf_counter() - started, 4),
    }


def unsound(path: str, error: IndexFormatError) -> dict[str, Any]:
    """What `check_index` would say of an index that is too damaged to be opened."""
    values = {"documents": None, "chunks": None, "seconds": 0.0}
    return {"index": path, "sound": False, "problems": [str(error)], "repaired": False, **values}
