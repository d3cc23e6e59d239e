"""Scores of an answer against right answers, as in SQuAD, and scores of its citations. All are between 0 and 1.

Normalisation, exact match and token F1 are those of SQuAD's evaluation (Rajpurkar et al., EMNLP 2016): lower case, no
punctuation, no English articles, words compared as bags, the best of the right answers. Three rules extend it beyond English.
Punctuation of other scripts is removed too. Letters and digits have one form (١ is 1, أ is ا). Characters of scripts without
spaces, and of Korean, whose words have endings, count as separate words, as in the evaluations of MLQA and KorQuAD.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from rag.text.language import language, one_of
from rag.text.scripts import PAIRED_RUN, one_form
from rag.text.words import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HALF = 0.5


def normalised(text: str) -> list[str]:
    """The words that the scores compare.

    >>> normalised("The mill, built in 1501.")
    ['mill', 'built', 'in', '1501']
    """
    plain = "".join(character for character in one_form(text.lower()) if not _is_punctuation(character))
    spaced = PAIRED_RUN.sub(lambda run: " " + " ".join(run.group()) + " ", _article().sub(" ", plain))
    return spaced.split()


@cache
def _article() -> re.Pattern[str]:
    return re.compile(rf"\b{one_of(language('en').articles)}\b")


def _is_punctuation(character: str) -> bool:
    """Punctuation of ASCII, as in SQuAD, and of scripts outside Europe. Typographic dashes and quotes stay."""
    if character.isascii():
        return character in string.punctuation
    is_european = ord(character) < 0x0590 or 0x2000 <= ord(character) < 0x2E80
    return not is_european and unicodedata.category(character).startswith("P")


def exact_match(answer: str, right: Sequence[str]) -> float:
    """1 if the answer equals a right one, else 0."""
    return _best(lambda words, gold: float(words == gold), answer, right)


def token_f1(answer: str, right: Sequence[str]) -> float:
    """Harmonic mean of two shares: common words in the answer, and common words in the right answer.

    >>> token_f1("in 1501", ["1501"])
    0.6666666666666666
    """
    return _best(_f1, answer, right)


def token_recall(answer: str, right: Sequence[str]) -> float:
    """The share of a right answer's words that the answer has."""
    return _best(_recall, answer, right)


def contains(answer: str, right: Sequence[str]) -> float:
    """1 if the answer contains a right answer word for word, else 0."""
    return _best(_contains, answer, right)


def is_right(answer: str, right: Sequence[str]) -> bool:
    """Whether the answer has at least half of the words, and half of the numbers, of a right answer."""
    return any(
        token_recall(answer, [gold]) >= HALF and len(_numbers(gold) & _numbers(answer)) >= HALF * len(_numbers(gold))
        for gold in right
    )


def _numbers(text: str) -> set[str]:
    return numbers(one_form(text))


def citation_precision(cited: Sequence[Sequence[str]], relevant: frozenset[str]) -> float:
    """The share of citations with a relevant unit. A citation is given as the units, such as pages, that it spans."""
    return sum(not relevant.isdisjoint(units) for units in cited) / len(cited)


def citation_recall(cited: Sequence[Sequence[str]], relevant: frozenset[str]) -> float:
    """The share of the relevant units that are cited."""
    return len(relevant & {unit for units in cited for unit in units}) / len(relevant)


def _best(score: Callable[[list[str], list[str]], float], answer: str, right: Sequence[str]) -> float:
    words = normalised(answer)
    return max((score(words, normalised(gold)) for gold in right), default=0.0)


def _f1(words: list[str], gold: list[str]) -> float:
    if not words or not gold:
        return float(words == gold)
    return 2 * _common(words, gold) / (len(words) + len(gold))


def _recall(words: list[str], gold: list[str]) -> float:
    return _common(words, gold) / len(gold) if gold else float(not words)


def _common(words: list[str], gold: list[str]) -> int:
    return sum((Counter(words) & Counter(gold)).values())


def _contains(words: list[str], gold: list[str]) -> float:
    if not gold:
        return float(not words)
    starts = range(len(words) - len(gold) + 1)
    return float(any(words[start : start + len(gold)] == gold for start in starts))
