"""Sentences end where they end: after an abbreviation or the day of a month they go on."""

from __future__ import annotations

import pytest

from rag.text.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "The Employment Agreement provides that Ms. Dillon will receive $5.",
        "See No. 5 for details.",
        "Apple Inc. announced a phone.",
        "Vol. 3 is here, and it weighs approx. 5 kg.",
        "Er wohnt z. B. in Berlin.",
        "Am 3. Mai kam er.",
        "Siehe Abs. 2 und Art. 5 des Gesetzes.",
        "Mme. Curie et M. Dupont sont là.",
        "La Sra. López también.",
        "Nous avons vu Me. Dupont hier.",
        "Это было в г. Москве, т. е. так.",
    ],
)
def test_a_sentence_goes_on_after_an_abbreviation(sentence):
    assert sentences(f"{sentence} Next.") == [sentence, "Next."]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("This is on my mind.", "She found a gem."),
        ("They took him and me.", "We rowed."),
        ("The gap is 5 mm.", "The pump is new."),
        ("It answers in 20 ms.", "Dillon measured it."),
        ("He lives in the U.S.", "They left."),
        ("No.", "That is wrong."),
        ("It ended in 1990.", "May was here."),
        ("We met at 5 p.m.", "Then we left."),
    ],
)
def test_a_sentence_ends_where_no_abbreviation_does(first, second):
    assert sentences(f"{first} {second}") == [first, second]


def test_spans_are_exact_where_segments_were_joined():
    text = "  Ms.  Dillon\nleft.  See Vol. 3.\n\nEnd."
    assert sentences(text) == ["Ms.  Dillon\nleft.", "See Vol. 3.", "End."]
