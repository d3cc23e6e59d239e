"""Summaries of models that write too little or repeat themselves reach their length with the document's own sentences."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summary_models import SummaryModel, VerbatimVerifier, facts, first_sentences, shown

import rag
from rag.summaries.length import each_said_once
from rag.summaries.parts import Part
from rag.summaries.telling import telling_sentences
from rag.summaries.wording import count_words, statements, without_loops
from rag.types import Document, Sentence


def document(text: str) -> Document:
    return Document(text, "report.txt", "Report")


def summarize(source, model, tmp_path, **options):
    return rag.summarize(source, llm=model, calls=tmp_path / "calls.sqlite", **{"verifier": VerbatimVerifier(), **options})


def is_merge(messages):
    return "sums up parts of one document" in messages[0].content


def with_merges(answer):
    return lambda messages: answer if is_merge(messages) or "it has" in messages[0].content else first_sentences(messages)


def supports(summary):
    return [sentence.support for sentence in summary.sentences]


def test_an_unsupported_merge_is_replaced_by_its_parts(tmp_path):
    model = SummaryModel(with_merges("This text is well written and makes good use of words."), window=1024)
    summary = summarize(document(facts(200)), model, tmp_path, chain="map-reduce")
    assert set(supports(summary)) == {"full"}
    assert any("does not support at all; their parts are kept instead" in note for note in summary.notes)
    quotes = [citation.start for citation in summary.citations]
    assert quotes == sorted(quotes)


def test_an_unsupported_merge_of_unsupported_parts_is_marked(tmp_path):
    model = SummaryModel(lambda messages: "All is well." if is_merge(messages) else "Nobody knows that.", window=1024)
    summary = summarize(document(facts(200)), model, tmp_path, chain="map-reduce")
    assert {sentence.text for sentence in summary.sentences} == {"All is well."}
    assert set(supports(summary)) == {"none"}


def test_an_unsupported_refining_step_changes_nothing(tmp_path):
    def answer(messages):
        return "It is a tale of hope." if "Summary so far" in messages[-1].content else first_sentences(messages)

    summary = summarize(document(facts(200)), SummaryModel(answer, window=1024), tmp_path, chain="refine")
    assert set(supports(summary)) == {"full"}
    assert any("the summary stayed as it was" in note for note in summary.notes)


@pytest.mark.parametrize("words", [80, 200, 400])
def test_a_short_answer_is_filled_from_parts_then_the_document(tmp_path, words):
    one = "The mill of district 1 was sold in 1501."
    source = document(f"{one} {facts(400)}")
    summary = summarize(source, SummaryModel(with_merges(one), window=2048), tmp_path, chain="map-reduce", words=words)
    assert summary.sentences[0].text == one
    assert abs(summary.words - words) <= 0.15 * words
    assert set(supports(summary)) == {"full"}
    assert len({sentence.text for sentence in summary.sentences}) == len(summary.sentences)
    for citation in summary.citations:
        assert source.text[citation.start : citation.end] == citation.quote
    assert any("taken over from the parts" in note for note in summary.notes)


def test_the_document_itself_fills_up_a_one_sentence_answer(tmp_path):
    source = document(facts(400))
    summary = summarize(source, SummaryModel(lambda _: "Nobody knows."), tmp_path, chain="map-reduce", words=150)
    assert abs(summary.words - 150) <= 22
    assert supports(summary) == ["none", *["full"] * (len(summary.sentences) - 1)]
    starts = [citation.start / len(source.text) for citation in summary.citations]
    assert starts == sorted(starts)
    assert starts[0] < 0.2
    assert starts[-1] > 0.8
    assert any("sentences of the document itself added" in note for note in summary.notes)


def test_where_strict_drops_everything_the_document_is_quoted(tmp_path):
    source = document(facts(400))
    wishes = {"chain": "map-reduce", "strict": True}
    summary = summarize(source, SummaryModel(lambda _: "Nobody knows."), tmp_path, words=100, **wishes)
    assert abs(summary.words - 100) <= 15
    assert set(supports(summary)) == {"full"}
    assert any("does not support" in note for note in summary.notes)
    assert any("sentences of the document itself added" in note for note in summary.notes)
    assert not summarize(source, SummaryModel(lambda _: "Nobody knows."), tmp_path, **wishes).sentences
    assert not summarize(source, SummaryModel(lambda _: "Nothing."), tmp_path, words=100, focus="whales", **wishes).sentences


def test_a_focus_holds_for_what_is_added(tmp_path):
    source = document(f"{facts(200)} The lighthouse of Barvik has 312 steps in its tower. {facts(200, seed=9)}")
    summary = summarize(source, SummaryModel(lambda _: "Nobody knows."), tmp_path, words=100, focus="lighthouse steps")
    assert [sentence.text for sentence in summary.sentences[1:]] == ["The lighthouse of Barvik has 312 steps in its tower."]


def test_a_speakers_name_in_a_focus_chooses_no_sentence():
    lines = [f"Project Manager: We talk of item {number} and of what it costs." for number in range(60)]
    lines[40] = "Marketing: The price of 25 euros leaves a profit of half of it."
    text = "\n".join(lines)
    (start, end), *_ = telling_sentences(text, 14, focus="What did the Project Manager say about the profit?")
    assert text[start:end] == lines[40]


def test_sentences_from_parts_fit_the_focus_and_need_no_context(tmp_path):
    chatter = "Marketing: Yeah. Designer: Right then."
    wanted = "The harbour of Barvik has a lighthouse of 312 steps."
    source = document(f"{chatter} {facts(300)} {wanted}")

    def answer(messages):
        if is_merge(messages) or "it has" in messages[0].content:
            return facts(1)
        return " ".join([chatter, first_sentences(messages), wanted])

    summary = summarize(source, SummaryModel(answer, window=2048), tmp_path, words=40, focus="the lighthouse of Barvik")
    assert summary.sentences[0].text == facts(1)
    assert wanted in summary.plain_text
    assert not {"Marketing: Yeah.", "Designer: Right then."} & {sentence.text for sentence in summary.sentences}
    assert any("taken over from the parts" in note for note in summary.notes)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.9])
def test_a_summary_of_most_of_a_document_is_filled_up_as_well(tmp_path, share):
    source = document(facts(120))
    words = round(share * count_words(source.text))
    summary = summarize(source, SummaryModel(lambda _: facts(1)), tmp_path, words=words)
    assert abs(summary.words - words) <= 0.15 * words


def test_a_summary_far_from_its_length_is_cut_and_filled_up(tmp_path):
    brief = "The mill was sold."
    long = f"The harbour was closed {' and '.join(f'by a storm in {year}' for year in range(1500, 1515))}."
    source = document(f"{brief} {long} {facts(200)}")
    summary = summarize(source, SummaryModel(lambda _: f"{brief} {long}"), tmp_path, words=48)
    assert summary.sentences[0].text == brief
    assert abs(summary.words - 48) <= 7
    assert set(supports(summary)) == {"full"}


def test_a_summary_of_several_answers_says_nothing_twice(tmp_path):
    heading = "This is the annual report of the town of Barvik."
    source = document("\n\n".join(f"{heading} {facts(40, seed=seed)}" for seed in range(20)))

    def answer(messages):
        return f"{heading} {shown(messages).partition(heading)[2][:100]}"

    summary = summarize(source, SummaryModel(answer, window=1024), tmp_path, chain="map-reduce", words=900)
    said = [sentence.text for sentence in summary.sentences]
    assert len(said) == len(set(said)) > 20
    assert abs(summary.words - 900) <= 135


def test_the_same_words_in_another_order_are_another_sentence():
    said = ["Jones sued Smith.", "Smith sued Jones.", "Jones sued Smith."]
    parts = [Part(((Sentence(text), []),), 5) for text in said]
    assert [part.sentences for part in each_said_once(parts)] == [said[:1], said[1:2], []]


def test_without_a_length_nothing_is_added(tmp_path):
    summary = summarize(document(facts(400)), SummaryModel(lambda _: "Nobody knows."), tmp_path)
    assert summary.plain_text == "Nobody knows."


def test_an_answer_to_a_question_stays_as_short_as_it_is(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(facts(400), encoding="utf-8")
    model = SummaryModel(lambda _: "The mill of district 1 was sold in 1501.")
    answer = rag.ask_document("When was the mill sold?", document=path, llm=model, words=200, calls=tmp_path / "calls.sqlite")
    assert len(answer.sentences) == 1


def test_an_unsupported_rewriting_replaces_nothing_supported(tmp_path):
    def answer(messages):
        if "it has" in messages[0].content:
            return " ".join(f"Nobody knows thing {number} of them." for number in range(15))
        return "The mill of district 1 was sold in 1501."

    source = document(f"The mill of district 1 was sold in 1501. {facts(100)}")
    summary = summarize(source, SummaryModel(answer, window=8192), tmp_path, words=90)
    assert set(supports(summary)) == {"full"}
    assert abs(summary.words - 90) <= 14


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 200), st.integers(0, 9))
def test_telling_sentences_are_the_texts_own_in_order(count, words, seed):
    text = facts(count, seed=seed)
    spans = telling_sentences(text, words)
    assert spans == sorted(set(spans))
    assert sum(count_words(text[start:end]) for start, end in spans) <= words
    assert {text[start:end] for start, end in spans} <= set(text.replace("\n\n", " ").replace(". The", ".\nThe").split("\n"))


def test_talk_fragments_and_markers_are_not_quoted():
    text = (
        "The <|im_end|> sign and <b>bold</b> words stand here. Three questions were left open by the council: "
        '"We came from the north of the island," she said. Page 3 of 9. The harbour was closed in 1502 [7] by the town council. '
        "and so it was left to them in the end. The lists were left to all of the others. — That is what they told us about it. "
        "Harbours were built by the families of the town."
    )
    told = [text[start:end] for start, end in telling_sentences(text, 100)]
    assert told == [
        "The lists were left to all of the others.",
        "Harbours were built by the families of the town.",
    ]


def test_what_is_told_is_likely_in_the_whole_and_new():
    carp = "Carp live in the deep pond of the village. "
    text = carp * 5 + "A stranger once asked for the price of soup. " + carp + "The pond holds carp in every summer and winter."
    (start, end), *_ = telling_sentences(text, 10)
    assert text[start:end] == carp.strip()


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("The ship, the Lachesis's own ship," + " the Lachesis's own ship," * 60, "The ship, the Lachesis's own ship …"),
        ("It was a massive, " + "three-masted, " * 40 + "ship.", "It was a massive, three-masted, ship."),
        ("这座塔很高很美丽吗，" * 30, "这座塔很高很美丽吗， …"),
        ("No, no, no, no, no!", "No, no, no, no, no!"),
        ("It has 1, 2, 3 and 4 rooms.", "It has 1, 2, 3 and 4 rooms."),
    ],
)
def test_what_goes_in_circles_within_a_sentence_is_said_once(said, left):
    assert without_loops(said) == left
    assert statements(said) == [left]


@settings(deadline=None)
@given(st.text(alphabet="ab ,.", max_size=300))
def test_a_sentence_without_loops_has_none_left_to_lose(text):
    once = without_loops(text)
    assert len(once) <= len(text) + 2
    assert once == text or re.search(r"(.{4,240}?)\1{3,}", text)


def test_a_long_answer_in_circles_is_cut_and_a_varied_one_stays():
    assert len(without_loops("ab" * 30_000 + "c")) < 300
    wandering = "".join(Random(3).choices("abcdefgh", k=1000))
    assert without_loops(f"{wandering}.") == f"{wandering}."
