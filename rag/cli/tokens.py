"""`rag tokens`: how many tokens and chunks documents have."""

from __future__ import annotations

import sys
from typing import Any

import click

from rag.cli.options import EXIT_SOME_FAILED, Command, as_json, debug, flag, under
from rag.cli.reading import choosing, read_options, reading, splitting
from rag.cli.shared import settings_with, show
from rag.reading import ChunkSizes


@click.command("tokens", cls=Command, short_help="Count the tokens and chunks of documents.")
@click.argument("sources", nargs=-1, required=True, metavar="FILE…")
@splitting
@under("Model", flag("--llm", metavar="SPEC", help="Also count the tokens of this language model."))
@choosing
@reading
@under("Output", as_json)
@debug
def tokens_command(
    sources: tuple[str, ...],
    embedder: str | None,
    chunk_tokens: int | None,
    overlap_tokens: int | None,
    llm: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Count the pages, characters, tokens and chunks of files and folders, and name files that cannot be read."""
    from contextlib import nullcontext

    from rag.cli.reports import cost_lines
    from rag.documents import load_bytes
    from rag.ingest.costs import costs_of
    from rag.specs import open_embedder, using_llm

    settings = settings_with(embedder=embedder)
    options = read_options(chosen)
    with using_llm(llm) if llm else nullcontext() as generator:
        stdin = sys.stdin.buffer.read() if "-" in sources else None
        passwords = options.passwords
        costs = costs_of(
            [source for source in sources if source != "-"],
            embedder=open_embedder(settings.embedder or "minilm", api_key=settings.api_key),
            llm=generator,
            sizes=ChunkSizes(chunk_tokens, overlap_tokens),
            reading=options,
            documents=[] if stdin is None else [load_bytes(stdin, source="-", name_hint="stdin", passwords=passwords)],
        )
    show(costs.to_dict(), cost_lines(costs), as_json)
    if costs.failed:
        sys.exit(EXIT_SOME_FAILED)
