"""Several questions in one text: each is searched by itself too, so that none drowns the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.text.sentences import sentence_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST = 8
"""Questions that are searched one by one; a text with more of them is searched as a whole."""

_MARKS = ("?", "？", "؟")
_CLOSING = " \t\n\"'”’)]»"


def questions_in(text: str) -> tuple[str, ...]:
    """The sentences that end in a question mark, where there are two to MOST different ones; otherwise none.

    A single question among other sentences is not taken out: what stands around it tells what it is about.

    Example:
        >>> questions_in("Hello! Who built the tower? And how tall is it? Many thanks")
        ('Who built the tower?', 'And how tall is it?')
        >>> questions_in("I am new here. Who built the tower?")
        ()
    """
    sentences = (text[start:end].strip() for start, end in sentence_spans(text))
    asked = tuple(dict.fromkeys(sentence for sentence in sentences if sentence.rstrip(_CLOSING).endswith(_MARKS)))
    return asked if 2 <= len(asked) <= MOST else ()


def best_of(rankings: Iterable[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    """One ranking of all items, each with the best score that it has in any; ties go to the lower id."""
    best: dict[int, float] = {}
    for ranking in rankings:
        for item, score in ranking:
            best[item] = max(score, best.get(item, score))
    return sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
