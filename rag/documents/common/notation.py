"""JSON, YAML and TOML from strangers: read without running anything, and refused before they can grow out of proportion."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_TEXT = 64 * 1024
"""Characters of a text that is read."""

_MOST_NODES = 10_000
_DEEPEST = 20
_MOST_DOTS = 500
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
# YAML 1.2 as far as it matters: `no`, `on`, `12:30` and `01234` stay the words that they are.
_YAML_SCALARS = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?[0-9]{1,18}(?:\.[0-9]{1,18}(?:[eE][-+]?[0-9]{1,3})?|[eE][-+]?[0-9]{1,3})",
        "-+0123456789",
    ),
    ("tag:yaml.org,2002:merge", r"<<", "<"),
    (_TIMESTAMP, r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)?", "0123456789"),
)


def parse(text: str, notation: str) -> dict[Any, Any]:
    """The names and values in a text whose notation is "json", "yaml" or "toml"; an empty text has none.

    Raises ValueError, which says what is wrong and where, for what cannot be parsed, is too large, or holds no names.
    """
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"it is longer than {LARGEST_TEXT // 1024} KB")
    if not text.strip():
        return {}
    parsers: dict[str, Callable[[str], Any]] = {"json": json.loads, "yaml": _yaml, "toml": _toml}
    try:
        values = parsers[notation](text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"it holds {_kind(values)} and not names with values")
    return values


def _toml(text: str) -> dict[str, Any]:
    # tomllib takes time in the square of a dotted key's length.
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ValueError(f"a line of it has more than {_MOST_DOTS} dots")
    return tomllib.loads(text)


def _yaml(text: str) -> Any:
    import yaml

    try:
        _refuse_explosions(text)
        return yaml.load(text, Loader=_yaml_loader())
    except yaml.MarkedYAMLError as error:
        place = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ValueError(f"{', '.join(filter(None, (error.context, error.problem)))}{place}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error
    except (TypeError, LookupError, AttributeError) as error:  # a tag over a value that is nothing of the kind
        raise ValueError(f"a tag does not fit its value ({error})") from error


def _refuse_explosions(text: str) -> None:
    """Raise ValueError for a few lines that expand to very much, by aliases of aliases, or that are nested very deeply.

    Every alias counts as all that it stands for, so what passes is small whatever is built from it.
    """
    import yaml

    size_of: dict[str | None, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    nodes = 0
    for event in yaml.parse(text, Loader=_yaml_loader()):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in size_of:
                raise ValueError(f"the alias *{event.anchor} stands for nothing that is complete before it")
            nodes += size_of[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            open_nodes.append((event.anchor, nodes))
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionEndEvent)):
            anchor, before = open_nodes.pop()
            size_of[anchor] = nodes - before + 1
        if nodes > _MOST_NODES or len(open_nodes) > _DEEPEST:
            raise ValueError(f"it has more than {_MOST_NODES} values or {_DEEPEST} levels")


@cache
def _yaml_loader() -> Any:
    """PyYAML's safe loader (libyaml's where it is there) with the scalars of YAML 1.2."""
    import yaml

    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("PlainLoader", (safe,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in _YAML_SCALARS:
        loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), list(first))

    def timestamp(constructor: Any, node: Any) -> Any:
        try:
            return safe.construct_yaml_timestamp(constructor, node)
        except (ValueError, AttributeError):  # the 30th of February; a time that is none
            return node.value

    loader.add_constructor(_TIMESTAMP, timestamp)
    return loader


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple, set)):
        return "a list"
    return "one piece of text" if isinstance(value, str) else "a single value"
