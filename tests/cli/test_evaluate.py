"""The commands of `rag eval`, and the recipe."""

from __future__ import annotations

import json
import os
import re

import pytest
from click.testing import CliRunner
from evaluation_data import HOPELESS, read_lines, write_collection, write_lines
from json_server import vllm_like
from paths import ROOT

from rag import recipes
from rag.cli import main
from rag.errors import SettingsError, UsageError
from rag.evaluation.data.runs import read_run
from rag.recipes.evaluate import EvaluationRecipe

READY_MADE = ROOT / "pipelines" / "evaluate.toml"
GOOD = '[index]\npath = "index"\n[evaluate]\ndata = "q.jsonl"\noutput = "out"\nllm = "extractive"\n'


@pytest.fixture
def rag_command(tmp_path, monkeypatch):
    """Run `rag …` in this process, in a folder of its own, with a server that embeds by hashing words."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RAG_LLM", "extractive")
    with vllm_like() as server:
        monkeypatch.setenv("RAG_EMBEDDER", f"{server.url}/v1#hash")
        yield lambda *arguments: CliRunner().invoke(main, list(arguments), obj={})


@pytest.fixture
def towers(tmp_path):
    return write_collection(tmp_path / "towers")


def test_retrieval_prints_json_and_writes_run_and_report(rag_command, towers, tmp_path):
    done = rag_command(
        "eval", "retrieval", "--data", str(towers), "--json", "--run", "a.run", "--output", "out", "--compare", "keyword"
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    contract = ["documents", "queries", "ndcg@10", "map", "mrr@10", "recall@10", "recall@100", "mode", "embedder", "seconds"]
    assert list(told)[: len(contract)] == contract
    assert len(read_run(tmp_path / "a.run")) == 5
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == told
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_printed_lines_have_figures_differences_and_reasons(rag_command, towers):
    (towers / "corpus.jsonl").write_text('{"_id": "d-paris", "text": "The tower in \\u001b[2J Paris."}\n', encoding="utf-8")
    done = rag_command("eval", "retrieval", "--data", str(towers), "--mode", "dense", "--mode", "keyword", "--metric", "p@1")
    assert done.exit_code == 0, done.output
    assert "documents 1 · queries 5 · embedder hash" in done.stdout
    assert "dense over keyword, 5" in done.stdout
    assert "4 of 5 questions failed: 4 not in the index" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("how", [["--json"], []])
def test_one_question_is_compared_without_range_or_p(rag_command, towers, how):
    done = rag_command("eval", "retrieval", "--data", "towers", "--compare", "keyword", "--limit", "1", *how)
    assert done.exit_code == 0, done.output
    if how:
        assert {one["p"] for one in json.loads(done.stdout)["comparisons"]} == {None}
    else:
        assert any(line.split()[:2] == ["ndcg@10", "+0.000"] for line in done.stdout.splitlines())
        assert " p " not in done.stdout


def test_rankings_of_an_earlier_evaluation_are_removed(rag_command, towers, tmp_path):
    for mode in ("keyword", "dense"):
        assert rag_command("eval", "retrieval", "--data", "towers", "--mode", mode, "--output", "out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.run")) == ["dense.run"]


def test_answers_are_beside_the_report_and_bad_lines_are_named(rag_command, towers, tmp_path):
    done = rag_command("eval", "answers", "--data", str(towers), "--output", "out", "--json", "--run", "a.run")
    assert done.exit_code == 0, done.output
    assert {name: ranking[0][0] for name, ranking in read_run(tmp_path / "a.run").items()}["q-paris"] == "d-paris"
    assert json.loads(done.stdout)["refusal_recall"] == 1.0
    assert len(read_lines(tmp_path / "out" / "answers.jsonl")) == 6
    write_lines(towers / "qa.jsonl", [HOPELESS, {"id": "bad", "question": "How \udce9?", "answers": ["x"]}])
    done = rag_command("eval", "answers", "--data", str(towers), "--output", "out")
    assert done.exit_code == 1
    assert 'qa.jsonl, line 2: "question"' in done.stderr


def test_summaries_and_drafts_have_their_commands(rag_command, tmp_path):
    data = write_lines(
        tmp_path / "d.jsonl", [{"id": "a", "document": "The tower is tall. It is old.", "summary": "A tall tower."}]
    )
    done = rag_command("eval", "summaries", "--data", str(data), "--json", "--words", "20", "--calls", "calls.sqlite")
    assert done.exit_code == 3  # a generator that quotes cannot summarize
    assert re.search(r"\b1 failed.*extractive", done.stderr)
    assert set(json.loads(done.stdout)) >= {"summaries", "rouge1", "rougeLsum", "supported", "intervals"}
    (tmp_path / "tower.txt").write_text("The tower is 34 metres tall.", encoding="utf-8")
    assert rag_command("index", "tower.txt", "--index", "i").exit_code == 0
    done = rag_command("eval", "make", "--index", "i", "--output", "drafts.jsonl")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "'extractive'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["retrieval", "--data", "nowhere"], 1, r"nowhere.*corpus\.jsonl"),
        (["retrieval"], 2, "--data"),
        (["retrieval", "--data", "towers", "--metric", "ncdg@10"], 1, "'ncdg@10'.*'ndcg'"),
        (["retrieval", "--data", "towers", "--metric", "ndcg@0"], 1, "'ndcg@0'"),
        (["retrieval", "--data", "towers", "--metric", "p@"], 1, "'p@'"),
        (["retrieval", "--data", "towers", "--output", "towers/qa.jsonl/x"], 1, r"towers/qa\.jsonl/x"),
        (["retrieval", "--data", "towers/qa.jsonl", "--split", "dev"], 1, "'dev'.*--split"),
        (["answers", "--data", "towers", "--compare", "dense"], 1, "dense.*folder"),
        (["retrieval", "--data", "towers", "--compare", "dens"], 1, "'dense'"),
        (["answers", "--data", "towers/qrels"], 1, r"qrels.*corpus\.jsonl"),
        (["retrieval", "--data", "towers/qa.jsonl"], 1, "indexes/default.*rag index"),
    ],
)  # fmt: skip
def test_a_mistake_prints_an_error_and_no_result(rag_command, towers, arguments, code, message):
    done = rag_command("eval", *arguments)
    assert done.exit_code == code, done.output
    assert re.search(rf"Error: .*{message}", " ".join(done.stderr.split()))
    assert done.stdout == ""


class TestRecipe:
    @pytest.fixture
    def recipe(self, tmp_path):
        write_lines(tmp_path / "q.jsonl", [{"question": "How tall is it?", "source": "tower.txt"}])

        def written(text):
            (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
            return tmp_path / "recipe.toml"

        return written

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("[index]", "[indexx]", r"\[indexx\].*'index'"),
            ("llm =", "lm =", r"\[evaluate\]: .*'lm'.*'llm'"),
            ('data = "q.jsonl"\n', "", r"\[evaluate\]: .*'data'"),
            ('"q.jsonl"', '"nowhere"', r"\[evaluate\]: 'data'.*nowhere"),
            ('"out"', '"out"\nk = true', r"\[evaluate\]: 'k'.*true"),
            ('"out"', '"out"\nk = 0', r"\[evaluate\]: k .*1"),
            ('"out"', '"out"\nmodes = ["danse"]', r"'modes'.*'dense'"),
            ('"out"', '"out"\nmeasure = ["answer"]', r"retrieval, answers, summaries, .*'answers'"),
            ('[index]\npath = "index"\n', "", r"questions.*\[index\]"),
            ('[index]\npath = "index"\n', '[sources]\npaths = ["."]\n', r"\[sources\].*\[index\]"),
            ("[index]", '[sources]\npaths = ["."]\n[index]', r"\[evaluate\]: 'output'"),
        ],
    )
    def test_an_impossible_recipe_is_refused(self, recipe, old, new, message):
        with pytest.raises(SettingsError, match=message):
            recipes.read(recipe(GOOD.replace(old, new)))

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('"out"', '"out"\nmetrics = ["ncdg@10"]', "'ncdg@10'"),
            ('"out"', '"out"\nmeasure = ["summaries"]', r"q\.jsonl, line 1: .*summary"),
            ('"q.jsonl"', '"bad.jsonl"', r"bad\.jsonl, line 1"),
        ],
    )
    def test_unusable_data_are_refused_before_indexing(self, recipe, tmp_path, old, new, message):
        write_lines(tmp_path / "bad.jsonl", [{"question": "?"}])
        with pytest.raises(UsageError, match=message):
            recipes.read(recipe(GOOD.replace(old, new)))

    def test_the_packaged_recipe_names_every_key(self):
        recipe = recipes.read(READY_MADE)
        assert isinstance(recipe, EvaluationRecipe)
        text = READY_MADE.read_text(encoding="utf-8")
        page = (ROOT / "docs" / "reference" / "recipes.md").read_text(encoding="utf-8")
        for table in (recipe.sources, recipe.index, recipe.evaluate):
            for key in type(table).__dataclass_fields__:
                assert f"{key} = " in text
                assert f"`{key}`" in page

    def test_a_run_leaves_a_report_for_each_thing_that_is_measured(self, rag_command, recipe, tmp_path):
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "tower.txt").write_text("The tower is 34 metres tall.", encoding="utf-8")
        embedder = os.environ["RAG_EMBEDDER"]
        text = GOOD.replace('"index"', f'"index"\nembedder = "{embedder}"').replace(
            '"out"', '"out"\nmeasure = ["retrieval", "answers"]'
        )
        done = rag_command("run", str(recipe(f'[sources]\npaths = ["docs"]\n{text}')))
        assert done.exit_code == 0, done.output
        assert [line for line in done.stdout.splitlines() if line in ("retrieval", "answers")] == ["retrieval", "answers"]
        for what in ("retrieval", "answers"):
            assert (tmp_path / "out" / what / "report.html").is_file()
