"""What a value of a filter asks for: a glob, a range of pages, a range of dates, or a range of numbers."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Wanted = str | int | float | bool | date
"""One value of a filter. Python's own values are compared by what they are called in text: 3, 2.5, true, 2024-05-31."""

_PAGES = re.compile(r"(\d+)|(\d*)\.\.(\d*)")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DAY = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})(?:\2(\d{1,2}))?)?")
_COMPACT_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)")
_CLOCK = re.compile(r"[T ]\d")
_LONGEST_DAY = 10
_DAYS_TO_REMEMBER = 65_536
_NEGATED = re.compile(r"\[\^(?=.)")


@dataclass(frozen=True, slots=True)
class Period:
    """A day, month or year: its first and last day in ISO 8601, and itself as far as it is known ("2024-05")."""

    first: str
    last: str
    text: str


def text_of(value: Any) -> str:
    """A value as it is written in a filter."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_glob(text: str) -> bool:
    """Whether a pattern fits more than itself."""
    return any(sign in text for sign in "*?[")


def globs(patterns: Sequence[str], *, any_case: bool) -> Callable[[str], bool]:
    """Whether a whole text fits a pattern: `*` any characters, `?` one, `[abc]` one of these, `[!abc]` one of the others."""
    spelled = str.casefold if any_case else str
    patterns = [_NEGATED.sub("[!", folded(pattern) if any_case else pattern) for pattern in patterns]
    exact = frozenset(pattern for pattern in patterns if not is_glob(pattern))
    regex = "|".join(translate(pattern) for pattern in patterns if is_glob(pattern))
    if not regex:
        return lambda text: spelled(text) in exact
    matches = re.compile(regex).match
    return lambda text: (text := spelled(text)) in exact or matches(text) is not None


def sources(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A pattern without "/" is for a file's name, one with "/" for the end of its path; all are for the whole path too."""
    endings = [f"*/{pattern}" for pattern in patterns if "/" in pattern and not pattern.startswith("/")]
    path_fits = globs([*patterns, *endings], any_case=False)
    name_fits = globs([pattern for pattern in patterns if "/" not in pattern], any_case=False)
    return lambda source: path_fits(source) or name_fits(source.rsplit("/", 1)[-1])


def page_range(text: str) -> tuple[int, int]:
    """First and last page of "3", "3..7", "..7" or "3..". Raises UsageError."""
    found = _PAGES.fullmatch(text.strip())
    if found and (found[1] or found[2] or found[3]):
        first, last = int(found[1] or found[2] or 1), int(found[1] or found[3] or 2**62)
        if 1 <= first <= last:
            return min(first, 2**62), min(last, 2**62)
    raise UsageError(
        f"page={text} is not a range of pages. Write one page (3) or a range (3..7, ..7, 3..); pages count from 1."
    )


def date_fits(text: str) -> Callable[[Period], bool]:
    """Whether a period lies within "2024", "2024-05", "2024-05-31", a range of these ("2023..2024-05"), or fits a glob."""
    if is_glob(text):
        fits = globs([text], any_case=True)
        return lambda when: fits(when.text)
    days = _days(text if ".." in text else f"{text}..{text}")
    if days is None or _is_backwards(days):
        problem = "ends before it begins" if days else "is not a date"
        raise UsageError(
            f"date={text} {problem}. Write a year (2024), a month (2024-05), a day (2024-05-31), a range (2023..2024-05, "
            "2024-05-31.., ..2023) or a glob (*-05-*)."
        )
    low, high = days
    return lambda when: low <= when.first and when.last <= high


def value_fits(key: str, wanted: Wanted) -> Callable[[Any], bool]:
    """Whether one value of metadata fits: its text by glob, a number by a number or range, a date by a range of dates."""
    text = text_of(wanted)
    fits = globs([text], any_case=True)
    numbers = _numbers(text)
    days = _days(text)
    if _is_backwards(numbers) or _is_backwards(days):
        raise UsageError(f"{key}={text} is a range that ends before it begins. Write the smaller end first, as in 10..20.")

    def fit(value: Any) -> bool:
        if numbers and isinstance(value, (int, float)) and not isinstance(value, bool):
            return numbers[0] <= value <= numbers[1]
        if days and isinstance(value, str) and (when := period(value)) and days[0] <= when.first and when.last <= days[1]:
            return True
        return fits(text_of(value))

    return fit


def period(text: str) -> Period | None:
    """The day, month or year that a text is, in the order of ISO 8601, as "2024/5/31" is too; a time may follow a whole day."""
    text = text.strip()
    if len(text) > _LONGEST_DAY and not _CLOCK.match(text, _LONGEST_DAY):
        return None
    return _period(text[:_LONGEST_DAY])


@lru_cache(_DAYS_TO_REMEMBER)
def _period(text: str) -> Period | None:
    if compact := _COMPACT_DAY.fullmatch(text):
        text = "-".join(compact.groups())
    found = _DAY.fullmatch(text)
    if not found:
        return None
    year, month, day = int(found[1]), int(found[3] or 0), int(found[4] or 0)
    try:
        if day:
            whole = date(year, month, day).isoformat()
            return Period(whole, whole, whole)
        first = date(year, month or 1, 1)
    except ValueError:
        return None
    last = date(year, month or 12, monthrange(year, month or 12)[1])
    return Period(first.isoformat(), last.isoformat(), first.isoformat()[: 7 if month else 4])


def _days(text: str) -> tuple[str, str] | None:
    """First and last day of a range of dates, which may be open at one end; None for other text."""
    low, dots, high = text.partition("..")
    begin, end = period(low), period(high)
    if not dots or not (low or high) or bool(low) != bool(begin) or bool(high) != bool(end):
        return None
    return begin.first if begin else "", end.last if end else "9999-12-31"


def _numbers(text: str) -> tuple[float, float] | None:
    """The ends of a range of numbers, or one number twice; None for other text."""
    low, dots, high = text.partition("..")
    if not dots:
        high = low
    if not (low or high) or any(end and not _NUMBER.fullmatch(end) for end in (low, high)):
        return None
    return _number(low) if low else float("-inf"), _number(high) if high else float("inf")


def _is_backwards(ends: tuple[Any, Any] | None) -> bool:
    return ends is not None and ends[0] > ends[1]


def _number(text: str) -> float:
    """An int where it is written as one, so that large ones stay exact."""
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def folded(pattern: str) -> str:
    """A pattern for text in any case; titles and metadata are in NFC from the beginning."""
    return unicodedata.normalize("NFC", pattern).casefold()
