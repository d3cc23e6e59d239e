"""How sure a mean is, and whether two configurations differ: resampling questions, and swapping them pair by pair.

Intervals are percentile bootstraps; the test is the randomisation test that Smucker, Allan and Carterette recommend ("A Comparison
of Statistical Significance Tests for Information Retrieval Evaluation", CIKM 2007). Both come from SciPy, with a fixed seed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.types import plain_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLES = 5000
DIGITS = 6
"""Of a value that is compared: as many as an evaluation writes down, so that it does not differ from what it left in a file."""

NUMBERS_AT_ONCE = 2_000_000

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two configurations, over the questions that both have.

    `difference` is the mean of `name` minus that of `other`, `interval` holds 95 of 100 such means over questions drawn again, and
    `p` is the share of random swaps of the two that give as large a difference, either way.
    """

    metric: str
    name: str
    other: str
    difference: float
    interval: Interval | None
    p: float | None
    questions: int

    def to_dict(self) -> dict[str, Any]:
        """The comparison as docs/reference/json.md describes it."""
        return plain_dict(asdict(self))


def interval_of(values: Sequence[float]) -> Interval | None:
    """The range that holds 95 of 100 means of questions drawn again; None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy.stats import bootstrap

    drawn = bootstrap(
        (np.asarray(values, np.float64),),
        np.mean,
        n_resamples=SAMPLES,
        batch=max(1, NUMBERS_AT_ONCE // len(values)),
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def compare(metric: str, name: str, values: Mapping[str, float], other: str, others: Mapping[str, float]) -> Comparison:
    """`values` against `others`, both by question; what only one of them has does not count."""
    gains = gains_over(values, others)
    difference = float(np.mean(gains)) if gains else 0.0
    return Comparison(metric, name, other, difference, interval_of(gains), _chance(gains), len(gains))


def gains_over(values: Mapping[str, float], others: Mapping[str, float]) -> list[float]:
    """What each question that both have gains."""
    common = [(value, others[question]) for question, value in values.items() if question in others]
    return [round(round(value, DIGITS) - round(other, DIGITS), DIGITS) for value, other in common]


def auroc(is_positive: Sequence[bool], scores: Sequence[float]) -> float | None:
    """How often a positive has a higher score than a negative, ties half; None where there are no pairs.

    The area under the curve is the Mann-Whitney statistic, divided by the number of pairs.
    """
    high = [score for is_one, score in zip(is_positive, scores, strict=True) if is_one]
    low = [score for is_one, score in zip(is_positive, scores, strict=True) if not is_one]
    if not high or not low:
        return None
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(high, low).statistic) / (len(high) * len(low))


def _chance(gains: Sequence[float]) -> float | None:
    if len(gains) < 2:
        return None
    if not any(gains):
        return 1.0
    from scipy.stats import permutation_test

    tested = permutation_test(
        (np.asarray(gains, np.float64),),
        np.mean,
        permutation_type="samples",
        n_resamples=SAMPLES,
        batch=max(1, NUMBERS_AT_ONCE // len(gains)),
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(tested.pvalue)
