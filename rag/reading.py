"""How documents are read and cut: which files of a folder, in how many processes, within which limits."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from rag.arguments import check_fields, described, listed, option, refuse_unknown, require

CHARACTERS_A_FILE = 50_000_000
"""Longer texts are refused: about fifteen thousand pages, or fifty thousand passages."""

MOST_SECONDS = 365 * 24 * 60 * 60
MOST_MEMORY = 2**50
"""The largest limits: far more than any file takes, and within what every operating system can count."""


@described
@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file may take in its worker process. Raises UsageError for a value out of range.

    `memory` is in bytes.
    """

    seconds: float = option(300.0, "Give up on a file that takes longer.", over=0, most=MOST_SECONDS)
    memory: int = option(3 * 2**30, "Give up on a file that needs more memory.", least=1, most=MOST_MEMORY)
    characters: int = option(CHARACTERS_A_FILE, "Give up on a file with more text.", least=1, most=sys.maxsize)

    def __post_init__(self) -> None:
        check_fields(self)


@described
@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder are read. Globs match the path inside the folder, or the file's name."""

    include: Sequence[str] = option((), "Only files that fit, whatever their suffix.", metavar="GLOB")
    exclude: Sequence[str] = option((), "Leave out files that fit.", metavar="GLOB")
    hidden: bool = option(False, "Also files and folders whose names begin with a dot.")
    follow_links: bool = option(False, "Follow links to folders; each folder is read once.")

    def __post_init__(self) -> None:
        check_fields(self)


DEFAULT_LIMITS, DEFAULT_SELECTION = Limits(), Selection()


class ReadKeywords(TypedDict, total=False):
    """The options as keyword arguments. `selection` stands for `include`, `exclude`, `hidden` and `follow_links`."""

    include: Sequence[str]
    exclude: Sequence[str]
    hidden: bool
    follow_links: bool
    jobs: int | None
    limits: Limits
    passwords: Sequence[str]
    selection: Selection


@described
@dataclass(frozen=True, slots=True)
class ReadOptions(Selection):
    """How documents are read. Raises UsageError for a value that cannot work."""

    jobs: int | None = option(None, "Processes that read files (default: one a core).", least=1)
    limits: Limits = option(DEFAULT_LIMITS, "What one file may take.", kind=Limits, form="what rag.Limits(…) makes")
    passwords: Sequence[str] = option((), "Passwords to try on encrypted files.")

    @classmethod
    def of(cls, keywords: ReadKeywords) -> ReadOptions:
        """The options, checked. Raises UsageError."""
        chosen: dict[str, Any] = dict(keywords)
        refuse_unknown(chosen, ReadKeywords)
        selection = chosen.pop("selection", DEFAULT_SELECTION)
        require(isinstance(selection, Selection), selection, "selection", "a rag.reading.Selection")
        whole = {"include": selection.include, "exclude": selection.exclude}
        whole |= {"hidden": selection.hidden, "follow_links": selection.follow_links, **chosen}
        for name in ("include", "exclude", "passwords"):
            whole[name] = tuple(listed(whole.get(name, ()), name))
        return cls(**whole)


DEFAULT_READING = ReadOptions()


@described
@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """How documents are cut into chunks. None is the size of the index, or the default. Raises UsageError."""

    chunk_tokens: int | None = option(None, "Tokens of a chunk, overlap included (default 230).", least=1)
    overlap_tokens: int | None = option(None, "Tokens that a chunk repeats of the one before (default 30).", least=0)

    def __post_init__(self) -> None:
        check_fields(self)
