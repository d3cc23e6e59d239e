"""Data from files (TOML tables, lines of JSON) to frozen dataclasses, with mistakes named by place and key.

msgspec does the work; it is imported at the first use, since most commands decode nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rag.errors import RagError, UsageError, nearest

if TYPE_CHECKING:
    from dataclasses import Field

T = TypeVar("T")
MOST_SHOWN = 60
KEY = re.compile(r" - at `\$\.(\w+)")
"""Where msgspec says at which key a value is of another kind."""

WORDS: dict[Any, str] = {
    str: "a string", bool: "true or false", int: "a whole number", float: "a number", dict: "an object", list: "a list",
}  # fmt: skip


def decoded(
    values: object,
    kind: type[T],
    *,
    place: str,
    key: str = "key",
    others: bool = False,
    like: str = "",
    error: type[RagError] = UsageError,
) -> T:
    """The values as a dataclass of this kind, whose own checks run too.

    `place` begins every message, such as "rag.toml" or "questions.jsonl, line 3", and `like`, an example of what is right,
    ends it. `key` is what keys are called. Keys that the class does not have are refused, unless `others` are allowed.
    Raises `error`.

    >>> from rag.settings import Settings
    >>> decoded({"llm": "extractive"}, Settings, place="rag.toml").llm
    'extractive'
    """
    try:
        return _decoded(values, kind, key, others)
    except RagError as problem:
        raise error(f"{place}: {problem}{f' Write {like}' if like else ''}") from problem


def _decoded(values: object, kind: type[T], key: str, others: bool) -> T:
    import msgspec

    if not isinstance(values, Mapping):
        raise UsageError(f"{shown(values)} has no keys and values.")
    known = {one.name: one for one in fields(kind) if one.init}  # type: ignore[arg-type]
    for name in values:
        if name not in known and not others:
            raise UsageError(f"unknown {key} '{name}'.{nearest(str(name), known)} Known: {', '.join(known)}.")
    for name, one in known.items():
        if _is_required(one) and _is_empty(value := values.get(name)):
            raise UsageError(f"the {key} '{name}' is {'missing' if value is None else 'empty'}.")
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as problem:
        raise UsageError(_told(str(problem), values, kind)) from problem


def _is_empty(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _told(problem: str, values: Mapping[Any, Any], kind: type[Any]) -> str:
    found = KEY.search(problem)
    if found is None or found[1] not in values:
        return problem
    name, value = found[1], values[found[1]]
    hint = get_type_hints(kind)[name]
    choices = _choices(hint)
    wrong = [one for one in _as_list(value) if isinstance(one, str) and one not in choices] if choices else []
    return f"'{name}' must be {words_of(hint)}, not {shown(value)}.{nearest(wrong[0], choices) if wrong else ''}"


def _choices(hint: Any) -> tuple[str, ...]:
    """The only values of a type, or of the items of a list."""
    for one in _members(hint):
        if get_origin(one) is Literal:
            return get_args(one)
        if get_origin(one) in (list, tuple):
            return _choices(get_args(one)[0])
    return ()


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def words_of(hint: Any) -> str:
    """What values of a type are called in a message, such as "a list of strings"."""
    return " or ".join(_words_of_one(one) for one in _members(hint))


def _members(hint: Any) -> list[Any]:
    """The types of a union, without None."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [one for one in members if one is not NoneType]


def _words_of_one(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if get_origin(hint) in (list, tuple):
        item = get_args(hint)[0]
        choices = _choices(item)
        return f"a list with {words_of(item)}" if choices else f"a list of {words_of(item).removeprefix('a ')}s"
    return WORDS.get(hint, "an object")


def shown(value: object) -> str:
    """A value in a message, as JSON and cut where it is long."""
    spelled = json.dumps(value, ensure_ascii=False, default=str)
    return spelled if len(spelled) <= MOST_SHOWN else f"{spelled[:MOST_SHOWN]}…"
