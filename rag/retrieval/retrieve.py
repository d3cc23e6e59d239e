"""Question → passages: dense and keyword search, fused, and reranked where a reranker is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.retrieval.fusion import FIRST, SHIPPED, Weights, drawn_to_the_first, trust_in_cosines, weighted_sum
from rag.retrieval.questions import best_of, questions_in
from rag.retrieval.spelling import corrected, words_to_find
from rag.system.waiting import result_of, threads
from rag.text.words import is_english
from rag.types import Hits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.protocols import Reranker, Searchable
    from rag.retrieval.options import Mode
    from rag.types import Hit

CANDIDATES = 100
"""Passages that each search contributes to the fusion, at least; from 100 to 500, quality hardly changes."""

RERANKED = 50

DRAWN = 50
"""Passages that are held against the first ones by meaning; those behind them stay behind."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Hits, and what says how near the question is to what was found, as `near_ones`; nothing where only words were searched."""

    hits: Hits
    near: tuple[tuple[int, float], ...] = ()


def retrieve(
    question: str,
    *,
    index: Searchable,
    k: int,
    mode: Mode = "hybrid",
    where: Mapping[str, str] | None = None,
    reranker: Reranker | None = None,
) -> Retrieved:
    """The hits of `search`, whose checks have been made, and how close the best passages are to the question.

    Where the text asks several questions, hybrid search looks for each of them and for the whole.
    """
    depth = max(CANDIDATES, min(2 * k, len(index)))
    dense, keyword = candidates(question, index=index, depth=depth, mode=mode, where=where)
    scored = {"dense": dense, "keyword": keyword}.get(mode) or hybrid(question, dense, keyword, index=index)
    parts = questions_in(question) if mode == "hybrid" and scored else ()
    if parts:
        found = [hybrid(part, *candidates(part, index=index, depth=depth, where=where), index=index) for part in parts]
        scored = best_of([scored, *found])
    hits = index.first_hits(scored, max(k, RERANKED) if reranker else k)
    if reranker is not None:
        hits = _rerank(question, hits, reranker)[:k]
    return Retrieved(Hits(hits, question=question), near_ones(dense, keyword))


def near_ones(dense: list[tuple[int, float]], keyword: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Of what `candidates` gave, the (chunk, cosine) pairs that CANDIDATES from each search give, however many were asked for."""
    first = {chunk for chunk, _ in (*dense[:CANDIDATES], *keyword[:CANDIDATES])}
    return tuple(pair for pair in dense if pair[0] in first)


def candidates(
    question: str, *, index: Searchable, depth: int = CANDIDATES, mode: Mode = "hybrid", where: Mapping[str, str] | None = None
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """The (chunk, score) pairs of dense and of keyword search that the mode needs, `depth` from each.

    After those that dense search found come the cosines of what only the words have found. The model, which takes all
    cores, loads while files are opened; the two searches, which take one each, run side by side. A mistyped question, which
    only the index can tell, is embedded again as it was meant.
    """
    if mode == "keyword" or not len(index):
        return [], index.search_words(words_to_find(corrected(question, index=index), index=index), depth, where=where)
    with threads(1) as thread:
        embedding = thread.submit(lambda: index.embedder.embed_question(question))
        index.preload()
        meant = corrected(question, index=index)
        vector = result_of(embedding)
        if meant != question:
            vector = index.embedder.embed_question(meant)
        if mode == "dense":
            return index.search_vectors(vector, depth, where=where), []
        words = thread.submit(lambda: index.search_words(words_to_find(meant, index=index), depth, where=where))
        dense = index.search_vectors(vector, depth, where=where)
        keyword = result_of(words)
    by_words_only = {chunk for chunk, _ in keyword} - {chunk for chunk, _ in dense}
    return [*dense, *index.cosines(vector, sorted(by_words_only)).items()], keyword


def hybrid(
    question: str,
    dense: list[tuple[int, float]],
    keyword: list[tuple[int, float]],
    *,
    index: Searchable,
    weights: Weights = SHIPPED,
) -> list[tuple[int, float]]:
    """What `candidates` gave as one ranking, scored between 0 and 1: fused, and drawn to what its first passages say.

    Cosines count in full where the question is English, which hardly any embedder fails to read; elsewhere, as far as they agree
    with the words.
    """
    trust = 1.0 if is_english(question) else trust_in_cosines(dense, keyword, agreement=weights.agreement)
    scored = weighted_sum(dense, keyword, dense_weight=trust * weights.dense)
    present, vectors = index.vectors_present([chunk for chunk, _ in scored[:DRAWN]])
    if not len(present):
        return scored
    cosines = (vectors @ vectors[:FIRST].mean(axis=0)).round(6)  # copies of a text stay equal
    likeness = dict(zip(present.tolist(), cosines.tolist(), strict=True))
    return drawn_to_the_first(scored, likeness, weight=trust * weights.likeness)


def _rerank(question: str, hits: list[Hit], reranker: Reranker) -> list[Hit]:
    scores = reranker.scores(question, [hit.text for hit in hits])
    ordered = sorted(zip(scores, hits, strict=True), key=lambda pair: (-pair[0], pair[1].rank))
    return [replace(hit, rank=rank, score=score) for rank, (score, hit) in enumerate(ordered, 1)]
