"""A mistyped word of a question finds what the right one would have found; a well-typed question stays as it is."""

from __future__ import annotations

import pytest

import rag
from rag.ingest.sync import add_documents
from rag.retrieval.retrieve import candidates
from rag.retrieval.spelling import corrected
from rag.types import Document

TEXTS = {
    "tower": "The tower was finished in March and stands beside the harbour.",
    "pump": "The warranty covers the pump for two years. Model PX4471 is excluded.",
    "school": "Новая школа открылась весной.",
}


@pytest.fixture
def index(tmp_path, embedder):
    with rag.open_index(tmp_path / "typed", create=True, embedder=embedder) as index:
        add_documents([Document(text, name, "") for name, text in TEXTS.items()], index=index)
        yield index


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("How tall is the twoer?", "How tall is the tower?"),
        ("How tall is the tower?", "How tall is the tower?"),
        ("What does the waranty cover?", "What does the warranty cover?"),
        ("What does the warrranty cover?", "What does the warranty cover?"),
        ("What does the warrantyu cover?", "What does the warranty cover?"),
        ("Где шокла?", "Где школа?"),
    ],
    ids=["swapped", "right", "left out", "doubled", "hit by mistake", "Cyrillic"],
)
def test_a_slip_becomes_the_nearest_word_of_the_index(index, typed, meant):
    assert corrected(typed, index=index) == meant


@pytest.mark.parametrize(
    "question",
    ["Is PX4417 excluded?", "Is the pmup old?", "Where do zebras graze?", "Which were the others there?", "塔有多高？", ""],
    ids=["a code", "a short word", "no neighbour", "function words", "signs", "empty"],
)
def test_what_is_no_slip_stays_as_typed(index, question):
    assert corrected(question, index=index) == question


def test_a_question_in_which_most_words_are_unknown_is_left_alone(index):
    question = "twoer " + " ".join(f"{letter * 2}zebra" for letter in "abcdefghijklm")
    assert corrected(question, index=index) == question


@pytest.mark.parametrize("mode", ["keyword", "dense", "hybrid"])
def test_each_way_to_search_reads_the_question_as_it_was_meant(index, mode):
    typed, meant = (
        candidates(question, index=index, mode=mode)
        for question in ("What does the waranty cover?", "What does the warranty cover?")
    )
    assert typed == meant
