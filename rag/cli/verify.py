"""`rag verify`: whether all parts of an index agree."""

from __future__ import annotations

import sys

import click

from rag.cli.options import EXIT_ERROR, Command, of_an_index, waiting
from rag.cli.shared import opened, settings_with, show


@click.command("verify", cls=Command, short_help="Check that an index is sound.")
@click.option("--repair", is_flag=True, help="Rebuild damaged parts from the catalog.")
@waiting
@of_an_index
def verify_command(index_path: str | None, repair: bool, wait: float, as_json: bool) -> None:
    """Check every file and document of an index. The exit code is 1 if something is wrong."""
    from rag.cli.reports import check_lines
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
