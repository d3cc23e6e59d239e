"""Arguments of the Python functions, held against what they must be, before anything is done with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from rag.errors import UsageError

PATH = (str, os.PathLike)
MOST_SHOWN = 60


def require(fits: object, value: object, name: str, wanted: str) -> None:
    """Raise UsageError that says what `name` must be, and what it is, unless `fits` is true."""
    if not fits:
        shown = repr(value)
        shown = shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"
        raise UsageError(f"{name} must be {wanted}, not {shown} ({type(value).__name__}).")


def require_text(value: object, name: str, wanted: str = "a text") -> None:
    """Raise UsageError unless it is a string."""
    require(isinstance(value, str), value, name, wanted)


def require_path(value: object, name: str, wanted: str = "a path") -> None:
    """Raise UsageError unless it can be the path of a file or folder."""
    require(isinstance(value, PATH), value, name, wanted)


def require_count(value: object, name: str, *, least: int = 1) -> None:
    """Raise UsageError unless it is a whole number of at least `least`."""
    require(is_whole(value), value, name, f"a whole number, at least {least}")
    if isinstance(value, int) and value < least:
        raise UsageError(f"{name} must be at least {least}, not {value}.")


def require_pairs(value: object, name: str) -> None:
    """Raise UsageError unless it is None or maps texts to texts."""
    fits = value is None or (isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair))
    require(fits, value, name, 'a dict of texts, such as {"source": "*.pdf"}')


def require_call(value: object, name: str) -> None:
    """Raise UsageError unless it is None or can be called."""
    require(value is None or callable(value), value, name, "a function")


def listed(values: Iterable[Any], name: str, *, kinds: type | tuple[type, ...] = str, of: str = "texts") -> list[Any]:
    """The values as a list. Raises UsageError where they are one text instead of several, or one of them is of another kind."""
    if isinstance(values, (*PATH, bytes)) or not isinstance(values, Iterable):
        require(
            False, values, name, f"a list of {of}, such as [{values!r}]" if isinstance(values, kinds) else f"a list of {of}"
        )
    found = list(values)
    for number, value in enumerate(found, 1):
        require(isinstance(value, kinds), value, f"Number {number} of {name}", f"one of the {of}")
    return found


def is_whole(value: object) -> bool:
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)
