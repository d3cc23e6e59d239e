"""A question as the documents spell it: words that the index does not know become the nearest words of what was found.

as_spelled("What does the waranty cover?", lambda: ["The warranty covers the pump."], is_known=lambda word: word != "waranty")
# "What does the warranty cover?"
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAST = 4
"""Letters of a word that is compared; shorter ones are too much alike."""

LONG = 8
"""Letters from which two slips are forgiven; in shorter words, one."""

_WORD = re.compile(rf"[^\W\d_]{{{LEAST},}}")


def as_spelled(question: str, texts: Callable[[], Sequence[str]], *, is_known: Callable[[str], bool]) -> str:
    """The question with each unknown word replaced by the nearest word of the texts, where one is near enough.

    `texts` is called only where there is an unknown word.
    A slip is a letter too many, too few, or another one, or two neighbours that changed places. Of words that are as near, the
    most frequent one is taken, of these the first in alphabetical order.
    """
    unknown = [match for match in _WORD.finditer(question) if not is_known(match.group())]
    if not unknown:
        return question
    vocabulary = Counter(word for text in texts() for word in words_compared(text))
    for match in reversed(unknown):
        if nearest := _nearest(match.group().lower(), vocabulary):
            question = question[: match.start()] + nearest + question[match.end() :]
    return question


def _nearest(word: str, vocabulary: Counter[str]) -> str | None:
    most = 2 if len(word) >= LONG else 1
    letters = set(word)
    best: tuple[int, int, str] | None = None
    for other, count in vocabulary.items():
        if abs(len(other) - len(word)) > most or len(letters.symmetric_difference(other)) > 2 * most:
            continue
        slips = slips_between(word, other, most=most)
        if slips <= most and (best is None or (slips, -count, other) < best):
            best = slips, -count, other
    return best[2] if best else None


def slips_between(word: str, other: str, *, most: int) -> int:
    """The optimal string alignment distance of two words; `most` + 1 for any above `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        last, before, row = before, row, [i]
        for j, sign in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != sign))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == sign:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


@lru_cache(maxsize=1024)
def words_compared(text: str) -> tuple[str, ...]:
    """The words of a text that have LEAST letters or more, in lower case."""
    return tuple(match.group().lower() for match in _WORD.finditer(text))
