"""Search, the public function: its options are checked here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from rag.arguments import require_text, takes
from rag.errors import UsageError
from rag.retrieval.options import SearchKeywords, SearchOptions
from rag.retrieval.retrieve import retrieve
from rag.specs import using_searchable
from rag.types import Hits

if TYPE_CHECKING:
    from pathlib import Path

    from rag.protocols import Searchable


@takes(SearchKeywords, SearchOptions)
def search(
    question: str,
    *,
    index: Searchable | str | Path,
    **options: Unpack[SearchKeywords],
) -> Hits:
    """At most `k` passages, best first. Their scores compare within one search only.

    `where` maps names to globs that have to match; see `rag.index.catalog.filters`.

        rag.search("fire drill", index="indexes/handbook", k=3, where={"source": "*.pdf"})
    """
    check_question(question)
    chosen = SearchOptions.of(options)
    with using_searchable(index) as opened:
        return retrieve(question, index=opened, k=chosen.k, mode=chosen.mode, where=chosen.where, reranker=chosen.reranker).hits


def check_question(question: object) -> None:
    """Raise UsageError for a question that cannot be asked: no text, an empty one, or one that is not Unicode."""
    require_text(question, "The question")
    assert isinstance(question, str)
    if not question.strip():
        raise UsageError("The question is empty.")
    if any("\ud800" <= sign <= "\udfff" for sign in question):
        raise UsageError("The question is not valid text; write it in UTF-8.")
