"""`rag search`: passages for a question."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import click

from rag.cli.options import Command, as_json, debug, flags_of, index_to_search, question, retrieval, under
from rag.cli.shared import reranker_of, searched, settings_with, show, tell_if_empty
from rag.retrieval.options import SearchOptions

if TYPE_CHECKING:
    from rag.retrieval.options import Mode


@click.command("search", cls=Command, short_help="Find passages.")
@question
@under("Search", *flags_of(SearchOptions, "k", help="Passages to show."))
@retrieval
@under("Search", index_to_search)
@under("Output", as_json)
@debug
def search_command(
    question: str, index_path: str | None, k: int, mode: str, where: dict[str, str], reranker: str | None, as_json: bool
) -> None:
    """Find passages for a question. The question - is read from stdin."""
    from rag.cli.terminal import hit_lines
    from rag.retrieval.search import search

    started = time.perf_counter()
    settings = settings_with(reranker=reranker)
    with searched(index_path, settings) as index:
        tell_if_empty(index)
        hits = search(question, index=index, k=k, mode=cast("Mode", mode), where=where, reranker=reranker_of(settings))
    found = {
        "question": question,
        "mode": mode,
        "hits": [hit.to_dict() for hit in hits],
        "seconds": round(time.perf_counter() - started, 4),
    }
    show(found, hit_lines(hits) or ["Nothing found."], as_json)
