"""How likely it is that the documents hold an answer: judged before a model is asked, and again after it has answered.

Before: a logistic model of two measurements, the cosine of the question to the most similar passage, and the largest share of
the question's content words that one of the first passages holds, each word counted by how rare it is in the index. After:
that, what the model said, and how well the best sentence of its answer is supported. The constants are fitted by
`benchmarks/evidence.py`; docs/design.md says on what.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

from rag.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.types import Hit

COSINE_WEIGHT, COVERAGE_WEIGHT, BIAS = 9.2, 6.4, -9.3
COVERAGE_ALONE_WEIGHT, COVERAGE_ALONE_BIAS = 8.6, -4.2
"""Fitted, the bias is -5.4; with that, every third question of PersianQA that has an answer would be refused."""

BEST_PASSAGES = 3

THRESHOLD = 0.15
"""Below it there is no answer: before, the model is not asked; after, what it wrote is not called one. It is low, for a good
answer is refused at a greater cost than a passage is read in vain, and what the model writes is checked as well."""

SUPPORTED = 0.4
"""The score of a sentence that its sources bear out in part; an answer without one is none."""

ODDS_OF_SENTINEL = 0.05
"""What a model's "not found" leaves of the odds that there is an answer."""

ODDS_OF_SUPPORT = 3.0
"""How much a sentence that is borne out in full raises them. Both odds are chosen, not fitted."""


def rarity(words: Sequence[str], frequencies: Mapping[str, int], passages: int) -> dict[str, float]:
    """How much a word tells: the weight that BM25 gives to one that stands in so many of the `passages`."""
    return {
        word: log(1 + (max(passages - frequencies.get(word, 0), 0) + 0.5) / (frequencies.get(word, 0) + 0.5)) for word in words
    }


def question_words(question: str) -> list[str]:
    """The stems that a question asks for, each once: its content words, or all where it has none."""
    return list(dict.fromkeys(content_stems(question) or stems(question)))


def coverage(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None = None) -> float:
    """Share (0 to 1) of the question's content words that one of the first hits holds, at best; `weights` from `rarity`."""
    wanted = {word: (weights or {}).get(word, 1.0) for word in question_words(question)}
    total = sum(wanted.values())
    if total <= 0:
        return 0.0
    held = (frozenset(stems(f"{hit.title} {hit.heading} {hit.text}")) for hit in hits[:BEST_PASSAGES])
    return max((sum(weight for word, weight in wanted.items() if word in words) / total for words in held), default=0.0)


def evidence(
    question: str,
    hits: Sequence[Hit],
    best_cosine: float,
    *,
    calibrated: bool,
    weights: Mapping[str, float] | None = None,
) -> float:
    """Between 0 and 1. `calibrated` says whether the cosines are those of the embedder that the constants were fitted for."""
    if not hits:
        return 0.0
    share = coverage(question, hits, weights)
    if not calibrated:
        return _logistic(COVERAGE_ALONE_WEIGHT * share + COVERAGE_ALONE_BIAS)
    return _logistic(COSINE_WEIGHT * best_cosine + COVERAGE_WEIGHT * share + BIAS)


def answerability(evidence: float, said_not_found: bool, best_support_score: float) -> float:
    """Between 0 and 1: how likely it is that what the model wrote answers from the documents; below THRESHOLD it does not.

    `said_not_found` is whether it wrote that the sources hold no answer, beside whatever else it wrote; `best_support_score`
    is that of its best sentence, 0 without one. An answer that nothing supports is none.
    """
    if best_support_score < SUPPORTED:
        return 0.0
    share = min(1.0, (best_support_score - SUPPORTED) / (1 - SUPPORTED))
    odds = evidence / max(1 - evidence, 1e-9) * (ODDS_OF_SENTINEL if said_not_found else ODDS_OF_SUPPORT**share)
    return odds / (1 + odds)


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value))
