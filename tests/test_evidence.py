from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import SUPPORTED, THRESHOLD, answerability, coverage, evidence, question_words, rarity
from rag.types import Hit

CHANCE = st.floats(0, 1)


def hit(text, *, title="", heading=""):
    return Hit(1, 0.5, "a.txt", title, None, heading, 0, len(text), text, 1)


def test_a_question_is_covered_by_the_best_of_the_first_passages_with_title_and_heading():
    hits = [hit("Soup costs four crowns."), hit("Seven live there.", title="Carp", heading="The pond")]
    assert coverage("How many carp live in the deep pond?", hits) == pytest.approx(3 / 4)
    assert coverage("How many carp live in the pond?", hits[:1]) == 0.0
    assert coverage("How many carp live in the pond?", []) == 0.0


def test_only_the_first_passages_count():
    filler = [hit("Nothing."), hit("Nothing."), hit("Nothing.")]
    assert coverage("carp", [*filler, hit("Carp live here.")]) == 0.0
    assert coverage("carp", [*filler[:2], hit("Carp live here.")]) == 1.0


def test_rare_words_count_more():
    words = question_words("Who fed the carp of Halden Mills?")
    weights = rarity(words, {"fed": 100, "carp": 90, "mill": 80, "halden": 1}, 1000)
    common, rare = [hit("They fed the carp at the mills.")], [hit("Halden.")]
    assert coverage("Who fed the carp of Halden Mills?", common) > coverage("Who fed the carp of Halden Mills?", rare)
    assert coverage("fed Halden", [hit("Halden")], weights) > 0.7 > 0.5 == coverage("fed Halden", [hit("Halden")])


def test_a_word_that_no_passage_holds_is_the_rarest_and_counts_of_outdated_passages_do_no_harm():
    weights = rarity(["a", "b", "c"], {"a": 5, "b": 12}, 10)
    assert weights["c"] > weights["a"] > weights["b"] > 0


def test_without_hits_there_is_no_evidence():
    assert evidence("carp", [], 0.9, calibrated=True) == 0.0


@given(CHANCE, CHANCE)
def test_evidence_grows_with_the_cosine_and_with_the_words(low, high):
    low, high = sorted((low, high))
    near, far = hit("Seven carp live in the pond."), hit("Soup costs four crowns.")
    question = "How many carp live in the pond?"
    assert evidence(question, [near], low, calibrated=True) <= evidence(question, [near], high, calibrated=True)
    assert evidence(question, [far], low, calibrated=True) < evidence(question, [near], low, calibrated=True)


def test_cosines_of_an_embedder_that_nothing_was_fitted_for_are_left_out():
    near = [hit("Seven carp live in the pond.")]
    assert evidence("carp", near, 0.1, calibrated=False) == evidence("carp", near, 0.9, calibrated=False) > THRESHOLD


class TestAnswerability:
    def test_an_answer_that_nothing_supports_is_none(self):
        assert answerability(0.99, False, SUPPORTED - 0.01) == 0.0

    def test_a_supported_answer_on_good_evidence_is_one(self):
        assert answerability(0.6, False, 0.9) > 0.6 > THRESHOLD

    def test_a_model_that_says_not_found_is_believed_unless_the_evidence_is_strong(self):
        assert answerability(0.5, True, 1.0) < THRESHOLD < answerability(0.97, True, 1.0)

    @given(CHANCE, CHANCE, CHANCE, st.booleans())
    def test_it_is_a_chance_that_grows_with_evidence_and_support(self, evidence, low, high, said):
        low, high = sorted((low, high))
        assert 0 <= answerability(evidence, said, low) <= answerability(evidence, said, high) <= 1
        assert answerability(low, said, evidence) <= answerability(high, said, evidence)
        assert answerability(evidence, True, low) <= answerability(evidence, False, low)
