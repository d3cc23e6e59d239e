"""What a document is called: what it says of itself where that reads like a title, and its file's name."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

_LONGEST = 160
_WHITE = re.compile(r"\s+")
_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d_]{2}")
# A hyphen beside letters joins words of a file name; else it is part of a date or a form ("2022-07-01", "10-K").
_JOINER = re.compile(r"_+|(?<=[^\W\d_])-+(?=\w)|(?<=\w)-+(?=[^\W\d_]{2})")
_MADE_BY = re.compile(r"^(microsoft (word|powerpoint|excel)|powerpoint presentation|adobe \w+)\s*-\s*", re.IGNORECASE)
_FILE_NAME = re.compile(
    r"(^[a-z]:\\|^/|^\w+://|\\\\|\.(docx?|xlsx?|pptx?|pdf|indd|qxd|tex|dvi|e?ps|html?|rtf|odt|txt|fm|pmd|p65|cdr|ai)$)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"^\W*(untitled.*|no title|title|document|doc|presentation|powerpoint presentation|slide|print|layout|model|page|book"
    r"|sheet|template|cover|about:blank|unknown|anonymous|unnamed|none|null)(\W*\d+)*\W*$",
    re.IGNORECASE,
)


def readable_name(name: str) -> str:
    """A file's name without folders and suffix, with spaces where it has "_" or joining "-"."""
    return _one_line(_JOINER.sub(" ", PurePath(name).stem)) or name


def title_like(text: str | None) -> str:
    """`text` on one line, or "" if it is a file name, a placeholder or a number, as metadata often is."""
    title = _MADE_BY.sub("", _one_line(text or ""))
    if _PLACEHOLDER.match(title) or _FILE_NAME.search(title) or not _LETTERS.search(title):
        return ""
    return shortened(title)


def shortened(title: str) -> str:
    """`title` on one line, cut at a word where it is longer than a title should be."""
    title = _one_line(title)
    return title if len(title) <= _LONGEST else title[:_LONGEST].rsplit(" ", 1)[0] + "…"


def named(name: str, title: str | None) -> str:
    """File name and title as one, when each says something the other does not; else whichever says more.

    A report's file name often has the company and year that its title lacks.
    """
    name, title = readable_name(name), title_like(title)
    in_name, in_title = _words(name), _words(title)
    if in_title <= in_name:
        return name
    return title if in_name <= in_title else f"{name}: {title}"


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _one_line(text: str) -> str:
    return unicodedata.normalize("NFC", _WHITE.sub(" ", text).strip())
