"""`rag index`: an index that mirrors files and folders."""

from __future__ import annotations

import sys
from typing import Any

import click

from rag.cli.options import (
    EXIT_SOME_FAILED,
    Command,
    an_index,
    as_json,
    debug,
    flag,
    under,
    waiting,
)
from rag.cli.reading import choosing, read_options, reading, splitting
from rag.cli.shared import index_to_look_at, opened, settings_with, show
from rag.reading import ChunkSizes


@click.command("index", cls=Command, short_help="Make an index mirror files and folders.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@under("Index", an_index)
@under("Index", flag("--dry-run", is_flag=True, help="Print what would be done."), waiting)
@splitting
@choosing
@reading
@under("Reading", flag("--retry-failed", is_flag=True, help="Try files again that failed and have not changed."))
@under("Output", as_json)
@debug
def index_command(
    sources: tuple[str, ...],
    index_path: str | None,
    embedder: str | None,
    chunk_tokens: int | None,
    overlap_tokens: int | None,
    retry_failed: bool,
    dry_run: bool,
    wait: float,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make an index mirror files and folders: add, update, rename, remove.

    Run it again at any time: unchanged files are skipped.
    """
    from rag.cli.progress import IndexingProgress
    from rag.cli.reports import plan_lines, report_lines
    from rag.ingest.sync import plan_for, synced

    settings = settings_with(embedder=embedder)
    options = read_options(chosen)
    if dry_run:
        with index_to_look_at(index_path, settings) as index:
            plan, _ = plan_for(sources, index=index, reading=options, retry_failed=retry_failed)
        show(plan.to_dict(), plan_lines(plan), as_json)
        return
    with opened(index_path, settings, create=True) as index, IndexingProgress(shown=not as_json) as progress:
        report = synced(
            sources,
            index=index,
            reading=options,
            retry_failed=retry_failed,
            wait=wait,
            sizes=ChunkSizes(chunk_tokens, overlap_tokens),
            progress=progress,
        )
    show(report.to_dict(), report_lines(report), as_json)
    if report.failed:
        sys.exit(EXIT_SOME_FAILED)
