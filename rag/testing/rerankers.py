"""The contract of a reranker."""

from __future__ import annotations

import pytest

from rag.protocols import Reranker

PASSAGES = ["Seven carp live in the pond.", "Soup costs four crowns.", "", "鯉は池に 🐟", "The pond is deep and old."]


class RerankerContract:
    """Subclass it, name the class Test…, and give it a fixture `reranker`."""

    def test_every_passage_gets_a_score_and_none_no_scores(self, reranker: Reranker) -> None:
        assert isinstance(reranker, Reranker)
        scores = reranker.scores("How many carp live here?", PASSAGES)
        assert [type(score) for score in scores] == [float] * len(PASSAGES)
        assert reranker.scores("How many carp live here?", []) == []

    def test_a_score_belongs_to_its_passage_wherever_that_stands(self, reranker: Reranker) -> None:
        forward = reranker.scores("carp in the pond", PASSAGES)
        assert reranker.scores("carp in the pond", PASSAGES[::-1])[::-1] == pytest.approx(forward, abs=1e-4)
        assert [reranker.scores("carp in the pond", [text])[0] for text in PASSAGES] == pytest.approx(forward, abs=1e-4)

    def test_strings_that_cannot_be_encoded_are_scored_too(self, reranker: Reranker) -> None:
        assert len(reranker.scores("a\ud800", ["b\udfff", "c"])) == 2
