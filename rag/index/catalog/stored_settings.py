"""Settings in a catalog: what holds where none is stored, and whether a stored value can be ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from rag.types import EmbedderIdentity

MOST_NUMBER = 2**62
MOST_DIMENSIONS = 65_536
SIZES = ("chunk_tokens", "overlap_tokens")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_NUMBER


def _is_identity(value: Any) -> bool:
    names = {field.name: field.type for field in fields(EmbedderIdentity)}
    return value is None or (
        isinstance(value, dict)
        and set(value) == set(names)
        and all(_is_number(value[name]) if kind == "int" else isinstance(value[name], str) for name, kind in names.items())
        and 1 <= value["dimension"] <= MOST_DIMENSIONS
    )


def _is_sizes(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and set(value) == set(SIZES) and all(map(_is_number, value.values())))


SETTINGS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "generation": (0, _is_number),
    "log_begins": (0, _is_number),
    "embedder": (None, _is_identity),
    "embedder_spec": (None, lambda value: value is None or isinstance(value, str)),
    "chunks": (None, _is_sizes),
    "limits_had": ({}, lambda value: isinstance(value, dict)),
    "tokens": ([], lambda value: isinstance(value, list)),
}
"""For each name, the value before any is stored, and a check that a stored value can be ours."""
