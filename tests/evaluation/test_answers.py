"""Evaluation of answers: SQuAD's figures, citations, refusals, reasons of failures, and resumed runs."""

from __future__ import annotations

import asyncio
import re

import pytest
from evaluation_data import ANSWERS, CORPUS, HOPELESS, TOWERS, read_lines, write_collection, write_lines

import rag
from rag.cli.figures import evaluation_lines
from rag.errors import ModelError, UsageError
from rag.evaluation.answers import evaluate_answers
from rag.evaluation.measures.scores import (
    citation_precision,
    citation_recall,
    contains,
    exact_match,
    is_right,
    token_f1,
    token_recall,
)
from rag.evaluation.reasons import (
    FAILED,
    IN_ORDER,
    MEANINGS,
    NOT_CITED,
    NOT_IN_CONTEXT,
    NOT_INDEXED,
    NOT_REFUSED,
    NOT_RETRIEVED,
    WRONG,
    WRONGLY_REFUSED,
)
from rag.evaluation.report.report import write_report
from rag.evaluation.retrieval import Found
from rag.ingest.sync import add_documents
from rag.testing.fakes import ScriptedGenerator
from rag.types import Document, Usage


class Quoting:
    """Says the text that `choose` makes of a prompt, or raises the error that it returns."""

    name = identity = "quoting"
    window = 4096
    options = ScriptedGenerator.options
    parallel = 2
    abstains = False

    def __init__(self, choose=lambda prompt: prompt.passages[0].text, *, max_sources=None):
        self.choose, self.max_sources = choose, max_sources
        self.asked: list[str] = []

    def count_tokens(self, messages):
        return sum(len(message.content.split()) for message in messages)

    async def stream(self, prompt, sampling):
        self.asked.append(prompt.question)
        await asyncio.sleep(0)
        said = self.choose(prompt)
        if isinstance(said, Exception):
            raise said
        yield said
        yield Usage(10, 5)

    def close(self):
        pass


@pytest.fixture
def towers(tmp_path):
    return write_collection(tmp_path / "towers")


def source(prompt, name):
    return next(passage.text for passage in prompt.passages if passage.source == name)


def test_right_answers_and_refusals_have_no_reason_to_fail(towers, index, tmp_path):
    told = evaluate_answers(towers, index=index, llm=Quoting(), output=tmp_path / "a.jsonl")
    figures = told.to_dict()
    assert list(figures)[:3] == ["documents", "questions", "answered"]
    assert (figures["questions"], figures["answered"], figures["failed"]) == (6, 5, 0)
    perfect = ("contains", "citation_precision", "citation_recall", "refusal_precision", "refusal_recall", "refusal_accuracy")
    assert {name: figures[name] for name in perfect} == dict.fromkeys(perfect, 1.0)
    assert figures["auroc"] == 1.0
    assert 0 < figures["f1"] < 1
    assert figures["exact"] == 0.0
    assert told.reasons == {}


def test_figures_are_means_of_rows_and_rows_can_be_compared(towers, index, tmp_path):
    one = evaluate_answers(towers, index=index, llm=Quoting(), output=tmp_path / "a.jsonl")
    write_report(tmp_path / "one", one)
    rows = {row["id"]: row for row in read_lines(tmp_path / "one" / "questions.jsonl")}
    for metric, mean in one.main.means.items():
        values = [row[metric] for row in rows.values() if metric in row]
        assert mean == pytest.approx(sum(values) / len(values), abs=1e-6)
    wrong = Quoting(lambda prompt: "The tower in Paris is 330 m tall.")
    told = evaluate_answers(
        towers, index=index, llm=wrong, output=tmp_path / "b.jsonl", compare=[str(tmp_path / "one")], fresh=True
    ).to_dict()
    over = {one["metric"]: one for one in told["comparisons"]}
    assert over["contains"]["difference"] == pytest.approx(told["contains"] - 1.0)
    assert over["contains"]["questions"] == 5
    with pytest.raises(UsageError, match=r"qa\.jsonl.*f1, exact"):
        evaluate_answers(towers, index=index, llm=wrong, compare=[str(towers / "qa.jsonl")])


def test_evaluating_again_embeds_nothing_and_asks_no_model(towers, index, embedder, tmp_path):
    first, second = Quoting(), Quoting()
    one = evaluate_answers(towers, index=index, llm=first, output=tmp_path / "a.jsonl")
    embedded = len(embedder.embedded)
    two = evaluate_answers(towers, index=index, llm=second, output=tmp_path / "a.jsonl")
    assert (second.asked, len(embedder.embedded)) == ([], embedded)
    assert two.main.means == one.main.means
    assert two.reasons == one.reasons


def test_a_stopped_evaluation_resumes_without_a_named_file(towers, index, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    asked = []

    def die_at_the_third(prompt):
        asked.append(prompt.question)
        return KeyboardInterrupt() if len(asked) == 3 else prompt.passages[0].text

    class Stopped(Quoting):
        parallel = 1

        async def stream(self, prompt, sampling):
            said = self.choose(prompt)
            if isinstance(said, BaseException):
                raise said
            yield said
            yield Usage(1, 1)

    with pytest.raises(KeyboardInterrupt):
        evaluate_answers(towers, index=index, llm=Stopped(die_at_the_third))
    rest = Quoting()
    assert evaluate_answers(towers, index=index, llm=rest).before["answered"] == 5
    assert len(rest.asked) == 3


def reason_for(tmp_path, index, model, *, asked, k=2):
    evaluation = evaluate_answers(write_lines(tmp_path / "q.jsonl", [asked]), index=index, llm=model, k=k, fresh=True)
    return evaluation.questions[0]["reason"]


@pytest.fixture
def filled(index):
    add_documents([Document(row["text"], row["_id"], row["title"]) for row in CORPUS], index=index)
    add_documents([Document("Zyzzyva.", "d-weevil", "Z"), Document("Soup costs 4 crowns.", "d-soup", "Soup")], index=index)
    return index


PARIS = {"question": "How tall is the tower in Paris?", "answers": ["330 m tall"], "source": "d-paris"}


@pytest.mark.parametrize(
    ("asked", "said", "sources", "reason"),
    [
        (PARIS, lambda prompt: source(prompt, "d-paris"), None, ""),
        ({**PARIS, "answers": []}, lambda prompt: source(prompt, "d-paris"), None, ""),
        ({**PARIS, "source": "d-gone"}, lambda prompt: source(prompt, "d-paris"), None, ""),
        (PARIS, lambda _: ModelError("tired"), None, FAILED),
        ({**PARIS, "answers": ["blue"], "source": "d-gone"}, lambda prompt: source(prompt, "d-paris"), None, NOT_INDEXED),
        ({**PARIS, "answers": ["blue"], "source": "d-weevil"}, lambda prompt: source(prompt, "d-paris"), None, NOT_RETRIEVED),
        ({**PARIS, "answers": ["4 crowns"], "source": "d-soup"}, lambda prompt: source(prompt, "d-paris"), 1, NOT_IN_CONTEXT),
        (PARIS, lambda _: "Not found in these documents.", None, WRONGLY_REFUSED),
        (PARIS, lambda prompt: next(p.text for p in prompt.passages if p.source != "d-paris"), None, NOT_CITED),
        ({**PARIS, "answers": ["blue paint"]}, lambda prompt: source(prompt, "d-paris"), None, WRONG),
        ({"question": PARIS["question"], "answers": ["blue"]}, lambda prompt: source(prompt, "d-paris"), None, WRONG),
        (
            {"question": PARIS["question"], "answers": ["blue"]},
            lambda _: "Not found in these documents.",
            None,
            WRONGLY_REFUSED,
        ),
        ({"question": PARIS["question"], "answerable": False}, lambda prompt: source(prompt, "d-paris"), None, NOT_REFUSED),
        ({"question": PARIS["question"], "answerable": False}, lambda _: "Not found in these documents.", None, ""),
    ],
)
def test_the_reason_is_the_first_step_that_failed(tmp_path, filled, monkeypatch, asked, said, sources, reason):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    if reason == NOT_RETRIEVED:  # dense search ranks every document, so cut its ranking
        monkeypatch.setattr("rag.evaluation.answers.found_for", lambda *_: Found([("d-paris", 1.0)], None))
    assert reason_for(tmp_path, filled, Quoting(said, max_sources=sources), asked=asked) == reason


def test_every_reason_has_a_meaning():
    assert set(MEANINGS) == set(IN_ORDER)


def test_a_failed_question_is_counted_and_not_measured(towers, index, tmp_path):
    tired = Quoting(lambda prompt: ModelError("tired") if "Tokyo" in prompt.question else prompt.passages[0].text)
    told = evaluate_answers(towers, index=index, llm=tired, output=tmp_path / "a.jsonl")
    assert told.after["failed"] == 1
    assert len(told.main.values["f1"]) == 4
    (row,) = [row for row in told.questions if row["reason"]]
    assert (row["id"], row["reason"], row["error"]) == ("q-tokyo", FAILED, "tired")


def test_wrong_answers_and_wrong_refusals_lower_refusal_figures(towers, index, tmp_path):
    hopeless = {**HOPELESS, "question": "How tall is the tower in Paris?"}
    write_lines(towers / "qa.jsonl", [*ANSWERS[1:], hopeless])
    shy = Quoting(lambda prompt: "Not found in these documents." if "Tokyo" in prompt.question else prompt.passages[0].text)
    means = evaluate_answers(towers, index=index, llm=shy, output=tmp_path / "a.jsonl").main.means
    assert (means["refusal_precision"], means["refusal_recall"]) == (0.0, 0.0)
    assert means["refusal_accuracy"] == pytest.approx(3 / 5)
    assert means["citation_recall"] == pytest.approx(3 / 4)


def test_only_evaluations_of_the_same_questions_compare(towers, index, tmp_path):
    first = evaluate_answers(towers, index=index, llm=Quoting(), output=tmp_path / "a.jsonl")
    write_report(tmp_path / "first", first)
    again = evaluate_answers(towers, index=index, llm=Quoting(), output=tmp_path / "a.jsonl", compare=[str(tmp_path / "first")])
    assert {one.p for one in again.comparisons} <= {1.0, None}
    rows = read_lines(tmp_path / "first" / "questions.jsonl")
    for changed, message in (
        ([{**row, "question": "Another?"} for row in rows], "q-paris"),
        ([{**row, "id": f"x{row['id']}"} for row in rows], "q-paris.*xq-paris"),
    ):
        write_lines(tmp_path / "first" / "questions.jsonl", changed)
        with pytest.raises(UsageError, match=message):
            evaluate_answers(towers, index=index, llm=Quoting(), compare=[str(tmp_path / "first")])
    with pytest.raises(UsageError, match="dense"):
        evaluate_answers(towers, index=index, llm=Quoting(), compare=["dense"])


def test_an_unknown_source_is_reported_beside_a_right_answer(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    asked = {"id": "q1", "question": "How tall is the tower of Paris?", "answers": ["330"], "source": "d-pariss"}
    evaluation = evaluate_answers(write_lines(tmp_path / "q.jsonl", [asked]), index=filled, llm=Quoting())
    assert evaluation.after["unknown_sources"] == ["d-pariss"]
    assert [line for line in evaluation_lines(evaluation) if re.search(r"\b1 .*d-pariss", line)]


def test_a_collection_without_answers_is_refused(towers, index):
    (towers / "qa.jsonl").unlink()
    with pytest.raises(UsageError, match=r"towers .*qa\.jsonl"):
        evaluate_answers(towers, index=index, llm=Quoting())


class TestFigures:
    """Values computed by hand from SQuAD's definition."""

    def test_case_punctuation_and_articles_do_not_count(self):
        assert exact_match("The  Eiffel Tower!", ["eiffel tower"]) == 1.0
        assert exact_match("an apple a day", ["apple day"]) == 1.0
        assert exact_match("theatre", ["atre"]) == 0.0

    def test_f1_is_that_of_common_words_the_best_answer_counting(self):
        assert token_f1("It is 330 m tall", ["330 m", "nothing"]) == pytest.approx(2 * (2 / 5) * 1 / (2 / 5 + 1))
        assert token_f1("a b b", ["b b b"]) == pytest.approx(2 * 2 / 5)
        assert token_f1("", ["330 m"]) == 0.0
        assert token_f1("", [""]) == 1.0
        assert token_f1("anything", []) == 0.0

    def test_recall_and_containment_accept_long_answers(self):
        assert token_recall("It is 330 m tall", ["330 m high"]) == pytest.approx(2 / 3)
        assert contains("It is 330 m tall.", ["330 m"]) == 1.0
        assert contains("It is 330 feet and 9 m tall.", ["330 m"]) == 0.0
        assert contains("1330 m", ["330 m"]) == 0.0

    def test_an_answer_with_another_number_is_wrong(self):
        assert is_right("The tower is 330 m tall.", ["330 m tall"])
        assert not is_right("The tower is 333 m tall.", ["330 m tall"])
        assert is_right("In 1872, and 34,229 crowns were paid.", ["34229 crowns", "never"])
        assert not is_right("Something else.", ["the old mill"])

    @pytest.mark.parametrize(
        ("said", "right"),
        [
            ("كان ذلك عام ١٩٠٣", "1903"),
            ("در سال ۱۳۶۵ بود", "1365"),
            ("عاصمة مصر القاهرة.", "القاهره"),
            ("ولد أحمد هناك", "احمد"),
            ("1903년에 지었다", "1903"),
            ("김철수가 지었다", "김철수"),
            ("บ้านนี้สร้างโดยสมชาย", "สมชาย"),
        ],
    )
    def test_letters_and_digits_of_other_scripts_have_one_form(self, said, right):
        assert contains(said, [right]) == 1.0
        assert is_right(said, [right])

    def test_scripts_without_spaces_are_compared_by_characters(self):
        assert token_f1("高度是三百米。", ["三百米"]) == pytest.approx(2 * 3 / 9)
        assert contains("高度是三百米。", ["三百米"]) == 1.0
        assert exact_match("ऊँचाई।", ["ऊँचाई"]) == 1.0

    def test_a_citation_is_right_if_one_of_its_pages_is(self):
        relevant = frozenset({"a#3", "a#4"})
        assert citation_precision([["a#2", "a#3"], ["b#1"]], relevant) == 0.5
        assert citation_recall([["a#2", "a#3"], ["b#1"]], relevant) == 0.5
        assert citation_recall([], relevant) == 0.0


def test_own_questions_without_sources_are_scored_by_answers(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    asked = [{"question": f"How tall is the tower in {town.title()}?", "answer": f"{TOWERS[town]} m"} for town in TOWERS]
    told = evaluate_answers(write_lines(tmp_path / "q.jsonl", asked), index=filled, llm=Quoting(), limit=3)
    assert (told.before["questions"], told.main.means["contains"]) == (3, 1.0)
    assert told.main.means["citation_recall"] is None
    assert isinstance(rag.evaluate_answers, type(evaluate_answers))
