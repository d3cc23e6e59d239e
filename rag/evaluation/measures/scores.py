"""What an answer is worth beside the answers that are right: words as SQuAD compares them, and citations.

The normalisation, exact match and token F1 are those of SQuAD's evaluation (Rajpurkar et al., EMNLP 2016): lower case, without
punctuation and English articles, compared as bags of words, the best of the right answers counting. Beyond SQuAD, which is English:
punctuation of other scripts goes too, letters and digits have one form (١ is 1, أ is ا), and the signs of scripts that do not part
words, or as Korean does write endings to them, are words of their own, as in the evaluations of MLQA and KorQuAD.
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
    """The words that are compared."""
    plain = "".join(sign for sign in one_form(text.lower()) if not _is_punctuation(sign))
    spaced = PAIRED_RUN.sub(lambda run: " " + " ".join(run.group()) + " ", _article().sub(" ", plain))
    return spaced.split()


@cache
def _article() -> re.Pattern[str]:
    return re.compile(rf"\b{one_of(language('en').articles)}\b")


def _is_punctuation(sign: str) -> bool:
    """ASCII's, as SQuAD has it, and that of scripts beyond the European ones; typographic dashes and quotes stay."""
    if sign.isascii():
        return sign in string.punctuation
    is_european = ord(sign) < 0x0590 or 0x2000 <= ord(sign) < 0x2E80
    return not is_european and unicodedata.category(sign).startswith("P")


def exact_match(answer: str, right: Sequence[str]) -> float:
    """1 where the answer is one of the right ones, else 0."""
    return _best(lambda told, gold: float(told == gold), answer, right)


def token_f1(answer: str, right: Sequence[str]) -> float:
    """Harmonic mean of the shares of common words in the answer and in the right one, 0 to 1."""
    return _best(_f1, answer, right)


def token_recall(answer: str, right: Sequence[str]) -> float:
    """The share of a right answer's words that the answer has, 0 to 1."""
    return _best(lambda told, gold: _common(told, gold) / len(gold) if gold else float(not told), answer, right)


def contains(answer: str, right: Sequence[str]) -> float:
    """1 where a right answer stands in the answer, word for word, else 0."""
    return _best(_holds, answer, right)


def is_right(answer: str, right: Sequence[str]) -> bool:
    """Whether the answer has half of the words of a right one, and half of its numbers: enough to look no further for a mistake."""
    return any(
        token_recall(answer, [gold]) >= HALF and len(_numbers(gold) & _numbers(answer)) >= HALF * len(_numbers(gold))
        for gold in right
    )


def _numbers(text: str) -> set[str]:
    return numbers(one_form(text))


def citation_precision(cited: Sequence[Sequence[str]], relevant: frozenset[str]) -> float:
    """The share of citations of which a unit is relevant; each citation is the units (pages, say) that it spans."""
    return sum(not relevant.isdisjoint(units) for units in cited) / len(cited)


def citation_recall(cited: Sequence[Sequence[str]], relevant: frozenset[str]) -> float:
    """The share of the relevant units that are cited."""
    return len(relevant & {unit for units in cited for unit in units}) / len(relevant)


def _best(score: Callable[[list[str], list[str]], float], answer: str, right: Sequence[str]) -> float:
    told = normalised(answer)
    return max((score(told, normalised(gold)) for gold in right), default=0.0)


def _f1(told: list[str], gold: list[str]) -> float:
    if not told or not gold:
        return float(told == gold)
    common = _common(told, gold)
    return 2 * common / (len(told) + len(gold))


def _common(told: list[str], gold: list[str]) -> int:
    return sum((Counter(told) & Counter(gold)).values())


def _holds(told: list[str], gold: list[str]) -> float:
    starts = range(len(told) - len(gold) + 1)
    return float(any(told[start : start + len(gold)] == gold for start in starts)) if gold else float(not told)
