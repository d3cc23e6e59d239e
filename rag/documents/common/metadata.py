"""Metadata of a document: flat lower-case names with JSON-ready values of bounded size."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from rag.documents.common.characters import with_line_feeds

MOST_KEYS = 200
LARGEST = 32 * 1024
"""Characters of all names and values of one document, each value counted with its name."""

_DEEPEST = 20
_LONGEST_NAME = 100
_LARGEST_INTEGER = 2**63 - 1
_QUOTES = str.maketrans('"\\', "'/")

Scalar = str | int | float | bool


def flatten(values: Mapping[Any, Any]) -> tuple[dict[str, Any], int]:
    """The values under flat names, and how many were left out because there was no more room, or too many levels.

    Nested names are joined by dots; lists of lists, and lists of nested names, become one list for each name. Dates become
    ISO 8601, what is neither text nor number becomes text; nothing is kept of null and of blank text.
    """
    collector = _Collector()
    collector.take_all(values, prefix="", depth=0)
    return collector.found, collector.left_out


def text_of(value: Any) -> str:
    """A value of metadata on one line; the first one of a list."""
    if isinstance(value, list):
        return text_of(value[0]) if value else ""
    return " ".join(str(value).split())


class _Collector:
    """Takes values under names until the room is used up."""

    def __init__(self) -> None:
        self.left_out = 0
        self._found: dict[str, list[Scalar]] = {}
        self._lists: set[str] = set()
        self._room = LARGEST

    @property
    def found(self) -> dict[str, Any]:
        """What was taken, a list only where there was one or a name came twice."""
        return {name: values if name in self._lists or len(values) > 1 else values[0] for name, values in self._found.items()}

    def take_all(self, values: Mapping[Any, Any], *, prefix: str, depth: int) -> None:
        """Take every value under its name, the prefix in front of it."""
        for key, value in values.items():
            self.take(_joined(prefix, key), value, depth=depth + 1)

    def take(self, name: str, value: Any, *, depth: int, listed: bool = False) -> None:
        """Take a value, or what is in it; too deep a one is only counted. `listed` keeps a single value a list."""
        if depth > _DEEPEST:
            self.left_out += 1
        elif isinstance(value, Mapping):
            self.take_all(value, prefix=name, depth=depth)
        elif isinstance(value, (list, tuple, set, frozenset)):
            for item in sorted(value, key=str) if isinstance(value, (set, frozenset)) else value:
                self.take(name, item, depth=depth + 1, listed=True)
        else:
            self._put(name, value, listed=listed)

    def _put(self, name: str, value: Any, *, listed: bool) -> None:
        try:
            scalar = _scalar(value)
        except ValueError:  # a number of thousands of digits
            self.left_out += 1
            return
        if not name or scalar is None or scalar == "":
            return
        self._room -= len(name) + len(str(scalar))
        if self._room < 0 or (name not in self._found and len(self._found) == MOST_KEYS):
            self.left_out += 1
            return
        self._found.setdefault(name, []).append(scalar)
        if listed:
            self._lists.add(name)


def _joined(prefix: str, key: Any) -> str:
    name = " ".join(_stored(str(key)).split()).translate(_QUOTES).lower()
    return f"{prefix}.{name}"[:_LONGEST_NAME] if prefix else name[:_LONGEST_NAME]


def _scalar(value: Any) -> Scalar | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return _stored(str(value)).strip()


def _stored(text: str) -> str:
    return unicodedata.normalize("NFC", with_line_feeds(text))
