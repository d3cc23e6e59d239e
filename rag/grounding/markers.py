"""Citation markers as models write them: [1], [1, 2], [1-3], [^1], [Source 1], (source 1), 【1】 and 【1†name】.

Brackets that are part of the text are no markers: those within code, those with a zero, and those that a source has too, behind
the same word: `argv[2]`, [0, 1], "Article [12]".

>>> without_markers("It is 330 m tall [1].")
'It is 330 m tall.'
>>> without_markers("Readings lie in [0, 1].")
'Readings lie in [0, 1].'
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_NAMED = r"(?:sources?|src|refs?|references?|documents?|docs?|passages?|citations?)\b[\s:.#]*"
_NUMBERS = rf"\d+(?:\s*(?:[,;&–-]|and)\s*(?:{_NAMED})?\d+)*"
WRITTEN_MARKER = re.compile(
    rf"(?:(?<!\s)\s+)?(?:\[\s*\^?(?:{_NAMED})?({_NUMBERS})\s*\]|\(\s*{_NAMED}({_NUMBERS})\s*\)|【\s*(?:{_NAMED})?({_NUMBERS})(?::\d+)?(?:†[^】]*)?】)",
    re.IGNORECASE,
)
"""What looks like a marker; a number in plain brackets (1) is none."""

CODE = re.compile(r"```.*?(?:```|\Z)|(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
PLAIN_LIST = re.compile(r"\[\s*\d+(?:\s*[,;]\s*\d+)+\s*\]")
WORD_BEFORE = re.compile(r"[\w.]*\w[\])]*$")
LONGEST_WORD = 60
LONGEST_RANGE = 100
MOST_DIGITS = 9


def markers_in(text: str, sources: Collection[str] = ()) -> Iterator[re.Match[str]]:
    """The markers of a text in order; `sources` are the texts whose own brackets are none."""
    code = [match.span() for match in CODE.finditer(text)] if "`" in text else []
    for match in WRITTEN_MARKER.finditer(text):
        in_code = any(start <= match.start() < end for start, end in code)
        if not in_code and 0 not in _numbers_of(match) and not _is_of_a_source(text, match, sources):
            yield match


def _is_of_a_source(text: str, match: re.Match[str], sources: Collection[str]) -> bool:
    """Whether a source has the same brackets: a list of numbers anywhere, a single number behind the same word."""
    brackets = match.group().lstrip()
    if not sources or not brackets.startswith("["):
        return False
    if PLAIN_LIST.fullmatch(brackets):
        return any(brackets in source for source in sources)
    word = WORD_BEFORE.search(text[max(0, match.start() - LONGEST_WORD) : match.start()])
    return word is not None and any(word.group() + match.group() in source for source in sources)


def leading_markers(text: str, sources: Collection[str] = ()) -> int:
    """Where the markers that a text begins with end; 0 where it begins with none."""
    end = 0
    for match in markers_in(text, sources):
        if text[end : match.start()].strip():
            break
        end = match.end()
    return end


def written_numbers(text: str, sources: Collection[str] = ()) -> list[int]:
    """The numbers of the markers in a text, each once, in order; a range stands for all that it spans."""
    return list(dict.fromkeys(number for match in markers_in(text, sources) for number in _numbers_of(match)))


def _numbers_of(match: re.Match[str]) -> list[int]:
    numbers: list[int] = []
    listed = next(group for group in match.groups() if group)
    for part in re.finditer(r"(\d+)(?:\s*[–-]\s*(\d+))?", listed):
        first, last = int(part[1][:MOST_DIGITS]), int((part[2] or part[1])[:MOST_DIGITS])
        numbers += range(first, last + 1) if 0 <= last - first < LONGEST_RANGE else (first, last)
    return numbers


def without_markers(text: str, sources: Collection[str] = ()) -> str:
    """The text without the markers in it, and without those that appear where one is taken away, as in "[[1]2]"."""
    while spans := [match.span() for match in markers_in(text, sources)]:
        for start, end in reversed(spans):
            text = text[:start] + text[end:]
    return text
