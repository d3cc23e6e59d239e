from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import rag
from rag.grounding.citations import Citations, written_numbers
from rag.grounding.lexical import LexicalVerifier
from rag.text.sentences import sentence_spans
from rag.text.words import numbers
from rag.types import Passage

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


def test_a_citation_has_the_exact_words_and_their_place():
    (sentence,), (citation,) = cite("The tower is 34 metres tall.")
    assert (sentence.support, sentence.citations, sentence.cited_text) == ("full", (1,), "The tower is 34 metres tall [1].")
    assert citation.quote == "The tower is 34 metres tall."
    assert TOWER.text[citation.start - 100 : citation.end - 100] == citation.quote
    assert (citation.source, citation.pages, citation.chunk) == ("t.pdf", (3, 3), 7)


def test_true_markers_replace_those_of_the_model():
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
def test_support_falls_with_what_the_sources_lack(sentence, support):
    ((judged,), _) = cite(sentence)
    assert judged.support == support
    assert 0 <= judged.score <= 1
    assert (judged.citations == ()) == (support == "none")


def test_a_claim_from_two_neighbouring_sentences_quotes_both():
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
@given(st.text(st.sampled_from("Ab1 .!?\n。日\u00a0é🙂\ud83d\"'-"), max_size=200))
@example("A\u00a0b.\u00a0 C")
@example('."\u00a0a')
def test_sentence_spans_lose_nothing_but_white_space(text):
    spans = sentence_spans(text)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It is tall [1].", [1]),
        ("It is tall [1, 2] and old [3].", [1, 2, 3]),
        ("It is tall [1][3].", [1, 3]),
        ("It is tall [2-4].", [2, 3, 4]),
        ("It is tall [Source 1], [sources 2 and 3], [source: 4; source 5].", [1, 2, 3, 4, 5]),
        ("It is tall (Source 1).", [1]),
        ("It is tall 【1】 and old 【2†tower.pdf】.", [1, 2]),
        ("It is tall [^7].", [7]),
        ("It is tall [[1]2].", [1]),
        ("It is tall [1] and old [1].", [1]),
        ("Two of them (1) are tall [sic] in [a] 1998.", []),
        (f"It is tall [{'9' * 5000}].", [999999999]),
    ],
)
def test_the_numbers_of_written_markers_are_read_in_every_style(text, numbers):
    assert written_numbers(text) == numbers


def judged(*texts, passages=(TOWER, POND), shown=None):
    collected = Citations(passages, LexicalVerifier(), shown=shown)
    return [collected.cite(collected.judge(text)).cited_text for text in texts], collected


def test_an_invented_number_is_removed_and_counted():
    texts, collected = judged("Seven carp live in the pond [7].")
    assert texts == ["Seven carp live in the pond [1]."]
    assert (collected.invented, collected.wrong, collected.removed) == (1, 0, 1)


def test_a_marker_of_the_wrong_source_is_removed_and_counted():
    texts, collected = judged("Seven carp live in the pond [1].", "The Mona Lisa hangs in Paris [2].")
    assert texts == ["Seven carp live in the pond [1].", "The Mona Lisa hangs in Paris."]
    assert [citation.source for citation in collected.citations] == ["g.md"]
    assert (collected.invented, collected.wrong) == (0, 2)


def test_a_right_marker_keeps_its_source():
    copy = Passage(3, "Visitors say: seven carp live in the pond.", "v.md", chunk=9)
    texts, collected = judged("Seven carp live in the pond [3].", passages=(TOWER, POND, copy))
    assert texts == ["Seven carp live in the pond [1][2]."]
    assert {citation.source for citation in collected.citations} == {"g.md", "v.md"}
    assert collected.removed == 0


def test_a_source_that_says_less_than_another_is_removed():
    vague = Passage(3, "Carp live in the pond, three or four of them.", "v.md", chunk=9)
    texts, collected = judged("Seven carp live in the pond [3].", passages=(TOWER, POND, vague))
    assert [citation.source for citation in collected.citations] == ["g.md"]
    assert (texts, collected.wrong) == (["Seven carp live in the pond [1]."], 1)


def test_markers_after_a_full_stop_belong_to_its_sentence():
    texts, collected = judged("Seven carp live in the pond.", "[2] The tower is 34 metres tall.", "[9]")
    assert texts == ["Seven carp live in the pond [1].", "The tower is 34 metres tall [2].", ""]
    assert (collected.invented, collected.wrong) == (1, 0)


def test_markers_may_come_before_their_sentences():
    texts, collected = judged("[2] Seven carp live in the pond.", "[1] The tower is 34 metres tall.")
    assert texts == ["Seven carp live in the pond [1].", "The tower is 34 metres tall [2]."]
    assert collected.removed == 0


def test_numbers_mean_the_sources_that_the_model_was_shown():
    shown = (Passage(1, POND.text, POND.source, start=POND.start), Passage(2, TOWER.text, TOWER.source, start=TOWER.start))
    _, collected = judged("Seven carp live in the pond [1].", "The tower is 34 metres tall [2].", shown=shown)
    assert collected.removed == 0


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("[]【】(),-–†^ 0123source\nSeven carp."), max_size=60))
def test_only_citations_that_exist_are_shown(text):
    collected = Citations((TOWER, POND), LexicalVerifier())
    sentence = collected.cite(collected.judge(f"Seven carp live in the pond {text}"))
    assert written_numbers(sentence.text) == []
    assert set(sentence.citations) <= {citation.marker for citation in collected.citations}


def test_abbreviations_and_decimals_do_not_end_a_sentence():
    text = "Dr. Smith paid $3.5 million in the U.S. in 2022. Sales were $34,229. 次の文です。終わり"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "Dr. Smith paid $3.5 million in the U.S. in 2022.", "Sales were $34,229.", "次の文です。", "終わり",
    ]  # fmt: skip


def test_half_a_character_belongs_to_its_sentence():
    text = "It is tall\ud800 and red. The second \udc00is small."
    assert [text[a:b] for a, b in sentence_spans(text)] == ["It is tall\ud800 and red.", "The second \udc00is small."]


@pytest.mark.parametrize("damaged", ["The tower\ud800 is 34 m tall.", "\udfffThe tower is\ud83d 34 m\ude00 tall."])
def test_half_a_character_hides_no_word(damaged):
    whole = "The tower is 34 m tall."
    (of_damaged,), (in_damaged,) = rag.check(whole, sources=[damaged]), rag.check(damaged, sources=[whole])
    assert (of_damaged.support, in_damaged.support) == ("full", "full")


def test_a_number_has_one_spelling():
    assert numbers("34,229 and 34229, 3.50 or 3.5, in 1872.") == {"34229", "3.5", "1872"}
    assert numbers("1,234,567.80") == numbers("1.234.567,8") == {"1234567.8"}
    assert numbers("3.125 or 3125, 0.125 and 2,5") == {"3.125", "3125", "0.125", "2.5"}
