"""What the commands share: settings, the index to work on, and printing of results."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.cli.ahead import import_httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.index.index import Index
    from rag.protocols import Generator, Reranker, Searchable
    from rag.settings import Settings
    from rag.types import Answer, Citation, Sentence


def settings_with(**flags: str | None) -> Settings:
    """The settings. Flags come before the environment, then rag.toml, then defaults."""
    from dataclasses import replace

    from rag.settings import load_settings

    return replace(load_settings(), **{name: value for name, value in flags.items() if value is not None})


def opened(path: str | None, settings: Settings, *, create: bool = False) -> Index:
    """The index in the folder `path`, or in the folder of the settings."""
    from rag.errors import UsageError
    from rag.specs import open_index

    chosen = settings.index if path is None else path
    if not chosen:
        raise UsageError("--index is an empty string. Name a folder.")
    return open_index(chosen, create=create, embedder=settings.embedder, api_key=settings.api_key)


@contextmanager
def searched(path: str | None, settings: Settings) -> Iterator[Searchable]:
    """The index to search: a folder, or an address that an installed package opens."""
    from rag.specs import is_address, using_searchable

    chosen = settings.index if path is None else path
    with using_searchable(chosen) if is_address(chosen) else opened(path, settings) as index:
        yield index


def tell_if_empty(index: Searchable) -> None:
    """Print a note to stderr if the index has no documents."""
    if not len(index):
        click.echo(f"The index {index.path} holds no documents yet. Add some with `rag index`.", err=True)


@contextmanager
def index_to_look_at(path: str | None, settings: Settings) -> Iterator[Index]:
    """The index; if there is none yet, an empty one in a temporary folder."""
    from tempfile import TemporaryDirectory

    from rag.errors import NoIndexError

    try:
        index = opened(path, settings)
    except NoIndexError:
        with TemporaryDirectory() as folder, opened(str(Path(folder) / "index"), settings, create=True) as empty:
            yield empty
        return
    with index:
        yield index


def llm_of(settings: Settings) -> str:
    """The spec of the chosen model, else of the warm server, else "local"."""
    from rag.models.generators.vllm_server import running_server

    chosen = settings.llm or running_server() or "local"
    if chosen.startswith(("http://", "https://")):
        import_httpx()
    return chosen


def reranker_of(settings: Settings) -> Reranker | None:
    """The reranker of the settings, or None."""
    from rag.specs import open_reranker

    return open_reranker(settings.reranker, api_key=settings.api_key) if settings.reranker else None


def tell_llm(llm: Generator) -> None:
    """Print to stderr which server or engine answers."""
    if description := getattr(llm, "description", ""):
        click.echo(click.style(f"Asking {description}", dim=True), err=True)


def show(value: dict[str, Any], lines: Sequence[str], as_json: bool) -> None:
    """Print the value as one line of JSON, or the lines for people."""
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else "\n".join(lines))


def stream_sentence(sentence: Sentence, _: Sequence[Citation]) -> None:
    """Print a sentence of an answer as soon as it is checked."""
    from rag.cli.terminal import sentence_text

    click.echo(sentence_text(sentence) + " ", nl=False)
    sys.stdout.flush()


def show_answer(answer: Answer, *, streamed: bool) -> None:
    """Print the sources, before them the text unless it was streamed, and a footnote to stderr."""
    from rag.cli.terminal import answer_footnote, answer_lines

    if streamed and answer.answerable:
        click.echo()
    click.echo("\n".join(answer_lines(answer, with_text=not streamed)))
    click.echo(click.style(f"\n{answer_footnote(answer)}", dim=True), err=True)
