"""AUROC with its interval, and the loop that leaves one set out.

left_out = {name: fitted_on(others) for name, others in leave_one_out(sets)}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.harness.figures import Figure

SAMPLES = 300
T = TypeVar("T")


def leave_one_out(sets: Mapping[str, T]) -> Iterator[tuple[str, dict[str, T]]]:
    """Each set's name, and all the other sets."""
    for name in sets:
        yield name, {other: items for other, items in sets.items() if other != name}


def auroc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """The chance that a true item scores above a false one; 0.5 where there is one kind only."""
    return float(roc_auc_score(labels, scores)) if len(set(labels)) == 2 else 0.5


def auroc_figure(labels: Sequence[bool], scores: Sequence[float], *, seed: int = 0) -> Figure:
    """AUROC and the range of 95 of 100 samples drawn again."""
    truth, values = np.asarray(labels), np.asarray(scores, np.float64)
    chance = np.random.default_rng(seed)
    again = []
    for _ in range(SAMPLES):
        drawn = chance.integers(0, len(truth), len(truth))
        again.append(auroc(truth[drawn].tolist(), values[drawn].tolist()))
    low, high = np.percentile(again, [2.5, 97.5])
    return Figure(auroc(labels, scores), float(low), float(high), ".3f")
