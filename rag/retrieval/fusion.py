"""One ranking from two.

`weighted_sum` is a convex combination of the two scores, which Bruch, Gai and Ingber found better than reciprocal rank
fusion and robust in its one parameter ("An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023). Each
score is measured in standard deviations over the candidates (Montague and Aslam, "Relevance Score Normalization for
Metasearch", CIKM 2001). One candidate that shares nothing with the question (score 0) is counted as well: between two or
three candidates the deviation alone would make much of chance differences.
Where an embedder may not read the language, `trust_in_cosines` finds how much the dense score counts: its cosines would have nothing
to do with the words that question and passages share.
`drawn_to_the_first` is pseudo-relevance feedback (Rocchio 1971): what the first passages are about is taken for what was asked.
`reciprocal_rank_fusion` (Cormack, Clarke and Büttcher, SIGIR 2009) is here to be compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.system.fitted import read_fitted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
"""Candidates of full agreement that are counted as well, for the correlation of a few tells little."""

FIRST: int = FITTED.values["first"]
"""Passages that stand for what was asked; with three, more of what they say beside it comes in."""


def weighted_sum(dense: Scored, keyword: Scored, *, dense_weight: float = SHIPPED.dense) -> list[tuple[int, float]]:
    """All ids of both lists, best first, ties by lower id, scored between 0 and 1: 1 is an id that is the best in both.

    The lists may come in any order. An id absent from a list counts as 0 there, and so do scores below 0; `dense` should
    therefore hold the cosines of the ids in `keyword` too, for no cosine is 0 only because others are higher.
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
    """Between 0 and 1: how far cosines count, as they agree with BM25 scores among passages that share words with the question.

    Both measure likeness, so they agree to some degree wherever the embedder understands what it reads.
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
    """The ranking after each score has gained `weight` times the item's likeness, between 0 and 1 again.

    `likeness` is the cosine to the first FIRST items, of at least the first few. What it lacks gains nothing, nor does what is
    unlike them.
    """
    raised = [(item, (score + weight * min(max(likeness.get(item, 0.0), 0.0), 1.0)) / (1 + weight)) for item, score in scored]
    return sorted(raised, key=lambda pair: (-pair[1], pair[0]))


def reciprocal_rank_fusion(*rankings: Scored, constant: int = 60) -> list[tuple[int, float]]:
    """Each ranking gives an id 1 / (constant + rank), ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (item, _) in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
