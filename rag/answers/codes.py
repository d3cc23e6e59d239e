"""Codes and record numbers of a question: names for one thing each, which nothing similar can replace.

codes_of("What is the total of invoice INV-2023-00042?")  # ("INV-2023-00042",)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.text.words import stems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LEAST_DIGITS = 4
"""Digits of a bare number that may be a record's; a smaller one is a quantity."""

_TOKEN = re.compile(r"[^\W_]+(?:[-_/.#:][^\W_]+)*")
_LETTERS_AND_DIGITS = re.compile(r"[^\W\d_]+(?:[-_/.#:]?\d)")
_YEAR = re.compile(r"(?:1[0-9]|20)\d\d")
_PERIOD = re.compile(r"(?:(?:fy|cy|[qh])[-/]?\d{0,4}[-/]?)+", re.IGNORECASE)
_PARTS = re.compile(r"[^\W\d_]+|\d+")


def codes_of(question: str) -> tuple[str, ...]:
    """Tokens that begin with letters and go on with digits, and numbers of LEAST_DIGITS or more that are no year, as written.

    Quarters and years of an account (`Q3`, `FY2022`) are none: documents spell them in many ways.
    """
    found = (match.group() for match in _TOKEN.finditer(question))
    return tuple(dict.fromkeys(token for token in found if _is_code(token)))


def absent_codes(
    question: str,
    *,
    found: Iterable[str],
    frequencies: Callable[[Sequence[str]], Mapping[str, int]],
    texts_with: Callable[[str], Iterable[str]],
) -> list[str]:
    """The codes that stand in no passage. Signs between letters and digits do not matter: `E-22` is `E22`.

    `found` are the texts that the whole question found, `frequencies` gives the number of passages that hold each stem, and
    `texts_with` the texts that hold most words of a query.
    """
    missing = [code for code in codes_of(question) if not _is_in(code, found)]
    return [code for code in missing if not _is_indexed(code, frequencies) and not _is_in(code, texts_with(_query(code)))]


def _is_code(token: str) -> bool:
    if _PERIOD.fullmatch(token):
        return False
    is_number = token.isdecimal() and len(token) >= LEAST_DIGITS and not _YEAR.fullmatch(token)
    return is_number or _LETTERS_AND_DIGITS.match(token) is not None


def _is_in(code: str, texts: Iterable[str]) -> bool:
    pattern = r"[\W_]?".join(map(_spread, _PARTS.findall(code)))
    written = re.compile(rf"(?<![^\W_]){pattern}(?![^\W_])", re.IGNORECASE)
    return any(written.search(text) for text in texts)


def _spread(part: str) -> str:
    """A part of a code as a pattern: thousands may be parted."""
    return "[,. ]?".join(_grouped(part)) if part.isdecimal() else re.escape(part)


def _grouped(digits: str) -> list[str]:
    first = len(digits) % 3
    groups = [digits[start : start + 3] for start in range(first, len(digits), 3)]
    return [digits[:first], *groups] if first else groups


def _is_indexed(code: str, frequencies: Callable[[Sequence[str]], Mapping[str, int]]) -> bool:
    """Whether the index has it as a single word."""
    words = stems(code)
    return len(words) == 1 and frequencies(words)[words[0]] > 0


def _query(code: str) -> str:
    """The code, its parts one by one, and its numbers with their thousands parted, as words of a search."""
    parts = _PARTS.findall(code)
    return " ".join([code, *parts, *(group for part in parts if part.isdecimal() for group in _grouped(part))])
