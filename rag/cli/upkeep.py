"""Commands that look after an index."""

from __future__ import annotations

import sys

import click

from rag.cli.options import EXIT_ERROR, of_an_index, waiting
from rag.cli.shared import opened, settings_with, show


@click.command("documents")
@of_an_index
def documents_command(index_path: str | None, as_json: bool) -> None:
    """List the documents of an index."""
    from rag.cli.terminal import relative, table_lines

    with opened(index_path, settings_with()) as index:
        rows = index.catalog.documents()
    table = [(relative(row.source), row.title, row.pages, row.characters, row.chunks, row.indexed_at) for row in rows]
    lines = table_lines(table, ("source", "title", "pages", "characters", "chunks", "indexed"))
    show({"documents": [row.to_dict() for row in rows]}, lines if rows else ["The index is empty."], as_json)


@click.command("status")
@of_an_index
def status_command(index_path: str | None, as_json: bool) -> None:
    """Show what an index holds, its embedder, its sizes, and the files that could not be read."""
    from rag.cli.terminal import status_lines
    from rag.index.status import index_status

    with opened(index_path, settings_with()) as index:
        status = index_status(index)
    show(status, status_lines(status), as_json)


@click.command("verify")
@click.option("--repair", is_flag=True, help="Make what is derived from the catalog anew where it is not sound.")
@waiting
@of_an_index
def verify_command(index_path: str | None, repair: bool, wait: float, as_json: bool) -> None:
    """Check an index: every file, every document, and whether all parts agree. Exit code 1 if something is wrong."""
    from rag.cli.terminal import check_lines
    from rag.errors import IndexFormatError
    from rag.index.status import check_index, unsound

    settings = settings_with()
    try:
        with opened(index_path, settings) as index:
            checked = check_index(index, repair=repair, wait=wait)
    except IndexFormatError as error:
        checked = unsound(index_path or settings.index, error)
    show(checked, check_lines(checked), as_json)
    if not checked["sound"]:
        sys.exit(EXIT_ERROR)


@click.command("compact")
@waiting
@of_an_index
def compact_command(index_path: str | None, wait: float, as_json: bool) -> None:
    """Give the room that removed documents have left back to the disk."""
    import time

    from rag.cli.terminal import megabytes
    from rag.index.status import bytes_on_disk

    started = time.perf_counter()
    with opened(index_path, settings_with()) as index:
        before = bytes_on_disk(index.path)["total"]
        index.compact(patience=wait)
    now = bytes_on_disk(index.path)["total"]  # without the log that SQLite keeps beside an open catalog
    seconds = round(time.perf_counter() - started, 4)
    done = {"index": str(index.path), "bytes_before": before, "bytes": now, "seconds": seconds}
    show(done, [f"{megabytes(before)} before, {megabytes(now)} now"], as_json)
