"""`rag remove`: remove documents from an index."""

from __future__ import annotations

import click

from rag.cli.options import Command, of_an_index, waiting
from rag.cli.shared import opened, settings_with, show


@click.command("remove", cls=Command, short_help="Remove documents from an index.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@waiting
@of_an_index
def remove_command(sources: tuple[str, ...], index_path: str | None, wait: float, as_json: bool) -> None:
    """Remove documents from an index: files, folders, or globs over whole paths. The files themselves stay."""
    from rag.cli.reports import removal_lines
    from rag.ingest.remove import remove

    with opened(index_path, settings_with()) as index:
        report = remove(sources, index=index, wait=wait)
    show(report.to_dict(), removal_lines(report), as_json)
