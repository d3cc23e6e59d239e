"""`rag tokens`: the tokens and chunks that documents cost."""

from __future__ import annotations

import sys
from typing import Any

import click

from rag.cli.options import EXIT_SOME_FAILED, as_json, choosing, debug, reading, splitting
from rag.cli.shared import settings_with, show


@click.command("tokens")
@click.argument("sources", nargs=-1, required=True, metavar="FILE…")
@splitting
@click.option("--llm", metavar="SPEC", help="Count the tokens of this language model too.")
@choosing
@reading
@as_json
@debug
def tokens_command(
    sources: tuple[str, ...],
    embedder: str | None,
    chunk_tokens: int | None,
    overlap_tokens: int | None,
    llm: str | None,
    jobs: int | None,
    passwords: tuple[str, ...],
    seconds_a_file: float,
    memory_a_file: int,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Show the pages, characters, tokens and chunks of files and folders, and what cannot be read."""
    from contextlib import nullcontext

    from rag.cli.terminal import cost_lines
    from rag.documents import load_bytes
    from rag.documents.loading.find import Selection
    from rag.documents.loading.workers import Limits
    from rag.ingest.costs import count_costs
    from rag.ingest.sync import ChunkSizes
    from rag.specs import open_embedder, using_llm

    settings = settings_with(embedder=embedder)
    with using_llm(llm) if llm else nullcontext() as generator:
        stdin = sys.stdin.buffer.read() if "-" in sources else None
        costs = count_costs(
            [source for source in sources if source != "-"],
            embedder=open_embedder(settings.embedder or "minilm", api_key=settings.api_key),
            llm=generator,
            sizes=ChunkSizes(chunk_tokens, overlap_tokens),
            selection=Selection(**chosen),
            jobs=jobs,
            limits=Limits(seconds_a_file, memory_a_file * 2**20),
            passwords=passwords,
            documents=[] if stdin is None else [load_bytes(stdin, source="-", name_hint="stdin", passwords=passwords)],
        )
    show(costs.to_dict(), cost_lines(costs), as_json)
    if costs.failed:
        sys.exit(EXIT_SOME_FAILED)
