"""What all recipes share: tables read as frozen objects, unknown names refused, kinds checked, what is needed named."""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import SettingsError, nearest
from rag.settings import read_toml
from rag.system.files import expanded

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "a string"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "list[str]": (list, "a list of strings"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesTable:
    """`[sources]`: the documents; paths are relative to the recipe."""

    paths: list[str]
    include: list[str] | None = None
    exclude: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTable:
    """`[index]`: where, and how."""

    path: str
    embedder: str | None = None
    chunk_tokens: int | None = None
    overlap_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class InFolder:
    """A recipe's folder, where its relative paths start."""

    folder: Path

    def path(self, name: str) -> Path:
        """A path of the recipe, which is relative to the recipe's folder."""
        return Path(os.path.normpath(self.folder / expanded(name)))


def read_tables(path: Path, kinds: Mapping[str, type[Any]], *, optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The tables of a recipe by name, each as its kind, a dataclass of keys; optional ones only where they are there.

    Raises SettingsError that names the table or key that is unknown, missing, or of the wrong kind.
    """
    tables = read_toml(path)
    for name in tables:
        if name not in kinds:
            raise SettingsError(f"{path}: unknown table [{name}].{nearest(name, kinds)} Known: {', '.join(kinds)}.")
    wanted = {name: kind for name, kind in kinds.items() if name in tables or name not in optional}
    return {name: _table(path, name, kind, tables.get(name)) for name, kind in wanted.items()}


def _table(path: Path, name: str, kind: type[Any], values: object) -> Any:
    if values is None:
        raise SettingsError(f"{path}: the table [{name}] is missing.")
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: '{name}' must be a table, written [{name}].")
    known = {field.name: str(field.type).split(" | ", maxsplit=1)[0] for field in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(f"{path}: unknown key '{key}' in [{name}].{nearest(key, known)} Known: {', '.join(known)}.")
        _check_kind(f"{path}: '{key}' in [{name}]", value, known[key])
    for field in fields(kind):
        if field.default is MISSING and not values.get(field.name):
            raise SettingsError(f"{path}: [{name}] needs '{field.name}'.")
    return kind(**values)


def _check_kind(where: str, value: object, kind: str) -> None:
    fits, words = KINDS[kind]
    if not isinstance(value, fits) or isinstance(value, bool) != (fits is bool):
        raise SettingsError(f"{where} must be {words}, not {value!r}.")
    if isinstance(value, list) and not all(isinstance(item, str) and item.strip() for item in value):
        raise SettingsError(f"{where} must be {words} that are not empty, not {value!r}.")
