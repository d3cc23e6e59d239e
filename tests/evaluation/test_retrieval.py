"""Evaluation of retrieval: figures equal those of TREC tools, a corpus is embedded once, errors name file and line."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import ir_measures
import pytest
from evaluation_data import CORPUS, TOWERS, read_lines, write_collection, write_lines
from paths import SHARED_DATA

import rag
from rag.errors import UsageError
from rag.evaluation.data.questions import Expected, Question
from rag.evaluation.data.runs import read_run, write_run
from rag.evaluation.measures.metrics import USUAL
from rag.evaluation.measures.statistics import auroc, compare, interval_of
from rag.evaluation.reasons import NOT_IN_CONTEXT, NOT_INDEXED, NOT_RETRIEVED, lost_in_retrieval
from rag.evaluation.report.page import page
from rag.evaluation.report.report import write_report
from rag.evaluation.retrieval import evaluate_retrieval
from rag.ingest.sync import add_documents
from rag.testing.fakes import CountingEmbedder
from rag.types import Document


@pytest.fixture
def towers(tmp_path):
    return write_collection(tmp_path / "towers")


@pytest.fixture
def empty(tmp_path, embedder):
    with rag.open_index(tmp_path / "index", create=True, embedder=embedder) as index:
        yield index


def test_the_json_has_the_keys_of_the_contract_in_order(towers, empty):
    told = evaluate_retrieval(towers, index=empty).to_dict()
    contract = ["documents", "queries", "ndcg@10", "map", "mrr@10", "recall@10", "recall@100", "mode", "embedder", "seconds"]
    assert list(told)[: len(contract)] == contract
    assert (told["documents"], told["queries"], told["mode"], told["embedder"]) == (5, 5, "hybrid", "hash")
    assert told["recall@100"] == 1.0
    assert json.loads(json.dumps(told)) == told


def test_the_figures_are_those_of_the_run_file(towers, empty, tmp_path):
    evaluation = evaluate_retrieval(towers, index=empty, modes=["keyword", "dense"])
    for figures in evaluation.figures:
        write_run(tmp_path / "a.run", evaluation.runs[figures.name], name="a")
        judged = [ir_measures.Qrel(f"q-{town}", f"d-{town}", 1) for town in TOWERS]
        run = list(ir_measures.read_trec_run(str(tmp_path / "a.run")))
        spelled = ["nDCG@10", "AP", "RR@10", "R@10", "R@100"]
        computed = ir_measures.calc_aggregate(map(ir_measures.parse_measure, spelled), judged, run)
        assert list(figures.means.values()) == pytest.approx([computed[ir_measures.parse_measure(name)] for name in spelled])


def test_only_changed_documents_are_embedded_again(towers, empty, embedder):
    evaluate_retrieval(towers, index=empty)
    assert len(embedder.embedded) == 5
    evaluate_retrieval(towers, index=empty)
    assert len(embedder.embedded) == 5
    write_lines(towers / "corpus.jsonl", [{**CORPUS[0], "text": "The tower in Paris was painted."}, *CORPUS[1:]])
    evaluate_retrieval(towers, index=empty)
    assert len(embedder.embedded) == 6
    assert empty.catalog.counts() == (5, 5)


def test_a_collections_own_index_follows_its_corpus(towers, monkeypatch, tmp_path, embedder):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("rag.specs.open_embedder", lambda *_, **__: embedder)
    assert evaluate_retrieval(towers).before["documents"] == 5
    write_lines(towers / "corpus.jsonl", [*CORPUS[:4], {"_id": "d-new", "text": "Something else."}])
    evaluation = evaluate_retrieval(towers)
    assert evaluation.before["documents"] == 5
    assert evaluation.reasons == {NOT_INDEXED: 1}
    assert len(embedder.embedded) == 6


def test_an_index_with_documents_of_others_is_left_alone(towers, empty):
    add_documents([Document("My own words.", "/home/me/notes.md", "notes")], index=empty)
    with pytest.raises(UsageError, match=r"\b1 doc.*towers.*/home/me/notes\.md"):
        evaluate_retrieval(towers, index=empty)
    assert empty.catalog.counts()[0] == 1


def test_own_questions_expect_sources_and_pages(tmp_path, empty):
    pages = (
        "The cistern holds 60,000 litres.\n",
        "Volunteers sleep in the boathouse.\n",
        "The lamp turns every ten seconds.\n",
    )
    starts = (0, len(pages[0]), len(pages[0]) + len(pages[1]))
    add_documents(
        [
            Document("".join(pages), "/docs/handbook.pdf", "Handbook", page_starts=starts, page_statuses=("ok",) * 3),
            Document("Bosun is the cat.", "/docs/a/notes.md", "Notes"),
            Document("Nothing is here.", "/docs/b/notes.md", "Notes"),
        ],
        index=empty,
    )
    asked = [
        {"id": "cistern", "question": "How much does the cistern hold?", "source": "handbook.pdf", "page": 1},
        {"id": "cat", "question": "Who is the cat?", "source": "a/notes"},
        {"id": "gone", "question": "Who is the dog?", "expected": [{"source": "dogs.md"}]},
        {"id": "answer only", "question": "How tall is it?", "answers": ["9 m"]},
    ]
    evaluation = evaluate_retrieval(write_lines(tmp_path / "mine.jsonl", asked), index=empty)
    rows = {row["id"]: row for row in evaluation.questions}
    assert rows["cistern"]["expected"] == ["/docs/handbook.pdf#1"]
    assert rows["cistern"]["first_rank"] is not None
    assert rows["cat"]["found"][0] == "/docs/a/notes.md"
    assert rows["gone"]["reason"] == NOT_INDEXED
    assert (evaluation.before["queries"], evaluation.after["unjudged"]) == (3, 1)
    with pytest.raises(UsageError, match=r"'notes\.md'.*/docs/a/notes\.md.*/docs/b/notes\.md"):
        evaluate_retrieval(write_lines(tmp_path / "q.jsonl", [{"question": "?", "source": "notes.md"}]), index=empty)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_documents_are_ranked_as_search_shows_them(tmp_path, empty, mode):
    chance = random.Random(3)
    words = [f"word{number}" for number in range(60)]
    rows = [{"_id": f"d{n}", "text": " ".join(chance.choices(words, k=20))} for n in range(300)]
    queries = [{"_id": f"q{n}", "text": " ".join(chance.sample(words, 4))} for n in range(5)]
    folder = tmp_path / "many"
    write_lines(folder / "corpus.jsonl", rows)
    write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("".join(f"q{n}\td{n}\t1\n" for n in range(5)))
    evaluation = evaluate_retrieval(folder, index=empty, modes=[mode])
    for query in queries:
        shown = [hit.source for hit in rag.search(query["text"], index=empty, k=10, mode=mode)]
        assert [unit for unit, _ in evaluation.runs[mode][query["_id"]]][:10] == shown
        assert len(evaluation.runs[mode][query["_id"]]) == 100


def test_a_mode_is_compared_with_modes_and_run_files(towers, empty, tmp_path):
    reversed_run = {f"q-{town}": [(f"d-{other}", float(n)) for n, other in enumerate(TOWERS)] for town in TOWERS}
    write_run(tmp_path / "theirs.run", reversed_run, name="theirs")
    theirs = str(tmp_path / "theirs.run")
    told = evaluate_retrieval(towers, index=empty, compare=["keyword", theirs], metrics=["ndcg@10", "P@1"]).to_dict()
    assert [one["name"] for one in told["runs"]] == ["hybrid", "keyword", theirs]
    over = {(one["other"], one["metric"]): one for one in told["comparisons"]}
    assert over[theirs, "P@1"]["difference"] == pytest.approx(0.8)
    assert over["keyword", "ndcg@10"]["p"] == 1.0
    with pytest.raises(UsageError, match=r"'hybird'.*'hybrid'"):
        evaluate_retrieval(towers, index=empty, compare=["hybird"])
    write_run(tmp_path / "other.run", {"q9": [("d", 1.0)]}, name="x")
    with pytest.raises(UsageError, match=r"q-paris.*q9"):
        evaluate_retrieval(towers, index=empty, compare=[str(tmp_path / "other.run")])


def many_alike(folder, count=600):
    """Documents of a few common words, so that every mode ranks hundreds, and five questions."""
    chance = random.Random(5)
    words = [f"word{number}" for number in range(40)]
    write_lines(
        folder / "corpus.jsonl", [{"_id": f"d{n}", "text": " ".join(chance.choices(words, k=12))} for n in range(count)]
    )
    write_lines(folder / "queries.jsonl", [{"_id": f"q{n}", "text": " ".join(chance.sample(words, 3))} for n in range(5)])
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("".join(f"q{n}\td{n}\t1\n" for n in range(5)))
    return folder


@pytest.mark.parametrize("mode", ["hybrid", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("dense", "keyword"))])
def test_more_measures_change_no_figure_and_no_reason(tmp_path, empty, mode):
    folder = many_alike(tmp_path / "many")
    usual = evaluate_retrieval(folder, index=empty, modes=[mode], metrics=["ndcg@100"])
    deep = evaluate_retrieval(folder, index=empty, modes=[mode], metrics=["ndcg@100", "recall@300"])
    assert usual.main.values["ndcg@100"] == deep.main.values["ndcg@100"]
    assert [row["reason"] for row in usual.questions] == [row["reason"] for row in deep.questions]
    for number, ranking in deep.runs[mode].items():
        assert ranking[:100] == usual.runs[mode][number]
        assert len(ranking) > 100
        assert [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)


def test_ties_are_judged_in_the_order_of_search(tmp_path, empty):
    folder = tmp_path / "alike"
    write_lines(folder / "corpus.jsonl", [{"_id": f"d{n}", "text": "The tower is tall."} for n in range(4)])
    write_lines(folder / "queries.jsonl", [{"_id": "q", "text": "tower"}])
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("q\td0\t1\n")
    names = ["mrr@10", "ndcg@10", "success@1", "map"]
    for mode in ("keyword", "hybrid"):
        evaluation = evaluate_retrieval(folder, index=empty, modes=[mode], metrics=names)
        rank = evaluation.questions[0]["first_rank"]
        assert evaluation.main.means["mrr@10"] == evaluation.main.means["map"] == pytest.approx(1 / rank)
        assert evaluation.main.means["success@1"] == (rank == 1)
        assert rank == 1 + [hit.source for hit in rag.search("tower", index=empty, mode=mode)].index("d0")


def test_one_document_may_fill_the_context(tmp_path, empty):
    long = " ".join(f"The cistern holds {number} litres of cistern water." for number in range(400))
    add_documents(
        [Document(long, "/d/long.txt", ""), Document("A cistern was once dug here by monks, who left.", "/d/log.txt", "")],
        index=empty,
    )
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "how many litres does the cistern hold", "source": "log"}])
    evaluation = evaluate_retrieval(questions, index=empty, k=2)
    assert evaluation.questions[0]["first_rank"] == 2
    assert evaluation.questions[0]["reason"] == NOT_IN_CONTEXT


def test_ids_of_a_collection_are_whole_and_not_ends_of_paths(towers, empty):
    write_lines(towers / "corpus.jsonl", [*CORPUS, {"_id": "5.1", "text": "Five."}, {"_id": "5.2", "text": "Five."}])
    with (towers / "qrels" / "test.tsv").open("a") as file:
        file.write("q-paris\t5\t1\n")
    evaluation = evaluate_retrieval(towers, index=empty)
    assert evaluation.after["unknown_sources"] == ["5"]


def test_a_run_may_name_documents_by_file_name_or_id(tmp_path, empty):
    add_documents(
        [Document("The tower is tall.", "/docs/a%20b.txt", ""), Document("A bridge.", "/docs/c.txt", "")], index=empty
    )
    questions = write_lines(tmp_path / "q.jsonl", [{"id": "q1", "question": "tower", "source": "a%20b"}])
    run = tmp_path / "theirs.run"
    run.write_text("q1 Q0 a%20b.txt 1 2.0 theirs\nq1 Q0 c.txt 2 1.0 theirs\n")
    evaluation = evaluate_retrieval(questions, index=empty, compare=[str(run)], metrics=["P@1"])
    assert [figures.means["P@1"] for figures in evaluation.figures] == [1.0, 1.0]
    run.write_text("q1 Q0 z.txt 1 2.0 theirs\n")
    with pytest.raises(UsageError, match=r"z\.txt.*/docs/"):
        evaluate_retrieval(questions, index=empty, compare=[str(run)])


def test_a_failed_question_names_its_reason(towers, empty):
    hidden = {"_id": "d-hidden", "text": "Zyzzyva."}
    write_lines(towers / "corpus.jsonl", [*CORPUS, hidden])
    with (towers / "qrels" / "test.tsv").open("a") as file:
        file.write("q-gone\td-gone\t1\nq-word\td-hidden\t1\n")
    with (towers / "queries.jsonl").open("a") as file:
        file.write('{"_id": "q-gone", "text": "Where is it?"}\n{"_id": "q-word", "text": "tower"}\n')
    evaluation = evaluate_retrieval(towers, index=empty, modes=["keyword"], k=1)
    reasons = {row["id"]: row["reason"] for row in evaluation.questions if row["reason"]}
    assert reasons == {"q-gone": NOT_INDEXED, "q-word": NOT_RETRIEVED}
    assert evaluation.reasons == {NOT_INDEXED: 1, NOT_RETRIEVED: 1}
    assert lost_in_retrieval(indexed=True, rank=6, context=5) == NOT_IN_CONTEXT
    assert lost_in_retrieval(indexed=True, rank=5, context=5) == ""


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("corpus.jsonl", '{"_id": "x"', r"corpus\.jsonl, line 6: .*JSON"),
        ("corpus.jsonl", '["x"]', r'corpus\.jsonl, line 6: \["x"\].*\{"_id"'),
        ("corpus.jsonl", '{"text": "x"}', r"corpus\.jsonl, line 6: .*'_id'"),
        ("corpus.jsonl", '{"_id": "x", "text": 7}', r"corpus\.jsonl, line 6: 'text'.*7"),
        ("corpus.jsonl", '{"_id": "d-paris", "text": "x"}', 'line 6: .*_id "d-paris"'),
        ("queries.jsonl", '{"_id": "x", "text": " "}', r"queries\.jsonl, line 6: .*'text'"),
        ("queries.jsonl", '{"_id": "q-paris", "text": "x"}', 'line 6: .*_id "q-paris"'),
        ("qrels/test.tsv", "q-paris d-paris 1", r"test\.tsv, line 7: .*query-id, corpus-id and score"),
        ("qrels/test.tsv", "q-paris\td-paris\thigh", r"test\.tsv, line 7: "),
        ("corpus.jsonl", '{"_id": "x", "text": "\\ud800"}', r'corpus\.jsonl, line 6: "text".*character'),
        ("corpus.jsonl", '{"_id": "x", "text": "x", "title": "\\ud800"}', 'line 6: "title".*character'),
        ("qrels/test.tsv", "q-pari\td-paris\t1", r"\"q-pari\".*queries\.jsonl.*'q-paris'"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(towers, empty, file, line, message):
    with (towers / file).open("a", encoding="utf-8") as open_file:
        open_file.write(line + "\n")
    with pytest.raises(UsageError, match=message):
        evaluate_retrieval(towers, index=empty)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"question": "?"}, "line 1: .*source.*answer.*answerable"),
        ({"question": "?", "sorce": "a.md"}, "line 1: .*'source'"),
        ({"question": " ", "source": "a.md"}, "line 1: .*'question'"),
        ({"question": "?", "source": ["a", "b"], "pages": [1]}, 'line 1: "pages".*2 sources'),
        ({"question": "?", "source": "a", "pages": [0]}, "line 1: 0 .*[Pp]age"),
        ({"question": "?", "expected": [{"source": "a", "page": 1}, "b"]}, "line 1: .*sources.*pages"),
        ({"question": "?", "answerable": "no"}, "line 1: 'answerable'"),
        ({"question": "?", "answers": ["yes"]}, r"q\.jsonl .*source"),
        ({"question": "?", "source": None}, "line 1: .*source.*answer.*answerable"),
        ({"question": "?", "answers": [], "sources": []}, "line 1: .*source.*answer.*answerable"),
        ({"question": "?", "answers": ["  "]}, "line 1: .*source.*answer.*answerable"),
        ({"question": "?", "answers": ["yes"], "answerable": False}, 'line 1: .*"yes"'),
        ({"question": "?", "source": "a", "accepted": "yes"}, "line 1: 'accepted'"),
        ({"id": "\ud800", "question": "?", "source": "a"}, 'line 1: "id".*character'),
        ({"question": "?", "source": "a", "accepted": None}, r"\b1\b.*q\.jsonl.*accepted"),
    ],
)
def test_an_impossible_expectation_is_refused(tmp_path, empty, asked, message):
    add_documents([Document("Some words.", "a.md", "A")], index=empty)
    with pytest.raises(UsageError, match=message):
        evaluate_retrieval(write_lines(tmp_path / "q.jsonl", [asked]), index=empty)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "corpus.jsonl").unlink(), r"towers .*corpus\.jsonl"),
        (lambda folder: (folder / "queries.jsonl").unlink(), r"queries\.jsonl.*No such file"),
        (
            lambda folder: (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv"),
            "dev.*--split",
        ),
        (lambda folder: (folder / "qrels" / "test.tsv").write_text(""), r"test\.tsv"),
        (lambda folder: (folder / "queries.jsonl").write_bytes(b"\xff\xfe"), r"queries\.jsonl.*UTF-8"),
        (lambda folder: (folder / "corpus.jsonl").write_text(""), "corpus"),
    ],
)
def test_an_incomplete_collection_names_the_missing_part(towers, empty, spoil, message):
    spoil(towers)
    with pytest.raises(UsageError, match=message):
        evaluate_retrieval(towers, index=empty)


def test_questions_need_an_index_and_data_must_exist(tmp_path):
    with pytest.raises(UsageError, match=r"q\.jsonl.*index"):
        evaluate_retrieval(write_lines(tmp_path / "q.jsonl", [{"question": "?", "source": "a"}]))
    with pytest.raises(UsageError, match="nowhere"):
        evaluate_retrieval(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ncdg@10", "'ncdg@10'.*'ndcg'.*ndcg@10"),
        ("precision", "'precision'.*precision@10"),
        ("__import__('os')", "__import__"),
    ],
)
def test_an_unknown_metric_is_refused_before_indexing(towers, empty, embedder, name, message):
    with pytest.raises(UsageError, match=message):
        evaluate_retrieval(towers, index=empty, metrics=[name])
    assert embedder.embedded == []


def test_metrics_have_the_names_that_they_were_asked_by(towers, empty):
    names = ["nDCG@5", "P@1", "hit@3", "Recall@2", "Compat(p=0.8)", "precision@1"]
    means = evaluate_retrieval(towers, index=empty, metrics=names).main.means
    assert list(means) == names
    assert means["P@1"] == means["precision@1"]
    assert USUAL == ("ndcg@10", "map", "mrr@10", "recall@10", "recall@100")


def test_a_run_file_survives_the_way_out_and_back(tmp_path):
    run = {"q 1": [("/a b/c%20.pdf#3", 0.25), ("ü", 1e-9)], "2": [("x", -1.5)]}
    write_run(tmp_path / "deep" / "a.run", run, name="my run")
    assert read_run(tmp_path / "deep" / "a.run") == run
    for line in (tmp_path / "deep" / "a.run").read_text().splitlines():
        assert len(line.split()) == 6


@pytest.mark.parametrize("line", ["q Q0 d 1 0.5", "q Q0 d 1 high x", "q Q0 d 1 nan x", "q Q0 d 2 0.4 x\nq Q0 d 3 0.3 x"])
def test_a_bad_line_of_a_run_is_named(tmp_path, line):
    (tmp_path / "a.run").write_text(f"q Q0 e 1 1.0 x\n{line}\n")
    with pytest.raises(UsageError, match=r"a\.run, line [23]: "):
        read_run(tmp_path / "a.run")


class TestStatistics:
    def test_an_interval_narrows_with_more_questions(self):
        chance = random.Random(1)
        few, many = ([chance.random() for _ in range(count)] for count in (20, 2000))
        widths = []
        for values in (few, many):
            low, high = interval_of(values)
            assert low < sum(values) / len(values) < high
            widths.append(high - low)
        assert widths[1] < widths[0] / 5
        assert interval_of([0.5]) is None
        assert interval_of([0.5, 0.5]) == (0.5, 0.5)

    def test_chance_differences_have_a_high_p(self):
        chance = random.Random(2)
        one = {str(n): chance.random() for n in range(100)}
        noisy = {name: value + chance.gauss(0, 0.1) for name, value in one.items()}
        better = {name: value + abs(chance.gauss(0, 0.1)) for name, value in one.items()}
        assert compare("m", "noisy", noisy, "one", one).p > 0.05
        found = compare("m", "better", better, "one", one)
        assert found.p < 0.001
        assert found.interval[0] > 0
        assert compare("m", "one", one, "better", better).difference == pytest.approx(-found.difference)

    def test_the_p_of_few_questions_is_exact(self):
        gains = {"a": 1.0, "b": 2.0, "c": 3.0}
        assert compare("m", "x", gains, "y", dict.fromkeys(gains, 0.0)).p == pytest.approx(2 / 8)

    def test_rounded_figures_do_not_differ(self):
        values = {str(number): 1 / 3 for number in range(14)}
        told = compare("f1", "a", values, "b", {name: round(value, 6) for name, value in values.items()})
        assert (told.difference, told.p) == (0.0, 1.0)

    def test_only_questions_that_both_have_count(self):
        told = compare("m", "x", {"a": 1.0, "b": 0.0}, "y", {"a": 0.5, "c": 1.0})
        assert (told.questions, told.difference, told.interval, told.p) == (1, 0.5, None, None)

    def test_auroc_counts_pairs(self):
        assert auroc([True, True, False], [0.9, 0.5, 0.1]) == 1.0
        assert auroc([True, False, True, False], [0.9, 0.5, 0.4, 0.4]) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
        assert auroc([True, True], [0.1, 0.2]) is None


class TestPage:
    def test_it_escapes_what_documents_hold_and_loads_nothing(self, towers, empty):
        evil = '<script>alert("x")</script>\u202e\x00 & <img src=//evil>'
        evaluation = evaluate_retrieval(towers, index=empty, modes=["keyword", "dense"], metrics=["ndcg@10"])
        row = {**evaluation.questions[0], "question": evil, "id": evil, "reason": evil, "expected": [evil], "found": [evil]}
        text = page(replace(evaluation, questions=(row,)))
        assert "&lt;script&gt;" in text
        for forbidden in ("<script", "<img", "\u202e", "\x00", "http:", "https:", "url(", "@import", "javascript:"):
            assert forbidden not in text
        assert "default-src 'none'" in text
        assert text.count("<svg") >= 2

    def test_a_folder_holds_figures_rows_rankings_and_the_page(self, towers, empty, tmp_path):
        evaluation = evaluate_retrieval(towers, index=empty, modes=["keyword", "dense"])
        write_report(tmp_path / "out" / "deep", evaluation)
        names = ["dense.run", "keyword.run", "questions.jsonl", "report.html", "report.json"]
        assert sorted(path.name for path in (tmp_path / "out" / "deep").iterdir()) == names
        assert json.loads((tmp_path / "out" / "deep" / "report.json").read_text()) == evaluation.to_dict()
        assert len(read_lines(tmp_path / "out" / "deep" / "questions.jsonl")) == 5
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"file/x"):
            write_report(tmp_path / "file" / "x", evaluation)


def test_a_document_without_pages_counts_as_page_1():
    question = Question("q", "?", (Expected("a.md", 1),))
    assert question.units("a.md", None) == ["a.md#1"]
    assert question.units("a.md", (2, 4)) == ["a.md#2", "a.md#3", "a.md#4"]
    assert Question("q", "?", (Expected("a.md"),)).units("a.md", (2, 4)) == ["a.md"]


@pytest.mark.slow
def test_keyword_search_scores_well_on_xquad(tmp_path):
    data = SHARED_DATA / "xquad" / "en"
    if not data.is_dir():
        pytest.skip(f"{data} is not there")
    with rag.open_index(tmp_path / "index", create=True, embedder=CountingEmbedder()) as index:
        evaluation = evaluate_retrieval(data, index=index, modes=["keyword"], limit=200)
    assert evaluation.before == {"documents": 240, "queries": 200}
    assert evaluation.main.means["ndcg@10"] > 0.95
