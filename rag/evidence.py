"""How likely it is that the passages hold an answer, judged before a model is asked.

A logistic model of two measurements: the cosine of the question to the most similar passage, and the largest share of
the question's content words that one of the first passages holds. The constants are fitted by
`benchmarks/evidence.py`; docs/design.md says on what.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from rag.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import Hit

COSINE_WEIGHT, COVERAGE_WEIGHT, BIAS = 5.7, 7.9, -7.1
COVERAGE_ALONE_WEIGHT, COVERAGE_ALONE_BIAS = 9.4, -4.9
BEST_PASSAGES = 3

THRESHOLD = 0.1
"""Below it, the model is not asked. It is low, for what the model writes is checked as well."""


def coverage(question: str, hits: Sequence[Hit]) -> float:
    """Share (0 to 1) of the question's content words that one of the first hits holds, at best."""
    wanted = set(content_stems(question)) or set(stems(question))
    if not wanted:
        return 0.0
    return max(
        (
            len(wanted.intersection(stems(f"{hit.title} {hit.heading} {hit.text}"))) / len(wanted)
            for hit in hits[:BEST_PASSAGES]
        ),
        default=0.0,
    )


def evidence(question: str, hits: Sequence[Hit], best_cosine: float, *, calibrated: bool) -> float:
    """Between 0 and 1. `calibrated` says whether the cosines are those of the embedder that the constants were fitted for."""
    if not hits:
        return 0.0
    share = coverage(question, hits)
    if not calibrated:
        return _logistic(COVERAGE_ALONE_WEIGHT * share + COVERAGE_ALONE_BIAS)
    return _logistic(COSINE_WEIGHT * best_cosine + COVERAGE_WEIGHT * share + BIAS)


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value))
