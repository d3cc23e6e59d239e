"""Question → passages: dense and keyword search, fusion, and an optional reranker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.retrieval.fusion import FIRST, SHIPPED, Weights, best_of, drawn_to_the_first, trust_in_cosines, weighted_sum
from rag.retrieval.spelling import corrected, words_to_find
from rag.system.waiting import result_of, threads
from rag.text.question_parts import questions_in
from rag.text.words import is_english
from rag.types import Hits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.protocols import Reranker, Searchable
    from rag.retrieval.options import Mode
    from rag.types import Hit

CANDIDATES = 100
"""Passages that each search contributes to the fusion, at least. Quality hardly changes from 100 to 500."""

RERANKED = 50
"""Passages that a reranker scores, at least."""

DRAWN = 50
"""Passages whose vectors are compared with those of the first. The ones behind keep their scores."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Hits, and the (chunk, cosine) pairs of `near_ones`; no pairs for a keyword search."""

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
    """The hits of `search` with options that are already checked, and the cosines of the best passages.

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
    """The (chunk, cosine) pairs of the first CANDIDATES of each search, so that they do not depend on `depth`."""
    first = {chunk for chunk, _ in (*dense[:CANDIDATES], *keyword[:CANDIDATES])}
    return tuple(pair for pair in dense if pair[0] in first)


def candidates(
    question: str, *, index: Searchable, depth: int = CANDIDATES, mode: Mode = "hybrid", where: Mapping[str, str] | None = None
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """The (chunk, score) pairs of the dense and the keyword search, `depth` from each; [] for a search the mode does not need.

    In hybrid mode, the dense pairs end with the cosines of chunks that only the keyword search found. The embedder loads while
    the index files are opened, and both searches run in parallel. A mistyped question is embedded again as it was meant, which only
    the index can tell.
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
    """The pairs of `candidates` as one ranking with scores from 0 to 1: fused, then drawn to the first passages.

    The dense score has its full weight for English questions, since nearly every embedder knows English. For other languages,
    `trust_in_cosines` decides.
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
