"""What an index holds, at a glance."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.indexes.index import Index


def index_status(index: Index) -> dict[str, Any]:
    """Counts, embedder, generation, bytes on disk and failed files, as JSON-ready values; builds no model."""
    documents, chunks = index.catalog.counts()
    identity = index.catalog.embedder_identity
    return {
        "index": str(index.path),
        "documents": documents,
        "chunks": chunks,
        "embedder": identity.name if identity else None,
        "embedder_identity": asdict(identity) if identity else None,
        "chunk_sizes": index.catalog.setting("chunks"),
        "generation": index.catalog.generation,
        "bytes": sum(path.stat().st_size for path in index.path.rglob("*") if path.is_file()),
        "failed": [asdict(failure) for _, failure in index.catalog.failures().values()],
    }
