"""`rag status`: sizes, embedder and failed files of an index."""

from __future__ import annotations

import click

from rag.cli.options import of_an_index
from rag.cli.shared import opened, settings_with, show


@click.command("status")
@of_an_index
def status_command(index_path: str | None, as_json: bool) -> None:
    """Show what an index holds, its embedder, its sizes, and the files that could not be read."""
    from rag.cli.terminal import status_lines
    from rag.index.status import index_status

    with opened(index_path, settings_with()) as index:
        status = index_status(index)
    show(status, status_lines(status), as_json)
