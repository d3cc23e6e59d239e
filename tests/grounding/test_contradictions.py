"""Where another source says otherwise, the sentence names it; where a sentence is in another language, it is not checked."""

from __future__ import annotations

import pytest

import rag
from rag.grounding.citations import Citations
from rag.grounding.lexical import LexicalVerifier
from rag.types import Passage

NEW = Passage(1, "Full-time staff have 28 days of paid leave.", "2024.md")
OLD = Passage(2, "Full-time staff have 22 days of paid leave.", "2019.md")
OTHER = Passage(3, "The canteen has 22 seats and is open on 5 days.", "canteen.md")


def test_a_source_with_another_number_in_the_same_words_is_named():
    citations = Citations([NEW, OLD, OTHER], LexicalVerifier())
    sentence = citations.cite(citations.judge("Full-time staff have 28 days of paid leave."))
    assert (sentence.support, sentence.citations, sentence.contradicted_by) == ("full", (1,), (2,))
    assert [(citation.source, citation.quote) for citation in citations.citations] == [
        ("2024.md", NEW.text),
        ("2019.md", OLD.text),
    ]


@pytest.mark.parametrize(
    "other",
    [
        "Full-time staff have 28 days of paid leave, and 22 in their first year.",
        "Full-time staff have paid leave.",
        "Part of the staff had tea in 2022.",
    ],
)
def test_a_source_that_says_the_same_or_something_else_is_not(other):
    citations = Citations([NEW, Passage(2, other, "o.md")], LexicalVerifier())
    assert citations.cite(citations.judge(NEW.text)).contradicted_by == ()


def test_check_names_contradicting_sources_by_number():
    (sentence,) = rag.check(NEW.text, sources=[NEW.text, OTHER.text, OLD.text], verifier=LexicalVerifier())
    assert (sentence.citations, sentence.contradicted_by) == ((1,), (3,))


@pytest.mark.parametrize("text", ["Vollzeitkräfte haben 28 Tage Urlaub, und der ist nicht zu kurz.", "全职员工有二十八天假。"])
def test_a_sentence_in_another_language_is_not_checked(text):
    sentence, spans = LexicalVerifier().check(text, [Passage(1, "All of the staff have 28 days, and it is not short.", "e.md")])
    assert (sentence.checked, sentence.support, spans) == (False, "none", [])
    assert LexicalVerifier().check(text, [Passage(1, text, "d.md")])[0].checked
