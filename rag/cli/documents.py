"""`rag documents`: the documents of an index."""

from __future__ import annotations

import click

from rag.cli.options import Command, of_an_index
from rag.cli.shared import opened, settings_with, show


@click.command("documents", cls=Command, short_help="List the documents of an index.")
@of_an_index
def documents_command(index_path: str | None, as_json: bool) -> None:
    """List the documents of an index."""
    from rag.cli.terminal import relative, table_lines

    with opened(index_path, settings_with()) as index:
        rows = index.catalog.documents()
    table = [(relative(row.source), row.title, row.pages, row.characters, row.chunks, row.indexed_at) for row in rows]
    lines = table_lines(table, ("source", "title", "pages", "characters", "chunks", "indexed"))
    show({"documents": [row.to_dict() for row in rows]}, lines if rows else ["The index is empty."], as_json)
