"""`rag search`: passages for a question."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import click

from rag.cli.options import (
    of_an_index,
    question,
    retrieval,
)
from rag.cli.shared import (
    opened,
    reranker_of,
    settings_with,
    show,
    tell_if_empty,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.answers.ask_many import FailedAnswer
    from rag.retrieval.retrieve import Mode
    from rag.types import Answer

    Answers = Sequence[Answer | FailedAnswer]


@click.command("search")
@question
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="Passages to show.")
@retrieval
@of_an_index
def search_command(
    question: str, index_path: str | None, k: int, mode: str, where: dict[str, str], reranker: str | None, as_json: bool
) -> None:
    """Find passages. `-` reads the question from stdin."""
    import gc

    from rag.cli.terminal import hit_lines
    from rag.retrieval.search import search

    gc.disable()  # collecting would take a twentieth of this command's short life, most of which is imports
    started = time.perf_counter()
    settings = settings_with(reranker=reranker)
    with opened(index_path, settings) as index:
        tell_if_empty(index)
        hits = search(question, index=index, k=k, mode=cast("Mode", mode), where=where, reranker=reranker_of(settings))
    found = {
        "question": question,
        "mode": mode,
        "hits": [hit.to_dict() for hit in hits],
        "seconds": round(time.perf_counter() - started, 4),
    }
    show(found, hit_lines(hits) or ["Nothing found."], as_json)
