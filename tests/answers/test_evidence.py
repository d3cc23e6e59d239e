from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answers.evidence import (
    COMPARED,
    LONG,
    SENTENCES_READ,
    SUPPORTED,
    THRESHOLD,
    Meaning,
    Measured,
    answerability,
    compared,
    coverage,
    evidence_in_document,
    lead_of_words,
    measured,
    question_words,
    trust_in,
)
from rag.models.embedders.calibration import calibration_of
from rag.text.rarity import rarity
from rag.types import EmbedderIdentity, Hit

CHANCE = st.floats(0, 1)
MINILM = calibration_of(EmbedderIdentity("minilm", "1", 384, 256)).evidence


def evidence(question, hits, *, meaning=None, lead=0.5):
    """As for a question without parts, whose words lead by so much."""
    words = coverage(question, hits), lead
    if meaning is None:
        return Measured(words).likelihood(None)
    return Measured(words, measured(question, hits, meaning), meaning.trust).likelihood(meaning.fitted.values)


def hit(text, *, title="", heading=""):
    return Hit(1, 0.5, "a.txt", title, None, heading, 0, len(text), text, 1)


def test_title_and_heading_help_to_cover_a_question():
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


QUESTION = "How many carp live in the pond?"
NEAR, OFF = hit("Seven carp live in the pond."), hit("Soup costs four crowns.")


def meaning(*cosines, of=0.3):
    return Meaning(cosines, lambda texts: [of] * len(texts), MINILM)


def test_without_hits_there_is_no_evidence():
    assert evidence_in_document("carp", []) == 0.0


@given(CHANCE, CHANCE, CHANCE)
def test_evidence_grows_with_each_cosine_and_with_the_words(low, high, other):
    low, high = sorted((low, high))
    assert evidence(QUESTION, [NEAR], meaning=meaning(low, other)) <= evidence(QUESTION, [NEAR], meaning=meaning(high, other))
    assert evidence(QUESTION, [NEAR], meaning=meaning(other, of=low)) <= evidence(
        QUESTION, [NEAR], meaning=meaning(other, of=high)
    )
    assert evidence(QUESTION, [OFF], meaning=meaning(low)) < evidence(QUESTION, [NEAR], meaning=meaning(low))


def test_a_passage_far_ahead_of_others_is_more_evidence():
    assert meaning(0.6, 0.5, 0.3).lead == pytest.approx(0.2)
    assert meaning(0.6).lead == pytest.approx(0.35)
    alone, among_many = meaning(0.6, 0.3, 0.3), meaning(0.6, 0.59, 0.58)
    assert evidence(QUESTION, [NEAR], meaning=alone) > evidence(QUESTION, [NEAR], meaning=among_many)


def test_a_long_document_competes_by_its_best_passage_only():
    report = [(0.70 - number / 100, "report") for number in range(LONG)]
    others = [(0.5 - number / 100, f"d{number}") for number in range(COMPARED)]
    assert compared([*others, *report]) == [0.70, *(cosine for cosine, _ in others[: COMPARED - 1])]
    long_others = [(cosine - number / 1000, document) for cosine, document in others for number in range(LONG)]
    assert compared([*long_others, *report]) == compared([*others, *report])


def test_passages_of_short_documents_all_count():
    short = [(0.70 - number / 100, "note") for number in range(LONG - 1)]
    assert compared([*short, (0.4, "b")]) == [*(cosine for cosine, _ in short), 0.4]


def test_a_lone_document_competes_with_itself():
    alone = [(0.6 - number / 100, "a") for number in range(91)]
    assert compared(alone) == pytest.approx([0.60, 0.59, 0.49, 0.39, 0.29, 0.19, 0.09, -0.01, -0.11, -0.21])
    assert len(compared([*alone, (0.1, "b")])) == COMPARED
    assert compared([]) == []
    assert compared([(0.6, "a")]) == [0.6]


def test_a_note_near_a_report_hardly_changes_the_lead():
    report = [(0.60 - number / 100, "report") for number in range(40)]
    leads = [Meaning(compared([*report, (0.6 + step, "note")]), lambda texts: [], MINILM).lead for step in (0.001, -0.001)]
    assert leads == pytest.approx([Meaning(compared(report), lambda texts: [], MINILM).lead] * 2, abs=0.03)


@given(st.lists(st.tuples(CHANCE, st.integers(0, 2)), max_size=60))
def test_compared_cosines_fall_from_the_best(near):
    cosines = compared(near)
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[:1] == sorted((cosine for cosine, _ in near), reverse=True)[:1]
    assert len(cosines) <= COMPARED


def test_words_count_together_in_one_sentence():
    together = hit("Seven carp live in the pond. It is deep.")
    apart = hit("Seven live here. It is a pond. A carp is a fish.")
    shares = [measured(QUESTION, [one], meaning(0.5))[3] for one in (together, apart)]
    assert shares == [1.0, pytest.approx(1 / 3)]


def test_words_beyond_the_title_count():
    about = hit("The pond is deep. It lies in the park.", title="The pond of the carp")
    answers = hit("Many live here. It lies in the park.", title="The pond of the carp")
    assert measured(QUESTION, [answers], meaning(0.5))[4] > measured(QUESTION, [about], meaning(0.5))[4]


def test_only_sentences_with_most_words_are_embedded():
    read = []
    text = "Soup costs four crowns. " * 20 + "Seven carp live in the pond. The pond is deep."
    measured(QUESTION, [hit(text)], Meaning((0.5,), lambda texts: read.append(texts) or [0.3] * len(texts), MINILM))
    assert [len(texts) for texts in read] == [SENTENCES_READ]
    assert read[0][:2] == ["Seven carp live in the pond.", "The pond is deep."]


def test_without_cosines_evidence_is_that_of_words():
    assert evidence("carp", [NEAR]) > THRESHOLD > evidence("carp", [OFF])
    assert evidence_in_document("carp", [NEAR]) > THRESHOLD > evidence_in_document("carp", [OFF])


def test_cosines_of_unknown_words_do_not_count():
    unread = Meaning((0.9,), lambda texts: [0.9] * len(texts), MINILM, 0.0)
    assert evidence(QUESTION, [OFF], meaning=unread) == evidence(QUESTION, [OFF])
    half = Meaning((0.9,), lambda texts: [0.9] * len(texts), MINILM, 0.5)
    assert (
        evidence(QUESTION, [OFF])
        < evidence(QUESTION, [OFF], meaning=half)
        < evidence(QUESTION, [OFF], meaning=meaning(0.9, of=0.9))
    )


def test_words_that_single_out_a_passage_tell_more():
    assert lead_of_words([]) == 0.0
    assert lead_of_words([(1, 3.0)]) == 0.5
    assert lead_of_words([(number, 2.0) for number in range(COMPARED)]) == 0.0
    assert lead_of_words([(0, 4.0), *((number, 1.0) for number in range(1, COMPARED))]) == 0.75
    assert evidence("carp", [NEAR], lead=0.2) < evidence("carp", [NEAR], lead=0.8)


class Spelling:
    """An embedder whose tokenizer takes so many tokens for a letter."""

    def __init__(self, tokens):
        self.tokens = tokens

    def count_tokens(self, texts):
        return [round(self.tokens * len(text)) for text in texts]


@pytest.mark.parametrize(("tokens", "trust"), [(0.25, 1.0), (0.5, 1.0), (0.7, 0.0), (1.0, 0.0)])
def test_words_spelled_letter_by_letter_are_unknown(tokens, trust):
    assert trust_in("w" * 100, Spelling(tokens), MINILM) == pytest.approx(trust)
    assert 0 < trust_in("w" * 100, Spelling(0.6), MINILM) < 1
    assert trust_in("?!", Spelling(tokens), MINILM) == 1.0


def test_a_hit_without_a_sentence_does_no_harm():
    assert 0 < evidence(QUESTION, [hit("")], meaning=Meaning((0.1,), lambda texts: [], MINILM)) < THRESHOLD


class TestAnswerability:
    def test_an_answer_that_nothing_supports_is_none(self):
        assert answerability(0.99, False, SUPPORTED - 0.01) == 0.0

    def test_a_supported_answer_on_good_evidence_is_one(self):
        assert answerability(0.6, False, 0.9) > 0.6 > THRESHOLD

    def test_not_found_is_believed_unless_evidence_is_strong(self):
        assert answerability(0.5, True, 1.0) < THRESHOLD < answerability(0.97, True, 1.0)

    @given(CHANCE, CHANCE, CHANCE, st.booleans())
    def test_it_is_a_chance_that_grows_with_evidence_and_support(self, evidence, low, high, said):
        low, high = sorted((low, high))
        assert 0 <= answerability(evidence, said, low) <= answerability(evidence, said, high) <= 1
        assert answerability(low, said, evidence) <= answerability(high, said, evidence)
        assert answerability(evidence, True, low) <= answerability(evidence, False, low)
