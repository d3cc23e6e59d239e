"""Options for reading documents: the files of a folder, processes, limits, chunk sizes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from rag.arguments import check_fields, described, listed, option, refuse_unknown, require

CHARACTERS_A_FILE = 50_000_000
"""The longest text of a file: about 15,000 pages, or 50,000 passages."""

MOST_SECONDS = 365 * 24 * 60 * 60
MOST_MEMORY = 2**50
"""The largest limits. Every operating system can count them, and no file needs as much."""


@described
@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one file in its worker process: seconds, bytes of memory, characters of text.

    Raises UsageError for a value out of range.

    >>> Limits(seconds=60, memory=2**30).characters
    50000000
    """

    seconds: float = option(300.0, "Give up on a file that takes longer.", over=0, most=MOST_SECONDS)
    memory: int = option(3 * 2**30, "Give up on a file that needs more memory.", least=1, most=MOST_MEMORY)
    characters: int = option(CHARACTERS_A_FILE, "Give up on a file with more text.", least=1, most=sys.maxsize)

    def __post_init__(self) -> None:
        check_fields(self)


@described
@dataclass(frozen=True, slots=True)
class Selection:
    """The files of a folder to read. Globs match the path inside the folder, or the file's name."""

    include: Sequence[str] = option((), "Read only files that match, whatever their suffix.", metavar="GLOB")
    exclude: Sequence[str] = option((), "Leave out files that match.", metavar="GLOB")
    hidden: bool = option(False, "Also read files and folders whose names begin with a dot.")
    follow_links: bool = option(False, "Follow links to folders; each folder is read once.")

    def __post_init__(self) -> None:
        check_fields(self)


DEFAULT_LIMITS, DEFAULT_SELECTION = Limits(), Selection()


class ReadKeywords(TypedDict, total=False):
    """The options as keyword arguments. `selection` replaces `include`, `exclude`, `hidden` and `follow_links`."""

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
    limits: Limits = option(DEFAULT_LIMITS, "Limits of one file.", kind=Limits, form="a rag.Limits(…)")
    passwords: Sequence[str] = option((), "Passwords to try on encrypted files.")

    @classmethod
    def of(cls, keywords: ReadKeywords) -> ReadOptions:
        """Check keyword arguments and make the options. Raises UsageError."""
        chosen: dict[str, Any] = dict(keywords)
        refuse_unknown(chosen, ReadKeywords)
        selection = chosen.pop("selection", DEFAULT_SELECTION)
        require(isinstance(selection, Selection), selection, "selection", "a rag.reading.Selection")
        options = {"include": selection.include, "exclude": selection.exclude}
        options |= {"hidden": selection.hidden, "follow_links": selection.follow_links, **chosen}
        for name in ("include", "exclude", "passwords"):
            options[name] = tuple(listed(options.get(name, ()), name))
        return cls(**options)


DEFAULT_READING = ReadOptions()


@described
@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """The sizes of chunks in tokens. None means the size of the index, or the default. Raises UsageError."""

    chunk_tokens: int | None = option(None, "Tokens of a chunk, overlap included (default 230).", least=1)
    overlap_tokens: int | None = option(None, "Tokens that a chunk repeats of the one before (default 30).", least=0)

    def __post_init__(self) -> None:
        check_fields(self)
