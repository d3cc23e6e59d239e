"""The public function `search`, which checks its options."""

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
    """The `k` best passages for a question, best first, fewer if the index has fewer. No model writes anything.

    Compare scores within one search only. `where` maps fields (source, title, media_type, page, date, or a name in the
    metadata) to globs that must match. Raises UsageError for an empty question or an invalid option, IndexStoreError for an index
    that cannot be opened.

        rag.search("fire drill", index="indexes/handbook", k=3, where={"source": "*.pdf"})
    """
    check_question(question)
    chosen = SearchOptions.of(options)
    with using_searchable(index) as opened:
        return retrieve(question, index=opened, k=chosen.k, mode=chosen.mode, where=chosen.where, reranker=chosen.reranker).hits


def check_question(question: object) -> None:
    """Raise UsageError for a question that is not a string, is empty, or contains lone surrogates."""
    require_text(question, "The question")
    assert isinstance(question, str)
    if not question.strip():
        raise UsageError("The question is empty.")
    if any("\ud800" <= sign <= "\udfff" for sign in question):
        raise UsageError("The question is not valid text; write it in UTF-8.")
