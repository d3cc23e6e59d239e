"""A mistyped word finds what the right one would have found, and a name finds the title that spells it otherwise."""

from __future__ import annotations

import pytest

import rag
from rag.ingest.sync import add_documents
from rag.retrieval.retrieve import candidates
from rag.retrieval.spelling import corrected, words_to_find
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


def test_a_question_of_mostly_unknown_words_stays(index):
    question = "twoer " + " ".join(f"{letter * 2}zebra" for letter in "abcdefghijklm")
    assert corrected(question, index=index) == question


@pytest.mark.parametrize("mode", ["keyword", "dense", "hybrid"])
def test_each_way_to_search_reads_the_question_as_it_was_meant(index, mode):
    typed, meant = (
        candidates(question, index=index, mode=mode)
        for question in ("What does the waranty cover?", "What does the warranty cover?")
    )
    assert typed == meant


@pytest.fixture
def filings(tmp_path, embedder):
    names = ("AMERICANEXPRESS_2021_10K", "AMERICANEXPRESS_2022_10K", "AMERICANAIRLINES_2022_10K", "BESTBUY_2022_10K")
    with rag.open_index(tmp_path / "filings", create=True, embedder=embedder) as index:
        add_documents([Document("Revenue grew in the year. Express lanes opened.", name, name) for name in names], index=index)
        yield index


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("Did revenue grow at American Express in FY2022?", "AMERICANEXPRESS_2022_10K"),
        ("Did revenue grow at American Express in 2021?", "AMERICANEXPRESS_2021_10K"),
        ("Revenue of Best Buy", "BESTBUY_2022_10K"),
    ],
)
def test_a_name_finds_the_title_that_writes_it_as_one_word(filings, question, source, mode):
    assert rag.search(question, index=filings, k=1, mode=mode)[0].source == source


@pytest.mark.parametrize("question", ["Did the year end well?", "Where is New York?", "How tall is FY99?", ""])
def test_a_question_without_such_a_name_gains_no_words(filings, question):
    assert words_to_find(question, index=filings) == question
