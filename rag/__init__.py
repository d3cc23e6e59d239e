"""groundtext: answers from your documents, each sentence cited.

    index = rag.open_index("indexes/handbook", create=True)
    rag.sync(["docs/"], index=index)
    answer = rag.ask("how do I …", index=index, llm="local")
    answer.citations[0].quote

Each name is imported at its first use, so that `import rag` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.answers.ask import aask as aask
    from rag.answers.ask import ask as ask
    from rag.answers.ask import check as check
    from rag.answers.ask_many import FailedAnswer as FailedAnswer
    from rag.answers.ask_many import aask_many as aask_many
    from rag.answers.ask_many import ask_many as ask_many
    from rag.answers.one_document import aask_document as aask_document
    from rag.answers.one_document import ask_document as ask_document
    from rag.chat.chat import Chat as Chat
    from rag.documents import load as load
    from rag.errors import RagError as RagError
    from rag.evaluation.answers import evaluate_answers as evaluate_answers
    from rag.evaluation.drafts import draft_questions as draft_questions
    from rag.evaluation.retrieval import evaluate_retrieval as evaluate_retrieval
    from rag.evaluation.summaries import evaluate_summaries as evaluate_summaries
    from rag.index.index import Index as Index
    from rag.ingest.remove import remove as remove
    from rag.ingest.reports import RemoveReport as RemoveReport
    from rag.ingest.reports import SyncReport as SyncReport
    from rag.ingest.sync import split as split
    from rag.ingest.sync import sync as sync
    from rag.models.generators.vllm import VllmGenerator as VllmGenerator
    from rag.prompts import Prompts as Prompts
    from rag.reading import ChunkSizes as ChunkSizes
    from rag.reading import Limits as Limits
    from rag.retrieval.search import search as search
    from rag.sampling import Sampling as Sampling
    from rag.specs import open_embedder as open_embedder
    from rag.specs import open_index as open_index
    from rag.specs import open_llm as open_llm
    from rag.specs import open_reranker as open_reranker
    from rag.summaries.summarize import asummarize as asummarize
    from rag.summaries.summarize import asummarize_many as asummarize_many
    from rag.summaries.summarize import summarize as summarize
    from rag.summaries.summarize import summarize_many as summarize_many
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
    "split": "rag.ingest.sync",
    "open_index": "rag.specs",
    "sync": "rag.ingest.sync",
    "remove": "rag.ingest.remove",
    "search": "rag.retrieval.search",
    "open_llm": "rag.specs",
    "ask": "rag.answers.ask",
    "aask": "rag.answers.ask",
    "check": "rag.answers.ask",
    **dict.fromkeys(("aask_document", "ask_document"), "rag.answers.one_document"),
    **dict.fromkeys(("FailedAnswer", "aask_many", "ask_many"), "rag.answers.ask_many"),
    **dict.fromkeys(("asummarize", "asummarize_many", "summarize", "summarize_many"), "rag.summaries.summarize"),
    **dict.fromkeys(("FailedSummary", "Summary"), "rag.summaries.types"),
    "draft_questions": "rag.evaluation.drafts",
    "evaluate_answers": "rag.evaluation.answers",
    "evaluate_retrieval": "rag.evaluation.retrieval",
    "evaluate_summaries": "rag.evaluation.summaries",
    "open_embedder": "rag.specs",
    "open_reranker": "rag.specs",
    "Chat": "rag.chat.chat",
    "ChunkSizes": "rag.reading",
    "Index": "rag.index.index",
    "Limits": "rag.reading",
    "Prompts": "rag.prompts",
    "RagError": "rag.errors",
    "VllmGenerator": "rag.models.generators.vllm",
    "Sampling": "rag.sampling",
    **dict.fromkeys(("RemoveReport", "SyncReport"), "rag.ingest.reports"),
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
