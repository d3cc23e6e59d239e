"""Commands that read documents, or let them go."""

from __future__ import annotations

import sys
from typing import Any

import click

from rag.cli.options import EXIT_SOME_FAILED, choosing, of_an_index, reading, splitting, waiting
from rag.cli.shared import index_to_look_at, opened, settings_with, show


@click.command("index")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@splitting
@choosing
@reading
@click.option("--retry-failed", is_flag=True, help="Try files again that failed before and have not changed.")
@click.option("--dry-run", is_flag=True, help="Print what would be done.")
@waiting
@of_an_index
def index_command(
    sources: tuple[str, ...],
    index_path: str | None,
    embedder: str | None,
    chunk_tokens: int | None,
    overlap_tokens: int | None,
    jobs: int | None,
    passwords: tuple[str, ...],
    seconds_a_file: float,
    memory_a_file: int,
    retry_failed: bool,
    dry_run: bool,
    wait: float,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make the index mirror files and folders: add, update, rename, remove."""
    from rag.cli.terminal import IndexingProgress, plan_lines, report_lines
    from rag.documents.loading.find import Selection
    from rag.documents.loading.workers import Limits
    from rag.ingest.sync import ChunkSizes, plan_for, sync

    settings = settings_with(embedder=embedder)
    if dry_run:
        with index_to_look_at(index_path, settings) as index:
            plan, _ = plan_for(
                sources,
                index=index,
                selection=Selection(**chosen),
                retry_failed=retry_failed,
                with_passwords=bool(passwords),
                limits=Limits(seconds_a_file, memory_a_file * 2**20),
            )
        show(plan.to_dict(), plan_lines(plan), as_json)
        return
    with opened(index_path, settings, create=True) as index, IndexingProgress(shown=not as_json) as progress:
        report = sync(
            sources,
            index=index,
            jobs=jobs,
            limits=Limits(seconds_a_file, memory_a_file * 2**20),
            passwords=passwords,
            retry_failed=retry_failed,
            wait=wait,
            sizes=ChunkSizes(chunk_tokens, overlap_tokens),
            progress=progress,
            **chosen,
        )
    show(report.to_dict(), report_lines(report), as_json)
    if report.failed:
        sys.exit(EXIT_SOME_FAILED)
