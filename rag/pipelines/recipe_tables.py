"""Tables of a recipe as frozen objects: unknown keys refused, kinds checked, what is needed named."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rag.errors import SettingsError, nearest

if TYPE_CHECKING:
    from pathlib import Path

Table = TypeVar("Table")

KINDS: dict[str, tuple[type, str]] = {
    "str": (str, "a string"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "list[str]": (list, "a list of strings"),
}


def read_table(path: Path, name: str, kind: type[Table], values: object) -> Table:
    """The table [name] of the recipe at `path` as `kind`, a dataclass of keys. Raises SettingsError that names the key."""
    if not isinstance(values, dict):
        raise SettingsError(
            f"{path}: the table [{name}] is missing." if values is None else f"{path}: '{name}' must be a table."
        )
    known = {field.name: str(field.type).split(" | ", maxsplit=1)[0] for field in fields(cast("Any", kind))}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(f"{path}: unknown key '{key}' in [{name}].{nearest(key, known)} Known: {', '.join(known)}.")
        fits, words = KINDS[known[key]]
        is_of_kind = isinstance(value, fits) and isinstance(value, bool) == (fits is bool)
        if not is_of_kind or (isinstance(value, list) and not all(isinstance(one, str) and one.strip() for one in value)):
            raise SettingsError(f"{path}: '{key}' in [{name}] must be {words}, not {value!r}.")
    for field in fields(cast("Any", kind)):
        if field.default is MISSING and not values.get(field.name):
            raise SettingsError(f"{path}: [{name}] needs '{field.name}'.")
    return kind(**values)
