"""Decode data of files (TOML tables, JSON lines) into frozen dataclasses. Errors name the place and the key.

Built on msgspec, which is imported on first use, since most commands decode nothing.
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
"""Finds the key with the wrong type in a message of msgspec."""

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
    """Decode values into the dataclass `kind`, whose own checks run too. Raises `error`.

    Every message begins with `place`, such as "rag.toml" or "questions.jsonl, line 3", and ends with `like`, an example of
    correct data. `key` is the noun for keys in messages. Unknown keys are an error, unless `others` is True.

    >>> from rag.settings import Settings
    >>> decoded({"llm": "extractive"}, Settings, place="rag.toml").llm
    'extractive'
    """
    try:
        return _decoded(values, kind, key, others)
    except RagError as problem:
        example = f" Write {like}" if like else ""
        raise error(f"{place}: {problem}{example}") from problem


def _decoded(values: object, kind: type[T], key: str, others: bool) -> T:
    import msgspec

    if not isinstance(values, Mapping):
        raise UsageError(f"{shown(values)} has no keys and values.")
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]
    for name in values:
        if name not in known and not others:
            raise UsageError(f"unknown {key} '{name}'.{nearest(str(name), known)} Known: {', '.join(known)}.")
    for name, field in known.items():
        value = values.get(name)
        if _is_required(field) and _is_empty(value):
            raise UsageError(f"the {key} '{name}' is {'missing' if value is None else 'empty'}.")
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as problem:
        raise UsageError(_worded(str(problem), values, kind)) from problem


def _is_empty(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _worded(problem: str, values: Mapping[Any, Any], kind: type[Any]) -> str:
    """A message of msgspec in our words, with the nearest known name for a wrong choice."""
    found = KEY.search(problem)
    if found is None or found[1] not in values:
        return problem
    name, value = found[1], values[found[1]]
    hint = get_type_hints(kind)[name]
    choices = _choices(hint)
    unknown = [item for item in _as_list(value) if isinstance(item, str) and item not in choices]
    suggestion = nearest(unknown[0], choices) if choices and unknown else ""
    return f"'{name}' must be {words_of(hint)}, not {shown(value)}.{suggestion}"


def _choices(hint: Any) -> tuple[str, ...]:
    """The values of a Literal type, or of a list of such a type; empty for other types."""
    for member in _members(hint):
        if get_origin(member) is Literal:
            return get_args(member)
        if get_origin(member) in (list, tuple):
            return _choices(get_args(member)[0])
    return ()


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def words_of(hint: Any) -> str:
    """The name of a type in a message.

    >>> words_of(list[str] | None)
    'a list of strings'
    """
    return " or ".join(_words_of_member(member) for member in _members(hint))


def _members(hint: Any) -> list[Any]:
    """The types of a union, without None."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [member for member in members if member is not NoneType]


def _words_of_member(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if get_origin(hint) in (list, tuple):
        item = get_args(hint)[0]
        choices = _choices(item)
        return f"a list with {words_of(item)}" if choices else f"a list of {words_of(item).removeprefix('a ')}s"
    return WORDS.get(hint, "an object")


def shown(value: object) -> str:
    """A value for a message: as JSON, cut if it is long."""
    spelled = json.dumps(value, ensure_ascii=False, default=str)
    return spelled if len(spelled) <= MOST_SHOWN else f"{spelled[:MOST_SHOWN]}…"
