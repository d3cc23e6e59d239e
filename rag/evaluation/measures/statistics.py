"""Confidence intervals of means, and tests whether two configurations differ.

Intervals are percentile bootstraps over questions. The test is the paired randomisation test that
Smucker, Allan and Carterette recommend ("A Comparison
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
"""Decimals of a compared value. A report has as many, so a value equals the one in its own report."""

NUMBERS_AT_ONCE = 2_000_000

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two configurations, over their common questions.

    `difference` is the mean of `name` minus the mean of `other`, and `interval` its 95 % bootstrap interval. `p` is the share
    of random swaps with a difference at least as large in either direction. Both are None for fewer than two questions.
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
    """The 95 % bootstrap interval (low, high) of the mean; None for fewer than two values."""
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
    """Compare `values` with `others`, both by question. Only common questions count."""
    gains = gains_over(values, others)
    difference = float(np.mean(gains)) if gains else 0.0
    return Comparison(metric, name, other, difference, interval_of(gains), _chance(gains), len(gains))


def gains_over(values: Mapping[str, float], others: Mapping[str, float]) -> list[float]:
    """The difference for each common question."""
    common = [(value, others[question]) for question, value in values.items() if question in others]
    return [round(round(value, DIGITS) - round(other, DIGITS), DIGITS) for value, other in common]


def auroc(is_positive: Sequence[bool], scores: Sequence[float]) -> float | None:
    """The share of pairs in which the positive has the higher score, ties counting half; None if there are no pairs.

    The area under the curve is the Mann-Whitney statistic divided by the number of pairs.

    >>> auroc([True, True, False], [0.9, 0.4, 0.4])
    0.75
    """
    pairs = list(zip(is_positive, scores, strict=True))
    positives = [score for positive, score in pairs if positive]
    negatives = [score for positive, score in pairs if not positive]
    if not positives or not negatives:
        return None
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(positives, negatives).statistic) / (len(positives) * len(negatives))


def _chance(gains: Sequence[float]) -> float | None:
    """The p value of the paired randomisation test."""
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
