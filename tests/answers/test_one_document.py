"""A question about one document that is longer than the window, without an index."""

from __future__ import annotations

import pytest
from summary_models import SummaryModel, facts, shown

from rag.answers.one_document import ask_document
from rag.errors import UsageError
from rag.sampling import Sampling
from rag.types import Document

PLANTED = "The password of the archive is Marigold."


def finds_the_password(messages):
    assert "Question: What is the password of the archive?" in messages[0].content
    return PLANTED if "Marigold" in shown(messages) else "Nothing."


def planted(at: float) -> Document:
    paragraphs = facts(300).split("\n\n")
    paragraphs.insert(int(at * len(paragraphs)), PLANTED)
    return Document("\n\n".join(paragraphs), "long.txt", "Long")


def ask(document, tmp_path, **options):
    model = SummaryModel(finds_the_password, window=1024)
    return ask_document("What is the password of the archive?", document, llm=model, calls=tmp_path / "c.sqlite", **options)


@pytest.mark.parametrize("at", [0, 0.25, 0.5, 0.75, 1])
def test_a_fact_is_found_at_any_depth_and_quoted(tmp_path, at):
    document = planted(at)
    answer = ask(document, tmp_path)
    assert answer.answerable
    assert answer.text == "The password of the archive is Marigold [1]."
    assert document.text[answer.citations[0].start : answer.citations[0].end] == answer.citations[0].quote
    assert answer.evidence > 0.9


def test_a_missing_fact_is_not_found(tmp_path):
    answer = ask(Document(facts(200), "long.txt", "Long"), tmp_path)
    assert (answer.answerable, answer.text, answer.citations) == (False, "Not found in these documents.", ())


def test_a_small_model_needs_evidence_to_be_believed(tmp_path):
    document = planted(0.5)
    for abstains in (False, True):
        model = SummaryModel(lambda messages: PLANTED if "Marigold" in shown(messages) else "Nothing.", window=1024)
        model.abstains = abstains
        answer = ask_document("Who composed the opera?", document, llm=model, calls=tmp_path / f"{abstains}.sqlite")
        assert answer.answerable == abstains
        assert answer.evidence < 0.1


def test_without_a_model_the_best_sentences_are_quoted():
    document = planted(0.6)
    answer = ask_document("What is the password of the archive?", document, llm="extractive")
    assert answer.answerable
    assert answer.text.startswith("The password of the archive is Marigold [1].")
    assert document.text[answer.citations[0].start : answer.citations[0].end] == answer.citations[0].quote == PLANTED
    assert PLANTED in answer.hits[0].text
    assert answer.model == "extractive"


def test_without_a_model_quotes_have_their_pages():
    text = "Nothing stands on this page.\n\n" + PLANTED
    document = Document(text, "two.pdf", "Two", page_starts=(0, text.index(PLANTED)), page_statuses=("ok", "ok"))
    answer = ask_document("What is the password of the archive?", document, llm="extractive", strict=True)
    assert [citation.pages for citation in answer.citations] == [(2, 2)]


def test_without_a_model_a_missing_fact_is_not_found():
    answer = ask_document("Who composed the opera about the Flying Dutchman?", planted(0.5), llm="extractive")
    assert (answer.answerable, answer.text, answer.citations) == (False, "Not found in these documents.", ())


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"words": 20}, "words"),
        ({"chain": "refine", "piece_tokens": 500}, "chain, piece_tokens"),
        ({"sampling": Sampling(temperature=0.5)}, "temperature"),
        ({"focus": "towers"}, "focus"),
    ],
)
def test_options_that_need_a_model_are_refused(wishes, named):
    with pytest.raises(UsageError, match=named):
        ask_document("What is the password of the archive?", planted(0), llm="extractive", **wishes)


def test_an_empty_question_is_refused(tmp_path):
    with pytest.raises(UsageError, match="question"):
        ask_document(" ", planted(0), llm=SummaryModel(finds_the_password), calls=tmp_path / "c.sqlite")
