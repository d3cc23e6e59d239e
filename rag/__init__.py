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
    from rag.pipelines.ask_many import FailedAnswer as FailedAnswer
    from rag.pipelines.ask_many import aask_many as aask_many
    from rag.pipelines.ask_many import ask_many as ask_many
    from rag.pipelines.chat import Chat as Chat
    from rag.pipelines.evaluate_answers import evaluate_answers as evaluate_answers
    from rag.pipelines.evaluate_make import draft_questions as draft_questions
    from rag.pipelines.evaluate_retrieval import evaluate_retrieval as evaluate_retrieval
    from rag.pipelines.evaluate_summaries import evaluate_summaries as evaluate_summaries
    from rag.pipelines.ingest import ChunkSizes as ChunkSizes
    from rag.pipelines.ingest import split as split
    from rag.pipelines.ingest import sync as sync
    from rag.pipelines.remove import remove as remove
    from rag.pipelines.retrieve import search as search
    from rag.pipelines.summarize import asummarize as asummarize
    from rag.pipelines.summarize import asummarize_many as asummarize_many
    from rag.pipelines.summarize import summarize as summarize
    from rag.pipelines.summarize import summarize_many as summarize_many
    from rag.pipelines.summarize_question import aask_document as aask_document
    from rag.pipelines.summarize_question import ask_document as ask_document
    from rag.pipelines.workers import Limits as Limits
    from rag.prompts import Prompts as Prompts
    from rag.reports import RemoveReport as RemoveReport
    from rag.reports import SyncReport as SyncReport
    from rag.sampling import Sampling as Sampling
    from rag.specs import open_embedder as open_embedder
    from rag.specs import open_index as open_index
    from rag.specs import open_llm as open_llm
    from rag.specs import open_reranker as open_reranker
    from rag.summaries.types import FailedSummary as FailedSummary
    from rag.summaries.types import Summary as Summary
    from rag.types import Answer as Answer
    from rag.types import Chunk as Chunk
    from rag.types import Citation as Citation
    from rag.types import Document as Document
    from rag.types import Hit as Hit
    from rag.types import Sentence as Sentence

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
    **dict.fromkeys(("aask_document", "ask_document"), "rag.pipelines.summarize_question"),
    **dict.fromkeys(("FailedAnswer", "aask_many", "ask_many"), "rag.pipelines.ask_many"),
    **dict.fromkeys(("asummarize", "asummarize_many", "summarize", "summarize_many"), "rag.pipelines.summarize"),
    **dict.fromkeys(("FailedSummary", "Summary"), "rag.summaries.types"),
    "draft_questions": "rag.pipelines.evaluate_make",
    **{name: f"rag.pipelines.{name}" for name in ("evaluate_answers", "evaluate_retrieval", "evaluate_summaries")},
    "open_embedder": "rag.specs",
    "open_reranker": "rag.specs",
    "Chat": "rag.pipelines.chat",
    "ChunkSizes": "rag.pipelines.ingest",
    "Index": "rag.indexes.index",
    "Limits": "rag.pipelines.workers",
    "Prompts": "rag.prompts",
    "RagError": "rag.errors",
    "Sampling": "rag.sampling",
    **dict.fromkeys(("RemoveReport", "SyncReport"), "rag.reports"),
    **dict.fromkeys(("Answer", "Chunk", "Citation", "Document", "Hit", "Sentence"), "rag.types"),
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
