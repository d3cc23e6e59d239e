"""A PDF's outline as headings: the entries that lead to a page, put where that page has their words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import visible
from rag.types import Heading

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEEPEST = 12
_MOST = 10_000  # entries; an outline may be made so that it never ends
_LONGEST = 300
_NUMBERING = 12  # characters before the words on their line that still belong to a heading: "12.3 ", "Part IV: "


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the outline; `page` counts from 0 and is None where the entry leads to no page."""

    level: int
    title: str
    page: int | None


def outline(document: Any) -> list[Entry]:
    """The entries in their order, those without words left out."""
    entries: list[Entry] = []
    for number, mark in enumerate(document.get_toc(max_depth=_DEEPEST)):
        if number >= _MOST:
            break
        if title := " ".join(visible(_title(mark)).split())[:_LONGEST]:
            destination = mark.get_dest()
            entries.append(Entry(mark.level + 1, title, None if destination is None else destination.get_index()))
    return entries


def headings(entries: Sequence[Entry], text: str, page_starts: Sequence[int]) -> tuple[Heading, ...]:
    """The entries at their places, in the order of the text.

    An entry without a page stands above those under it and begins with the first of them.
    """
    ends = [*page_starts[1:], len(text)]
    found: list[Heading] = []
    waiting: list[Entry] = []
    for entry in entries:
        waiting = [above for above in waiting if above.level < entry.level]
        if entry.page is None or not 0 <= entry.page < len(page_starts):
            waiting.append(entry)
            continue
        page = page_starts[entry.page], ends[entry.page]
        after = found[-1].start if found and page[0] <= found[-1].start < page[1] else page[0]
        start = _place(entry.title, text, after, page)
        found += [Heading(start, above.level, above.title) for above in waiting]
        found.append(Heading(start, entry.level, entry.title))
        waiting = []
    return tuple(sorted(found, key=lambda heading: heading.start))


def _place(title: str, text: str, after: int, page: tuple[int, int]) -> int:
    """Where the page has the title, at the start of its line if nothing but a number precedes it; else `after`."""
    words = re.compile(r"\s+".join(map(re.escape, title.split())), re.IGNORECASE)
    match = _at_line_start(words, text, after, page[1]) or _at_line_start(words, text, *page)
    return after if match is None else match


def _at_line_start(words: re.Pattern[str], text: str, start: int, end: int) -> int | None:
    for match in words.finditer(text, start, end):
        line = max(text.rfind("\n", start, match.start()) + 1, start)
        if match.start() - line <= _NUMBERING:
            return line
    return None


def _title(mark: Any) -> str:
    try:
        return str(mark.get_title())
    except UnicodeDecodeError:
        return ""
