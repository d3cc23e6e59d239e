"""What office files and books say of themselves, under the same names as for other formats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rag.documents.common.metadata import flatten

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATE = re.compile(r"[12]\d{3}(?:-[01]\d(?:-[0-3]\d(?:[T ]\d\d:\d\d\S*)?)?)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_PLACEHOLDER = re.compile(
    r"\W*(?:anonymous|unspecified|unknown|user|microsoft office user|python-docx|openpyxl|untitled|un-named|none|null)?\W*",
    re.IGNORECASE,
)
_BETWEEN_KEYWORDS = re.compile(r"[,;]")


def described(properties: Mapping[str, str | list[str]]) -> dict[str, Any]:
    """`author`, `subject`, `keywords` (a list), `language`, `created` and `date`, from properties named as in Dublin Core."""
    authors = [author for name in _list(properties.get("creator")) if (author := _said(name))]
    keywords = (part for text in _list(properties.get("keywords")) for part in _BETWEEN_KEYWORDS.split(text))
    values: dict[str, Any] = {
        "author": authors[0] if len(authors) == 1 else authors,
        "subject": [subject for text in _list(properties.get("subject")) if (subject := _said(text))],
        "keywords": [keyword for part in keywords if (keyword := _said(part))],
    }
    if len(values["subject"]) == 1:
        values["subject"] = values["subject"][0]
    for name, pattern in (("language", _LANGUAGE), ("created", _DATE), ("date", _DATE)):
        texts = (text.strip() for text in _list(properties.get(name)))
        values[name] = next((text for text in texts if pattern.fullmatch(text)), "")
    return flatten(values)[0]


def _list(found: str | list[str] | None) -> list[str]:
    return [found] if isinstance(found, str) else found or []


def _said(text: str) -> str:
    """The text on one line, or "" for what programs write where nobody said anything."""
    text = " ".join(text.replace("\0", "").split())
    return "" if _PLACEHOLDER.fullmatch(text) else text
