"""The numbers and bullets of the lists of OpenDocument files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rag.documents.office.numbering import BULLET, spelled
from rag.documents.office.package import local, number, value

_KINDS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}


@dataclass(frozen=True, slots=True)
class _Level:
    """How one level of a list is numbered: `kind` may also be "bullet" or "none". `shown` levels stand in one number, "1.2"."""

    kind: str = "bullet"
    prefix: str = ""
    suffix: str = ""
    start: int = 1
    shown: int = 1


class ListStyles:
    """The list styles of a file, by name."""

    def __init__(self, *roots: Any) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}
        for root in roots:
            for style in () if root is None else root.iter("{*}list-style"):
                self._levels[value(style, name="name") or ""] = {
                    number(value(level, name="level"), 1): _level(level) for level in style
                }

    def first(self, style: str, depth: int) -> int:
        """The number that a list of this style begins with, `depth` counted from 1."""
        return self._level(style, depth).start

    def label(self, style: str, counts: list[int]) -> str:
        """What stands in front of an item; `counts` has its number in each list that it is in, outermost first."""
        level = self._level(style, len(counts))
        if level.kind in ("bullet", "none"):
            return BULLET if level.kind == "bullet" else ""
        first = max(0, len(counts) - level.shown)
        numbers = [spelled(count, self._level(style, depth).kind) for depth, count in enumerate(counts[first:], first + 1)]
        return f"{level.prefix}{'.'.join(numbers)}{level.suffix}".strip() or BULLET

    def _level(self, style: str, depth: int) -> _Level:
        return self._levels.get(style, {}).get(depth, _Level())


def _level(element: Any) -> _Level:
    numbers = value(element, name="num-format")
    kind = "bullet" if local(element) != "list-level-style-number" else _KINDS.get(numbers, "decimal") if numbers else "none"
    return _Level(
        kind=kind,
        prefix=(value(element, name="num-prefix") or "")[:20],
        suffix=(value(element, name="num-suffix") or "")[:20],
        start=number(value(element, name="start-value"), 1),
        shown=number(value(element, name="display-levels"), 1),
    )
