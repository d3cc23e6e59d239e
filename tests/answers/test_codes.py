"""Codes of a question that stand nowhere in the index."""

from __future__ import annotations

import pytest

import rag
from rag.answers.codes import absent_codes, codes_of
from rag.answers.evidence import THRESHOLD
from rag.ingest.sync import add_documents
from rag.types import Document


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("What is the total of invoice INV-2023-00042?", ("INV-2023-00042",)),
        ("What does E22 mean?", ("E22",)),
        ("Who signed record 48213?", ("48213",)),
        ("Is B12 in it, and is b12 or B12 better?", ("B12", "b12")),
        ("Who won in 1997?", ()),
        ("How did 3M do in FY2022, FY2023Q1 and Q3 2021?", ()),
        ("Are 12 people enough for 30% of the 5km?", ()),
        ("Who leads the warehouse?", ()),
    ],
)
def test_a_code_has_letters_and_digits_or_is_a_long_number(question, codes):
    assert codes_of(question) == codes


def absent(question, *texts, known=()):
    return absent_codes(
        question,
        found=texts,
        frequencies=lambda words: {word: int(word in known) for word in words},
        texts_with=lambda query: [],
    )


@pytest.mark.parametrize("text", ["Error E22: pump blocked.", "error e-22", "The code E 22 says so."])
def test_signs_and_capitals_do_not_matter(text):
    assert absent("What does E22 mean?", text) == []


@pytest.mark.parametrize("text", ["Error E23: fan blocked.", "E221", "The22 are here."])
def test_a_code_that_is_nearly_there_is_absent(text):
    assert absent("What does E22 mean?", text) == ["E22"]


def test_a_number_is_there_with_its_thousands_parted():
    assert absent("Why 48213?", "It cost 48,213 crowns.") == []


def test_a_code_that_the_index_has_as_a_word_is_not_absent():
    assert absent("What does E22 mean?", known={"e22"}) == []


@pytest.fixture
def invoices(index):
    documents = [
        Document(f"Invoice INV-2023-{number:05}. Total: {number * 7} crowns, to be paid in May.", f"i{number}", "")
        for number in range(1, 31)
    ]
    add_documents(documents, index=index)
    return index


def test_a_record_that_stands_nowhere_has_no_evidence(invoices):
    there, nowhere = (
        rag.ask(f"What is the total of invoice INV-2023-{number}?", index=invoices, llm="extractive")
        for number in ("00017", "00099")
    )
    assert there.answerable
    assert there.evidence > THRESHOLD
    assert "INV-2023-00017" in there.text
    assert (nowhere.evidence, nowhere.answerable) == (0.0, False)


def test_a_code_in_what_is_not_asked_does_not_matter(invoices):
    mail = "My ticket is AB-99812. What is the total of invoice INV-2023-00017?"
    assert rag.ask(mail, index=invoices, llm="extractive").evidence > THRESHOLD
