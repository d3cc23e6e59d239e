"""The options of commands that read documents: which files, how they are cut, and within which limits."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

import click

from rag.arguments import options_in
from rag.cli.options import flag, flags_of, under
from rag.reading import MOST_MEMORY, MOST_SECONDS, ChunkSizes, Limits, ReadOptions, Selection

embedder = flag(
    "--embedder", metavar="SPEC", help="minilm (default), a sentence-transformers model, or http://HOST:PORT/v1#MODEL."
)
choosing = under("Files", *flags_of(Selection, "include", "exclude", "hidden", "follow_links"))
"""Which files of a folder are read."""

splitting = under("Chunks", embedder, *flags_of(ChunkSizes, "chunk_tokens", "overlap_tokens"))
"""How documents are embedded and cut."""


def _lines(_: click.Context, __: click.Parameter, path: Path | None) -> tuple[str, ...]:
    """The lines of a file as passwords. Spaces at their ends belong to them."""
    if path is None:
        return ()
    try:
        lines = tuple(filter(None, path.read_text(encoding="utf-8-sig").split("\n")))
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as UTF-8 text: {error}.") from error
    if not lines:
        raise click.BadParameter(f"{path} contains no password. Write one a line.")
    return lines


def _number(_: click.Context, __: click.Parameter, value: float) -> float:
    """The value. Refuses "nan", which ranges let through."""
    if isnan(value):
        raise click.BadParameter("nan is not a number of seconds.")
    return value


reading = under(
    "Reading",
    *flags_of(ReadOptions, "jobs"),
    flag(
        "--password-file",
        "passwords",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        callback=_lines,
        help="Passwords to try on encrypted files, one a line.",
    ),
    *(
        flag(
            f"--{name}-a-file",
            type=kind,
            callback=check,
            default=default,
            show_default=True,
            metavar=unit,
            help=options_in(Limits)[name][1].help,
        )
        for name, kind, check, default, unit in (
            ("seconds", click.FloatRange(0, MOST_SECONDS, min_open=True), _number, Limits().seconds, "SECONDS"),
            ("memory", click.IntRange(128, MOST_MEMORY // 2**20), None, Limits().memory // 2**20, "MB"),
        )
    ),
)
"""How documents are read."""


def read_options(chosen: dict[str, Any]) -> ReadOptions:
    """Take the options of `choosing` and `reading` out of the parameters of a command."""
    limits = Limits(chosen.pop("seconds_a_file"), chosen.pop("memory_a_file") * 2**20)
    names = ("include", "exclude", "hidden", "follow_links", "jobs", "passwords")
    return ReadOptions(limits=limits, **{name: chosen.pop(name) for name in names})
