"""What a PDF says of itself: its outline as headings, its page labels, its metadata."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import visible
from rag.documents.common.metadata import flatten
from rag.types import Heading, Places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


_LONGEST = 40


def page_labels(document: Any, pages: int) -> list[str]:
    """The label of each page as pdfium reads it, on one line; empty where there is none."""
    return [" ".join(visible(_label(document, number)).split())[:_LONGEST] for number in range(pages)]


def label_places(labels: Sequence[str], page_starts: Sequence[int]) -> Places | None:
    """Places named as the pages are; None where every page is labelled with its own number, or not at all."""
    plain = [str(number) for number in range(1, len(page_starts) + 1)]
    named = [label or number for label, number in zip(labels, plain, strict=True)]
    return Places("page", tuple(page_starts), tuple(named)) if named != plain else None


def _label(document: Any, number: int) -> str:
    try:
        return str(document.get_page_label(number))
    except UnicodeDecodeError:
        return ""


_DATE = re.compile(r"(?:D:)?([12]\d{3})(\d\d)?(\d\d)?(\d{4}(?:\d\d)?)?(Z|[+-]\d\d'?\d\d)?")
_PLACEHOLDER = re.compile(r"\W*(?:anonymous|unspecified|unknown|user|untitled|none|null)?\W*", re.IGNORECASE)
_BETWEEN_KEYWORDS = re.compile(r"[,;]")


def information(value_of: Callable[[str], str]) -> dict[str, Any]:
    """`author`, `subject`, `keywords` (a list) and `created`, from the entries of the information dictionary."""
    values = {key: _said(value_of(key.capitalize())) for key in ("author", "subject", "keywords")}
    keywords = [word for part in _BETWEEN_KEYWORDS.split(values["keywords"]) if (word := part.strip())]
    return flatten({**values, "keywords": keywords, "created": iso_date(value_of("CreationDate"))})[0]


def iso_date(text: str) -> str:
    """A date of PDF, "D:20240131093000+01'00'", in ISO 8601 as far as it goes; "" for other text."""
    found = _DATE.match(text.strip())
    if not found:
        return ""
    year, month, day, clock, zone = (part or "" for part in found.groups())
    try:
        if clock:
            return datetime.fromisoformat(f"{year}{month}{day}T{clock}{zone.replace(chr(39), '')}").isoformat()
        if day:
            return date.fromisoformat(f"{year}{month}{day}").isoformat()
    except ValueError:
        return year
    return f"{year}-{month}" if month and 1 <= int(month) <= 12 else year


def _said(text: str) -> str:
    """The text on one line, or "" for what programs write where nobody said anything."""
    text = " ".join(text.replace("\0", "").split())
    return "" if _PLACEHOLDER.fullmatch(text) else text
