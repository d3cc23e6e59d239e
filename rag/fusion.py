"""One ranking from two.

`weighted_sum` is the convex combination that Bruch, Gai and Ingber found better than reciprocal rank fusion, and robust in
its one parameter ("An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023): scores are normalised between
their theoretical minimum, here 0 for both searches (nothing in common), and the best score found.
`reciprocal_rank_fusion` (Cormack, Clarke and Büttcher, SIGIR 2009) is here to be compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Scored = Sequence[tuple[int, float]]

DENSE_WEIGHT = 0.6


def weighted_sum(dense: Scored, keyword: Scored, *, dense_weight: float = DENSE_WEIGHT) -> list[tuple[int, float]]:
    """All ids of both rankings, best first, scored between 0 and 1; an id absent from a ranking gets 0 for it."""
    scores: dict[int, float] = {}
    for ranking, weight in ((dense, dense_weight), (keyword, 1 - dense_weight)):
        for item, score in _shares_of_the_best(ranking):
            scores[item] = scores.get(item, 0.0) + weight * score
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def reciprocal_rank_fusion(*rankings: Scored, constant: int = 60) -> list[tuple[int, float]]:
    """Each ranking gives an id 1 / (constant + rank), ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (item, _) in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def _shares_of_the_best(ranking: Scored) -> list[tuple[int, float]]:
    best = max((score for _, score in ranking), default=0.0)
    return [(item, max(score, 0.0) / best if best > 0 else 0.0) for item, score in ranking]
