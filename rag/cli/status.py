"""`rag status`: sizes, embedder and failed files of an index."""

from __future__ import annotations

import click

from rag.cli.options import Command, of_an_index
from rag.cli.shared import opened, settings_with, show


@click.command("status", cls=Command, short_help="Show sizes, embedder and failed files of an index.")
@of_an_index
def status_command(index_path: str | None, as_json: bool) -> None:
    """Show the documents, embedder and sizes of an index, and the files that could not be read."""
    from rag.cli.reports import status_lines
    from rag.index.status import index_status

    with opened(index_path, settings_with()) as index:
        status = index_status(index)
    show(status, status_lines(status), as_json)
