"""The numbers and bullets of a Word document's lists and headings, counted as Word counts them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rag.documents.office.package import is_on, number, value

BULLET = "-"

_PLACE = re.compile(r"%([1-9])")
_ROMAN = tuple(
    zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), "M CM D CD C XC L XL X IX V IV I".split(), strict=True)
)
_LARGEST_ROMAN = 4999


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered; "%1" in `text` stands for the number of the first level."""

    start: int = 1
    kind: str = "decimal"
    text: str = ""
    plain: bool = False
    style: str = ""


class Numbering:
    """The numbering part, and how far each of its lists has been counted."""

    def __init__(self, root: Any = None) -> None:
        self._levels: dict[str, dict[int, Level]] = {}
        self._list_of: dict[str, str] = {}
        self._overrides: dict[tuple[str, int], int] = {}
        self._counts: dict[str, dict[int, int]] = {}
        if root is not None:
            self._read(root)

    def label(self, numbering: str, level: int) -> str:
        """Counts one item and gives what stands in front of it: "2.", "(iv)", "-"; "" for a list without numbers."""
        key = self._list_of.get(numbering, "")
        levels = self._levels.get(key, {})
        here = levels.get(level)
        if here is None:
            return BULLET if numbering in self._list_of else ""
        counts = self._counts.setdefault(key, {})
        restart = self._overrides.pop((numbering, level), None)
        counts[level] = counts.get(level, here.start - 1) + 1 if restart is None else restart
        for above in (other for other in levels if other < level):  # a level that was skipped counts as begun
            counts.setdefault(above, levels[above].start)
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        if here.kind == "bullet":
            return BULLET
        return "" if here.kind == "none" else self._written(here, levels, counts)

    def level_of_style(self, numbering: str, style: str) -> int:
        """The level that a list keeps for paragraphs of a style; 0 where it keeps none."""
        levels = self._levels.get(self._list_of.get(numbering, ""), {})
        return next((level for level, about in levels.items() if about.style == style), 0)

    def _written(self, here: Level, levels: dict[int, Level], counts: dict[int, int]) -> str:
        def count(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            about = levels.get(place, Level())
            return spelled(counts.get(place, about.start), "decimal" if here.plain else about.kind)

        return _PLACE.sub(count, here.text).strip()

    def _read(self, root: Any) -> None:
        linked: dict[str, str] = {}
        for one in root.iterfind("{*}abstractNum"):
            key = value(one, name="abstractNumId") or ""
            self._levels[key] = {number(value(level, name="ilvl")): _level(level) for level in one.iterfind("{*}lvl")}
            if link := value(one, "styleLink"):
                linked[link] = key
        for one in root.iterfind("{*}abstractNum"):
            key = value(one, name="abstractNumId") or ""
            if not self._levels[key]:
                self._levels[key] = self._levels.get(linked.get(value(one, "numStyleLink") or "", ""), {})
        for one in root.iterfind("{*}num"):
            name = value(one, name="numId") or ""
            self._list_of[name] = value(one, "abstractNumId") or ""
            for override in one.iterfind("{*}lvlOverride"):
                if (start := value(override, "startOverride")) is not None:
                    self._overrides[name, number(value(override, name="ilvl"))] = number(start)


def spelled(count: int, kind: str) -> str:
    """A number in a kind of numbering by its name in the format; in digits where the kind is not known."""
    if kind == "decimalZero":
        return f"{count:02}"
    if kind in ("lowerLetter", "upperLetter") and 0 < count <= 780:
        letters = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letters if kind == "lowerLetter" else letters.upper()
    if kind in ("lowerRoman", "upperRoman") and 0 < count <= _LARGEST_ROMAN:
        return _roman(count).lower() if kind == "lowerRoman" else _roman(count)
    return str(count)


def _level(element: Any) -> Level:
    return Level(
        start=number(value(element, "start"), 1),
        kind=value(element, "numFmt") or "decimal",
        text=(value(element, "lvlText") or "")[:100],
        plain=is_on(element, "isLgl"),
        style=value(element, "pStyle") or "",
    )


def _roman(count: int) -> str:
    text = ""
    for worth, letters in _ROMAN:
        text += letters * (count // worth)
        count %= worth
    return text
