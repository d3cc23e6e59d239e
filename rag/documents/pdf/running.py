"""Running headers and footers: lines at the edges of pages that repeat from page to page, or that count the pages.

They stay, because they often name the subject of a page and people quote them (the evidence that experts marked in filings has
them), but out of the way: as paragraphs of their own, where passages are cut first, and where no word is joined with them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_EDGE = 3  # lines that are looked at, at either end of a page
_LONGEST = 160
_FEWEST = 3  # pages that a line must stand on
_SHARE = 0.5  # of the pages with text, if every page has the line; left and right pages may have lines of their own
_LONG_RUN = 8  # as many pages with the line close together make a chapter's header
_NEAR = 2
_NUMBER = re.compile(r"\d+")
_ROMAN = re.compile(r"(?i:\b(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})\b)")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class Parts:
    """A page's text between its running lines."""

    header: str = ""
    body: str = ""
    footer: str = ""


def parts_of(pages: Sequence[str]) -> list[Parts]:
    """The parts of each page. A page that has only running lines is all body."""
    filled = sum(map(bool, pages))
    if filled < _FEWEST:
        return [Parts(body=page) for page in pages]
    running = _running_keys([_edge_lines(page) for page in pages], filled)
    return [_parted(page, number, running) for number, page in enumerate(pages)]


def _edge_lines(page: str) -> set[str]:
    first = page.split("\n", _EDGE)[:_EDGE]
    last = page.rsplit("\n", _EDGE)[-_EDGE:]
    return {line for line in (*first, *last) if len(line) <= _LONGEST}


def _running_keys(edges: Sequence[Iterable[str]], filled: int) -> set[str]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for number, lines in enumerate(edges):
        for key in {key for line in lines for key in _keys(line, number)}:
            places[key].append(number)
    return {key for key, found in places.items() if _repeats(found, filled)}


def _repeats(found: Sequence[int], filled: int) -> bool:
    if len(found) < _FEWEST:
        return False
    if len(found) >= _SHARE * (filled - 1):
        return True
    run = 1
    for before, after in pairwise(found):
        run = run + 1 if after - before <= _NEAR else 1
        if run >= _LONG_RUN:
            return True
    return False


def _keys(line: str, number: int) -> list[str]:
    """What may be the same on other pages: the line as it is if it has words; the line with a number that grows with the page's."""
    line = " ".join(line.casefold().split())
    keys = [line] if _LETTERS.search(line) else []
    counted = list(_NUMBER.finditer(line)) or [
        found for found in _ROMAN.finditer(line) if len(found[0]) > 1 or found[0] == line
    ]
    for found in {counted[0], counted[-1]} if counted else ():
        value = int(found[0]) if len(found[0]) < 9 and found[0].isdecimal() else _roman(found[0])
        keys.append(f"{line[: found.start()]}\0{value - number}\0{line[found.end() :]}")
    return keys


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES.get(letter, 0) for letter in numeral]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))


def _parted(page: str, number: int, running: set[str]) -> Parts:
    lines = page.split("\n")
    taken: dict[int, list[str]] = {0: [], -1: []}
    for position, edge in taken.items():
        while len(edge) < _EDGE and len(lines) > 1 and not running.isdisjoint(_keys(lines[position], number)):
            edge.append(lines.pop(position))
    if not any(map(str.strip, lines)):
        return Parts(body=page)
    return Parts("\n".join(taken[0]), "\n".join(lines).strip("\n"), "\n".join(reversed(taken[-1])))
