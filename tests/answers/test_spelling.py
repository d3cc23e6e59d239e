"""A question as the documents spell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answers.spelling import as_spelled, slips_between

TEXT = "The warranty covers the heat exchanger. Purchasing is led by Nora Falk."
KNOWN = {"what", "does", "cover", "leads", "the", "who"}


def spelled(question):
    return as_spelled(question, lambda: [TEXT], is_known=lambda word: word.lower() in KNOWN)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does the waranty cover?", "What does the warranty cover?"),
        ("What does the wararnty cover?", "What does the warranty cover?"),
        ("Who leads purchesing?", "Who leads purchasing?"),
        ("Who leads Bolivia?", "Who leads Bolivia?"),
        ("Who leads?", "Who leads?"),
    ],
)
def test_an_unknown_word_becomes_the_nearest_one(question, expected):
    assert spelled(question) == expected


def test_texts_are_read_only_where_a_word_is_unknown():
    def read():
        raise AssertionError

    assert as_spelled("Who leads?", read, is_known=lambda word: True) == "Who leads?"


def test_of_words_as_near_the_most_frequent_one_is_taken():
    texts = ["The carts and the carts are here, and one card."]
    assert as_spelled("carx", lambda: texts, is_known=lambda word: False) == "card"
    assert as_spelled("cartz", lambda: texts, is_known=lambda word: False) == "carts"


@given(st.text("abcd", max_size=7), st.text("abcd", max_size=7))
def test_slips_are_symmetric_and_none_between_equals(word, other):
    assert slips_between(word, other, most=9) == slips_between(other, word, most=9)
    assert (slips_between(word, other, most=9) == 0) == (word == other)
    assert slips_between(word, other, most=1) == min(2, slips_between(word, other, most=9))


@pytest.mark.parametrize(
    ("word", "other", "slips"), [("tower", "twoer", 1), ("tower", "towr", 1), ("tower", "toweer", 1), ("abcd", "badc", 2)]
)
def test_neighbours_that_change_places_are_one_slip(word, other, slips):
    assert slips_between(word, other, most=3) == slips
