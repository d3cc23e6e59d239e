"""`rag check`: whether sources support a text, sentence by sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.answers.options import AskOptions
from rag.cli.options import Command, an_index, as_json, debug, flag, flags_of, under
from rag.cli.shared import searched, settings_with, show

if TYPE_CHECKING:
    from rag.answers.check import Checked
    from rag.settings import Settings
    from rag.types import Document


@click.command("check", cls=Command, short_help="Check a text against sources.")
@click.argument("text", metavar="TEXT|FILE")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@under(
    "Sources",
    flag("--sources", multiple=True, metavar="FILE", help="Documents to check against, instead of an index. More may follow."),
    an_index,
)
@under("Checking", *flags_of(AskOptions, "verifier"))
@under("Output", as_json)
@debug
def check_command(
    text: str, more: tuple[str, ...], sources: tuple[str, ...], index_path: str | None, verifier: str | None, as_json: bool
) -> None:
    """Say of each sentence of a text whether the sources support it, and quote what does.

    The text is an argument, a file, or - for stdin. Without --sources, each sentence is searched for in the index.
    """
    from rag.cli.terminal import checked_lines

    if more and not sources:
        raise click.UsageError('Name the sources behind --sources: rag check "…" --sources FILE…')
    if sources and index_path is not None:
        raise click.UsageError("--sources and --index cannot go together. Leave one out.")
    checked = _checked(_text(text), (*sources, *more), index_path, verifier, settings_with())
    show(checked.to_dict(), checked_lines(checked), as_json)


def _checked(text: str, sources: tuple[str, ...], index_path: str | None, verifier: str | None, settings: Settings) -> Checked:
    from rag.answers.check import check_against, check_documents
    from rag.documents import load
    from rag.specs import open_verifier

    judge = open_verifier(verifier, api_key=settings.api_key) if verifier not in (None, "lexical") else None
    if not sources:
        with searched(index_path, settings) as index:
            return check_against(text, index, verifier=judge)
    documents: list[Document] = [load(source) for source in sources]
    return check_documents(text, documents, verifier=judge)


def _text(given: str) -> str:
    """The text itself, or that of the file or stdin that it names."""
    from rag.documents import load

    if given == "-":
        return sys.stdin.read()
    try:
        is_file = Path(given).is_file()
    except (OSError, ValueError):  # longer than a name may be, or with a zero byte in it
        is_file = False
    return load(given).text if is_file else given
