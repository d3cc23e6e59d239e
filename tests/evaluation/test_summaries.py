"""Evaluation of summaries against references, in any script and in the published layouts."""

from __future__ import annotations

import json

import pytest
from evaluation_data import write_lines
from paths import SHARED_DATA
from rouge_score.rouge_scorer import RougeScorer
from summary_models import SummaryModel, VerbatimVerifier, facts, first_sentences

from rag.errors import UsageError
from rag.evaluation.data.summary_data import read_summary_data
from rag.evaluation.measures.rouge import Rouge
from rag.evaluation.reasons import FAILED
from rag.evaluation.report.report import write_report
from rag.evaluation.summaries import evaluate_summaries

TEXT = facts(30)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "bridges.txt").write_text(facts(20, seed=2), encoding="utf-8")
    return write_lines(
        tmp_path / "data.jsonl",
        [
            {"id": "mills", "title": "Mills", "document": TEXT, "summaries": [TEXT.split("\n")[0], "Nothing alike."]},
            {"id": "bridges", "source": "bridges.txt", "summary": "Bridges were built.", "focus": "bridges"},
        ],
    )


@pytest.fixture
def wishes(tmp_path):
    return {"calls": tmp_path / "calls.sqlite", "words": 60, "verifier": VerbatimVerifier()}


def test_a_summary_is_scored_against_its_best_reference(data, wishes):
    evaluation = evaluate_summaries(data, llm=SummaryModel(first_sentences), **wishes)
    told = evaluation.to_dict()
    assert list(told)[:6] == ["summaries", "rouge1", "rouge2", "rougeL", "rougeLsum", "supported"]
    assert (told["summaries"], told["failed"], told["rouge_words"]) == (2, 0, "rouge-score")
    assert told["supported"] == 1.0
    rows = {row["id"]: row for row in evaluation.questions}
    assert rows["mills"]["rouge1"] > 0.4 > rows["bridges"]["rouge1"]
    assert json.loads(json.dumps(told)) == told


def test_scores_are_those_of_the_library(data):
    rouge = Rouge(["The mill was built. It burned."])
    scored = rouge.scores("The mill burned. It was sold.", ["The mill was built. It burned."])
    plain = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(
        "The mill was built. It burned.", "The mill burned. It was sold."
    )
    assert {name: scored[name] for name in plain} == {name: score.fmeasure for name, score in plain.items()}


@pytest.mark.parametrize(
    ("reference", "near", "far"),
    [
        ("塔高三百三十米。桥在河上。", "塔高三百三十米。", "猫在睡觉。"),
        ("يبلغ ارتفاع البرج مئة متر.", "ارتفاع البرج مئة متر.", "القطة نائمة هنا."),
        ("मीनार सौ मीटर ऊँची है।", "मीनार सौ मीटर ऊँची।", "बिल्ली सो रही।"),
    ],
)
def test_other_scripts_have_words_too(reference, near, far):
    rouge = Rouge([reference])
    assert rouge.words == "keyword search"
    assert rouge.scores(near, [reference])["rouge1"] > 0.5 > rouge.scores(far, [reference])["rouge1"]


def test_a_second_evaluation_calls_nothing_and_compares(data, wishes, tmp_path):
    one = evaluate_summaries(data, llm=SummaryModel(first_sentences), **wishes)
    write_report(tmp_path / "out", one)
    model = SummaryModel(first_sentences)
    two = evaluate_summaries(data, llm=model, compare=[str(tmp_path / "out")], **wishes)
    assert model.prompts == []
    assert two.main.means == one.main.means
    assert all(abs(comparison.difference) < 1e-6 for comparison in two.comparisons)


def test_a_document_that_fails_fails_alone(data, wishes, tmp_path):
    (tmp_path / "bridges.txt").write_bytes(b"")
    evaluation = evaluate_summaries(data, llm=SummaryModel(first_sentences), **wishes)
    assert (evaluation.before["summaries"], evaluation.after["failed"]) == (1, 1)
    assert [row["reason"] for row in evaluation.questions] == ["", FAILED]
    assert "bridges.txt" in evaluation.questions[1]["error"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"document": "x"}, r"data\.jsonl, line 1: .*summary"),
        ({"document": "x", "summaries": [7]}, "line 1: 'summaries'"),
        ({"summary": "x"}, "line 1: .*document.*source"),
        ({"summary": "x", "source": "gone.txt"}, r"line 1: .*gone\.txt"),
        ({"questions": [{}], "document": "x", "metadata": {}}, "line 1: .*SQuALITY.*'passage_id'"),
        (
            {"questions": [{"question_text": "?", "responses": []}], "document": "x", "metadata": {"passage_id": 1}},
            r"line 1: .*SQuALITY.*\[\]",
        ),
        ({"meeting_transcripts": [{}]}, "line 1: .*QMSum.*'speaker'"),
        ({"meeting_transcripts": [], "specific_query_list": [{"query": "?", "answer": 5}]}, r"line 1: .*QMSum.*\[5\]"),
    ],
)
def test_a_line_that_cannot_be_measured_is_named(tmp_path, row, message):
    with pytest.raises(UsageError, match=message):
        read_summary_data(write_lines(tmp_path / "data.jsonl", [row]))


def test_a_folder_is_no_file_of_summaries(tmp_path):
    with pytest.raises(UsageError, match="folder"):
        evaluate_summaries(tmp_path)


@pytest.mark.parametrize(("name", "count", "references"), [("squality/dev.jsonl", 125, {4}), ("qmsum/val.jsonl", 272, {1})])
def test_published_collections_are_read_as_they_are(name, count, references):
    path = SHARED_DATA / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    read = read_summary_data(path)
    assert len(read) == count
    assert {len(one.references) for one in read} == references
    assert all(one.text and one.focus for one in read)
