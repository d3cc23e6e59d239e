"""Fusion of the dense and the keyword ranking.

- `weighted_sum` is a convex combination of the two scores. Bruch, Gai and Ingber found it better than reciprocal rank fusion and
  robust in its one parameter ("An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023). Scores are divided by their
  standard deviation over the candidates (Montague and Aslam, "Relevance Score Normalization for Metasearch", CIKM 2001). An extra
  candidate with score 0 keeps chance differences between two or three candidates small.
- `trust_in_cosines` finds the weight of the dense score for a language that the embedder may not know. Its cosines would then have
  nothing to do with the words that question and passages share.
- `drawn_to_the_first` is pseudo-relevance feedback (Rocchio 1971): passages similar to the first ones move up.
- `best_of` joins the rankings of several questions in one text.
- `reciprocal_rank_fusion` (Cormack, Clarke and Büttcher, SIGIR 2009) is the baseline for comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.system.fitted import read_fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Scored = Sequence[tuple[int, float]]

FITTED = read_fitted(Path(__file__).with_suffix(".json"))


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each measure counts in hybrid search."""

    dense: float = FITTED.values["dense_weight"]
    """Share of the dense score in the sum, 0 to 1."""

    likeness: float = FITTED.values["likeness"]
    """Weight of the likeness to the first passages beside the fused score, whose best possible value is 1."""

    agreement: float = FITTED.values["agreement"]
    """The correlation of cosines with BM25 scores from which cosines count in full, above 0."""


SHIPPED = Weights()

BENEFIT_OF_DOUBT: float = FITTED.values["benefit_of_doubt"]
"""Number of candidates in full agreement to add, because the correlation of a few candidates is unreliable."""

FIRST: int = FITTED.values["first"]
"""Number of first passages that represent the question. With three, side topics come in."""


def weighted_sum(dense: Scored, keyword: Scored, *, dense_weight: float = SHIPPED.dense) -> list[tuple[int, float]]:
    """All ids of both lists with a score between 0 and 1, best first, ties by lower id. An id that is best in both scores 1.

    The lists are (id, score) pairs in any order. A missing id counts as 0, and so does a negative score. `dense` should therefore
    include the cosines of the ids in `keyword`: a passage outside the dense top list does not have a cosine of 0.

    >>> weighted_sum([(1, 0.9), (2, 0.3)], [(1, 12.0)], dense_weight=0.5)[0]
    (1, 1.0)
    """
    import numpy as np

    ids = np.array(sorted({item for item, _ in (*dense, *keyword)}), np.int64)
    total, highest = np.zeros(len(ids)), 0.0
    for ranking, weight in ((dense, dense_weight), (keyword, 1 - dense_weight)):
        scores = np.zeros(len(ids) + 1)
        scores[np.searchsorted(ids, [item for item, _ in ranking])] = [max(score, 0.0) for _, score in ranking]
        deviation = scores.std()
        if deviation > 0:
            total += weight / deviation * scores[:-1]
            highest += weight / deviation * scores.max()
    shares = total / highest if highest else total
    order = np.lexsort((ids, -shares))
    return list(zip(ids[order].tolist(), shares[order].tolist(), strict=True))


def trust_in_cosines(dense: Scored, keyword: Scored, *, agreement: float = SHIPPED.agreement) -> float:
    """The share of its weight that the dense score gets, 0 to 1, by its correlation with BM25 over the passages of the keyword list.

    Both scores measure similarity, so they correlate wherever the embedder understands the language.
    """
    import numpy as np

    cosines = dict(dense)
    both = np.array([(cosines[item], score) for item, score in keyword if item in cosines], np.float64).reshape(-1, 2)
    deviations = both.std(axis=0) if len(both) else np.zeros(2)
    if not deviations.all():
        return 1.0
    correlation = float((both - both.mean(axis=0)).prod(axis=1).mean() / deviations.prod())
    agreeing = min(1.0, max(0.0, correlation / agreement))
    return (len(both) * agreeing + BENEFIT_OF_DOUBT) / (len(both) + BENEFIT_OF_DOUBT)


def drawn_to_the_first(
    scored: Scored, likeness: Mapping[int, float], *, weight: float = SHIPPED.likeness
) -> list[tuple[int, float]]:
    """Add `weight` × likeness to each score. Returns (id, score) pairs, best first, scaled to 0 to 1 again.

    `likeness` maps ids to the cosine with the mean of the first FIRST passages. A missing id or a negative cosine adds nothing.
    """

    def raised(item: int, score: float) -> float:
        cosine = min(max(likeness.get(item, 0.0), 0.0), 1.0)
        return (score + weight * cosine) / (1 + weight)

    return sorted(((item, raised(item, score)) for item, score in scored), key=lambda pair: (-pair[1], pair[0]))


def best_of(rankings: Iterable[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    """All ids of several rankings, each with its best score, best first, ties by lower id."""
    best: dict[int, float] = {}
    for ranking in rankings:
        for item, score in ranking:
            best[item] = max(score, best.get(item, score))
    return sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))


def reciprocal_rank_fusion(*rankings: Scored, constant: int = 60) -> list[tuple[int, float]]:
    """Each ranking, best first, adds 1 / (constant + rank) to the score of an id. Ranks count from 1.

    >>> [item for item, _ in reciprocal_rank_fusion([(7, 0.9), (8, 0.4)], [(8, 11.0), (9, 2.0)])]
    [8, 7, 9]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (item, _) in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
