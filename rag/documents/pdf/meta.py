"""What a PDF's document information says of it: author, subject, keywords and the date of creation."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rag.documents.common.metadata import flatten

if TYPE_CHECKING:
    from collections.abc import Callable

_DATE = re.compile(r"(?:D:)?([12]\d{3})(\d\d)?(\d\d)?(\d{4}(?:\d\d)?)?(Z|[+-]\d\d'?\d\d)?")
_PLACEHOLDER = re.compile(r"\W*(?:anonymous|unspecified|unknown|user|untitled|none|null)?\W*", re.IGNORECASE)
_BETWEEN_KEYWORDS = re.compile(r"[,;]")


def information(value_of: Callable[[str], str]) -> dict[str, Any]:
    """`author`, `subject`, `keywords` (a list) and `created`, from the entries of the information dictionary."""
    told = {key: _said(value_of(key.capitalize())) for key in ("author", "subject", "keywords")}
    keywords = [word for part in _BETWEEN_KEYWORDS.split(told["keywords"]) if (word := part.strip())]
    return flatten({**told, "keywords": keywords, "created": iso_date(value_of("CreationDate"))})[0]


def iso_date(text: str) -> str:
    """A date of PDF, "D:20240131093000+01'00'", in ISO 8601 as far as it goes; "" for what is none."""
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
