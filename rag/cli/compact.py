"""`rag compact`: reclaim the disk space of removed documents."""

from __future__ import annotations

import click

from rag.cli.options import Command, of_an_index, waiting
from rag.cli.shared import opened, settings_with, show


@click.command("compact", cls=Command, short_help="Reclaim the disk space of removed documents.")
@waiting
@of_an_index
def compact_command(index_path: str | None, wait: float, as_json: bool) -> None:
    """Reclaim the disk space of removed documents."""
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
