"""Shared parts of recipes: decode tables into dataclasses, resolve paths, index the sources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.arguments import check_fields, like, option
from rag.errors import SettingsError, nearest
from rag.ingest.sync import synced
from rag.reading import ChunkSizes, ReadOptions
from rag.specs import open_index
from rag.system.decode import decoded
from rag.system.files import expanded

if TYPE_CHECKING:
    from rag.index.index import Index
    from rag.ingest.reports import SyncReport
    from rag.protocols import Progress


TABLES = ("sources", "index", "ask", "summarize", "evaluate")
"""The tables of all kinds of recipes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesTable:
    """`[sources]`: the documents. Paths are relative to the recipe."""

    paths: list[str] = option(MISSING, "Files and folders.")
    include: list[str] | None = like(ReadOptions, "include", default=None)
    exclude: list[str] | None = like(ReadOptions, "exclude", default=None)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def reading(self) -> ReadOptions:
        """The options of reading."""
        return ReadOptions(self.include or (), self.exclude or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTable:
    """`[index]`: the folder of the index, its embedder and the sizes of chunks."""

    path: str = option(MISSING, "The folder of the index.")
    embedder: str | None = option(None, "The embedder of a new index.")
    chunk_tokens: int | None = like(ChunkSizes, "chunk_tokens")
    overlap_tokens: int | None = like(ChunkSizes, "overlap_tokens")

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class InFolder:
    """The folder of a recipe, to which its paths are relative."""

    folder: Path

    def path(self, name: str) -> Path:
        """Resolve a path from the recipe; a relative one starts at the recipe's folder."""
        return Path(os.path.normpath(self.folder / expanded(name)))

    def paths(self, sources: SourcesTable) -> list[Path]:
        """The files and folders of `[sources]`."""
        return [self.path(name) for name in sources.paths]

    def open_index(self, table: IndexTable, *, api_key: str | None) -> Index:
        """Open the index of `[index]`; create it if there is none."""
        return open_index(self.path(table.path), create=True, embedder=table.embedder, api_key=api_key)

    def sync(self, sources: SourcesTable, table: IndexTable, *, index: Index, progress: Progress | None = None) -> SyncReport:
        """Make the index mirror the sources."""
        sizes = ChunkSizes(table.chunk_tokens, table.overlap_tokens)
        return synced(self.paths(sources), index=index, reading=sources.reading, sizes=sizes, progress=progress)


def decoded_tables(
    path: Path, tables: Mapping[str, object], kinds: Mapping[str, type[Any]], *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Decode the tables of a recipe into their dataclasses, by name. Optional tables may be missing.

    Raises SettingsError for a table or key that is unknown, missing or of the wrong type, and names it.
    """
    for name, values in tables.items():
        if name not in kinds:
            raise SettingsError(f"{path}: unknown table [{name}].{nearest(name, TABLES)} Known: {', '.join(kinds)}.")
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: '{name}' must be a table, written [{name}].")
    for name in kinds:
        if name not in tables and name not in optional:
            raise SettingsError(f"{path}: the table [{name}] is missing.")
    return {
        name: decoded(values, kinds[name], place=f"{path}, [{name}]", error=SettingsError) for name, values in tables.items()
    }
