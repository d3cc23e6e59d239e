from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.citations import Citations, LexicalVerifier
from rag.sentences import sentence_spans
from rag.types import Passage
from rag.words import numbers

TOWER = Passage(
    1,
    "The tower is 34 metres tall. It was built in 1872 by Ada Brandt. Gulls nest there.",
    "t.pdf",
    pages=(3, 3),
    start=100,
    chunk=7,
)
POND = Passage(2, "Seven carp live in the pond. The pond was dug in 1901.", "g.md", start=20, chunk=8)


def cite(*sentences, passages=(TOWER, POND)):
    collected = Citations(passages, LexicalVerifier())
    return [collected.cite(collected.judge(sentence)) for sentence in sentences], collected.citations


def test_a_sentence_is_cited_with_the_exact_words_and_where_they_stand():
    (sentence,), (citation,) = cite("The tower is 34 metres tall.")
    assert (sentence.support, sentence.citations, sentence.cited_text) == ("full", (1,), "The tower is 34 metres tall [1].")
    assert citation.quote == "The tower is 34 metres tall."
    assert TOWER.text[citation.start - 100 : citation.end - 100] == citation.quote
    assert (citation.source, citation.pages, citation.chunk) == ("t.pdf", (3, 3), 7)


def test_markers_that_the_model_wrote_are_replaced_by_true_ones_that_count_up():
    sentences, citations = cite(
        "Seven carp live in the pond [1].", "Ada Brandt built it in 1872 [source 9, 12].", "Seven carp live in the pond."
    )
    assert [s.cited_text for s in sentences] == [
        "Seven carp live in the pond [1].",
        "Ada Brandt built it in 1872 [2].",
        "Seven carp live in the pond [1].",
    ]
    assert [(c.marker, c.source) for c in citations] == [(1, "g.md"), (2, "t.pdf")]


@pytest.mark.parametrize(
    ("sentence", "support"),
    [
        ("The tower is 34 metres tall.", "full"),
        ("The tower is 43 metres tall.", "partial"),
        ("The Mona Lisa hangs in Paris.", "none"),
        ("Ada Brandt built the tower on 14 July 1872.", "partial"),
        ("The tower is not 34 metres tall.", "partial"),
        ("!!!", "none"),
    ],
)
def test_support_falls_with_words_and_numbers_that_the_sources_lack(sentence, support):
    ((judged,), _) = cite(sentence)
    assert judged.support == support
    assert 0 <= judged.score <= 1
    assert (judged.citations == ()) == (support == "none")


def test_a_claim_that_two_neighbouring_sentences_share_quotes_both():
    _, (citation,) = cite("The tower, 34 metres tall, was built in 1872 by Ada Brandt.")
    assert citation.quote == "The tower is 34 metres tall. It was built in 1872 by Ada Brandt."


def test_a_claim_from_two_documents_cites_both():
    (sentence,), citations = cite("Seven carp live in the pond, and gulls nest there.")
    assert sentence.citations == (1, 2)
    assert [citation.source for citation in citations] == ["g.md", "t.pdf"]


def test_nothing_is_cited_without_sources():
    (sentence,), citations = cite("The tower is tall.", passages=())
    assert (sentence.support, citations) == ("none", [])


def test_chinese_sentences_are_supported_by_their_characters():
    passage = Passage(1, "灯塔高三十四米。它建于一八七二年。", "c.txt")
    ((judged,), citations) = cite("灯塔高三十四米。", passages=(passage,))
    assert (judged.support, citations[0].quote) == ("full", "灯塔高三十四米。")


def test_check_judges_any_text_against_any_passages():
    first, second = rag.check(
        "The tower is 330 m tall. It is made of cheese.", sources=["Cows.", "The Eiffel Tower is 330 m tall."]
    )
    assert (first.support, first.citations) == ("full", (2,))
    assert (second.support, second.citations) == ("none", ())


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("Ab1 .!?\n。日\u00a0é🙂\"'-"), max_size=200))
def test_sentences_are_exact_ordered_spans_that_lose_nothing_but_white_space(text):
    spans = sentence_spans(text)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


def test_abbreviations_and_decimals_do_not_end_a_sentence():
    text = "Dr. Smith paid $3.5 million in the U.S. in 2022. Sales were $34,229. 次の文です。終わり"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "Dr. Smith paid $3.5 million in the U.S. in 2022.", "Sales were $34,229.", "次の文です。", "終わり",
    ]  # fmt: skip


def test_a_number_has_one_spelling():
    assert numbers("34,229 and 34229, 3.50 or 3.5, in 1872.") == {"34229", "3.5", "1872"}
    assert numbers("1,234,567.80") == numbers("1.234.567,8") == {"1234567.8"}
    assert numbers("3.125 or 3125, 0.125 and 2,5") == {"3.125", "3125", "0.125", "2.5"}
