"""Search, the public function: its options are checked here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from rag.arguments import require, require_count, require_pairs, require_text
from rag.errors import UsageError, nearest
from rag.retrieval.retrieve import Mode, retrieve
from rag.specs import open_reranker, using_searchable
from rag.types import Hits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rag.index.index import Index
    from rag.protocols import Reranker


def search(
    question: str,
    *,
    index: Index | str | Path,
    k: int = 10,
    mode: Mode = "hybrid",
    where: Mapping[str, str] | None = None,
    reranker: Reranker | str | None = None,
) -> Hits:
    """At most `k` passages, best first; their scores compare within one search only.

    `where` maps source, title, media_type, page, date or a name in the metadata to what has to fit; see `rag.index.catalog.filters`.
    """
    check_question(question)
    check_choice(k, mode)
    check_filters(where, reranker)
    with using_searchable(index) as opened:
        ranks = open_reranker(reranker) if isinstance(reranker, str) else reranker
        return retrieve(question, index=opened, k=k, mode=mode, where=where, reranker=ranks).hits


def check_filters(where: object, reranker: object) -> None:
    """Raise UsageError for what can be no filter, or no reranker."""
    require_pairs(where, "where")
    is_reranker = reranker is None or isinstance(reranker, str) or hasattr(reranker, "scores")
    require(is_reranker, reranker, "reranker", "a spec such as a model's name, or what rag.open_reranker gives")


def check_question(question: object) -> None:
    """Raise UsageError for a question that cannot be asked: no text, an empty one, or one that is not Unicode."""
    require_text(question, "The question")
    assert isinstance(question, str)
    if not question.strip():
        raise UsageError("The question is empty.")
    if any("\ud800" <= sign <= "\udfff" for sign in question):
        raise UsageError("The question is not valid text; write it in UTF-8.")


def check_choice(k: object, mode: object) -> None:
    """Raise UsageError for a number of passages or a search mode that there is not."""
    require_count(k, "The number of passages, k,")
    require_text(mode, "mode", "one of the search modes")
    if mode not in get_args(Mode):
        raise UsageError(
            f"Unknown search mode '{mode}'.{nearest(str(mode), get_args(Mode))} Known: {', '.join(get_args(Mode))}."
        )
