"""groundtext: true answers out of a pile of documents.

    index = rag.open_index("indexes/handbook", create=True)
    rag.sync(["docs/"], index=index)
    answer = rag.ask("how do I …", index=index, llm="local")
    answer.citations[0].quote

Names are imported at their first use, so `import rag` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.documents import load as load
    from rag.errors import RagError as RagError
    from rag.indexes.index import Index as Index
    from rag.pipelines.ask import aask as aask
    from rag.pipelines.ask import ask as ask
    from rag.pipelines.ask import check as check
    from rag.pipelines.ingest import ChunkSizes as ChunkSizes
    from rag.pipelines.ingest import split as split
    from rag.pipelines.ingest import sync as sync
    from rag.pipelines.remove import remove as remove
    from rag.pipelines.retrieve import search as search
    from rag.pipelines.workers import Limits as Limits
    from rag.specs import open_embedder as open_embedder
    from rag.specs import open_index as open_index
    from rag.specs import open_llm as open_llm
    from rag.specs import open_reranker as open_reranker
    from rag.types import Answer as Answer
    from rag.types import Chunk as Chunk
    from rag.types import Citation as Citation
    from rag.types import Document as Document
    from rag.types import Hit as Hit
    from rag.types import RemoveReport as RemoveReport
    from rag.types import Sampling as Sampling
    from rag.types import Sentence as Sentence
    from rag.types import SyncReport as SyncReport

__version__ = "0.1.0"

_HOMES = {
    "load": "rag.documents",
    "split": "rag.pipelines.ingest",
    "open_index": "rag.specs",
    "sync": "rag.pipelines.ingest",
    "remove": "rag.pipelines.remove",
    "search": "rag.pipelines.retrieve",
    "open_llm": "rag.specs",
    "ask": "rag.pipelines.ask",
    "aask": "rag.pipelines.ask",
    "check": "rag.pipelines.ask",
    "open_embedder": "rag.specs",
    "open_reranker": "rag.specs",
    "ChunkSizes": "rag.pipelines.ingest",
    "Index": "rag.indexes.index",
    "Limits": "rag.pipelines.workers",
    "RagError": "rag.errors",
    **dict.fromkeys(
        ("Answer", "Chunk", "Citation", "Document", "Hit", "RemoveReport", "Sampling", "Sentence", "SyncReport"), "rag.types"
    ),
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
