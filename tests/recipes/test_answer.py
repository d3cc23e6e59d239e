"""Recipes that answer questions: mistakes are refused before a run, and a run writes its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from json_server import vllm_like
from paths import ROOT

from rag import recipes
from rag.errors import SettingsError, UsageError
from rag.recipes.answer import answer_line

READY_MADE = ROOT / "pipelines" / "folder-to-answers.toml"
GOOD = """
[sources]
paths = ["documents"]
[index]
path = "index"
[ask]
questions = ["How tall is the tower?"]
llm = "extractive"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ("[sources]", "[source]", r"\[source\].*'sources'.*sources, index, ask"),
        ("[index]", "[Zebra]", r"\[Zebra\].*sources, index, ask"),
        ("questions =", "question =", r"\[ask\]: .*'question'.*'questions'"),
        ('llm = "extractive"', 'lllm = "extractive"', r"\[ask\]: .*'lllm'.*'llm'"),
        ('path = "index"', 'pth = "index"', r"\[index\]: .*'pth'.*'path'"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path, line, replacement, message):
    path = written(tmp_path, GOOD.replace(line, replacement))
    with pytest.raises(SettingsError, match=message) as caught:
        recipes.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ('["documents"]', '"documents"', r"\[sources\]: 'paths'"),
        ('["documents"]', '["documents", 3]', r"\[sources\]: 'paths'"),
        ('"index"', "7", r"\[index\]: 'path'.*7"),
        ('"index"', '"index"\nchunk_tokens = "many"', r"\[index\]: 'chunk_tokens'"),
        ('"extractive"', '"extractive"\nk = true', r"\[ask\]: 'k'.*true"),
        ('"extractive"', '"extractive"\nk = 2.5', r"\[ask\]: 'k'.*2\.5"),
        ('"extractive"', '"extractive"\nstrict = "yes"', r"\[ask\]: 'strict'"),
        ('"extractive"', '"extractive"\ntemperature = "hot"', r"\[ask\]: 'temperature'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path, line, replacement, message):
    with pytest.raises(SettingsError, match=message):
        recipes.read(written(tmp_path, GOOD.replace(line, replacement)))


def test_a_whole_number_is_a_number(tmp_path):
    assert recipes.read(written(tmp_path, GOOD + "temperature = 1")).ask.temperature == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('paths = ["documents"]', r"\[sources\]: .*'paths'"),
        ('path = "index"', r"\[index\]: .*'path'"),
        ('questions = ["How tall is the tower?"]', r"\[ask\]: .*'questions'"),
    ],
)
def test_a_missing_key_is_named(tmp_path, line, message):
    with pytest.raises(SettingsError, match=message):
        recipes.read(written(tmp_path, GOOD.replace(line, "")))


def test_an_empty_list_of_questions_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"\[ask\]: .*'questions'"):
        recipes.read(written(tmp_path, GOOD.replace('["How tall is the tower?"]', "[]")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sources", "TOML"),
        ('sources = "documents"', r"'sources'.*\[sources\]"),
        ("", r"\[sources\]"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message):
        recipes.read(written(tmp_path, text))


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml.*No such file"):
        recipes.read(tmp_path / "nowhere.toml")


def test_relative_paths_start_at_the_recipe(tmp_path, monkeypatch):
    written(tmp_path, GOOD + 'output = "out/answers.jsonl"')
    monkeypatch.chdir(tmp_path.parent)
    recipe = recipes.read(Path(tmp_path.name, "recipe.toml"))
    assert recipe.folder == tmp_path.resolve()
    assert recipe.output == tmp_path.resolve() / "out" / "answers.jsonl"
    assert recipes.read(written(tmp_path, GOOD)).output is None


def test_the_packaged_recipe_names_every_key():
    recipe = recipes.read(READY_MADE)
    assert recipe.ask.llm == "local"
    text = READY_MADE.read_text(encoding="utf-8")
    page = (ROOT / "docs" / "reference" / "recipes.md").read_text(encoding="utf-8")
    for table in (recipe.sources, recipe.index, recipe.ask):
        for key in type(table).__dataclass_fields__:
            assert f"{key} = " in text
            assert f"`{key}`" in page


def test_a_run_indexes_and_answers_in_order(tmp_path, folder, monkeypatch):
    """The run opens its models by their specs. The embedder is a server that hashes words."""
    monkeypatch.chdir(tmp_path.parent)
    (folder / "empty.txt").touch()
    reports = []
    with vllm_like() as server:
        text = GOOD.replace('"index"', f'"index"\nembedder = "{server.url}/v1#hash"').replace(
            '["How tall is the tower?"]', '["How tall is the tower?", "What does soup cost?"]'
        )
        recipe = recipes.read(written(tmp_path, text))
        answers = list(recipe.run(on_indexed=reports.append))
    assert [answer.question for answer in answers] == recipe.ask.questions
    assert [answer.citations[0].quote for answer in answers] == ["The tower is 34 metres tall.", "Soup costs 4 crowns."]
    (report,) = reports
    assert (report.added, [failure.status for failure in report.failed]) == (3, ["no-text"])
    assert (tmp_path / "index" / "catalog.sqlite").is_file()
    line = answer_line(answers[0])
    assert "\n" not in line
    assert json.loads(line) == answers[0].to_dict()


def test_missing_sources_end_the_run_before_any_question(tmp_path):
    recipe = recipes.read(written(tmp_path, GOOD.replace('"documents"', '"elsewhere"')))
    with pytest.raises(UsageError, match="elsewhere"):
        next(recipe.run())


def run_command(recipe: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RAG_LLM": "nonsense", "RAG_INDEX": "nonsense"}
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "run", str(recipe)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def ready_made(tmp_path):
    """A copy of the packaged recipe and its files, with another model."""
    recipe = tmp_path / "pipelines" / "recipe.toml"
    recipe.parent.mkdir()
    recipe.write_text(READY_MADE.read_text(encoding="utf-8").replace('"local"', '"extractive"'), encoding="utf-8")
    documents = tmp_path / "rag" / "demo" / "documents"
    documents.mkdir(parents=True)
    for path in (ROOT / "rag" / "demo" / "documents").iterdir():
        (documents / path.name).write_bytes(path.read_bytes())
    return recipe


@pytest.mark.slow
def test_the_packaged_recipe_writes_a_line_an_answer(ready_made, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run_command(ready_made, elsewhere)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "4 added" in done.stderr
    lines = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    cat, causeway, opera = map(json.loads, lines)
    assert "Bosun" in cat["citations"][0]["quote"]
    assert "1,350 metres" in causeway["citations"][0]["quote"]
    assert (opera["answerable"], opera["citations"]) == (False, [])
    assert list(elsewhere.iterdir()) == []

    again = run_command(ready_made, tmp_path)
    assert "4 unchanged" in again.stderr
    assert len((tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.slow
def test_without_output_answers_go_to_stdout(ready_made, tmp_path):
    (tmp_path / "rag" / "demo" / "documents" / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    text = ready_made.read_text(encoding="utf-8")
    ready_made.write_text(text.replace("output =", "# output ="), encoding="utf-8")
    done = run_command(ready_made, tmp_path)
    assert done.returncode == 3
    assert "broken.pdf" in done.stderr
    assert [json.loads(line)["answerable"] for line in done.stdout.splitlines()] == [True, True, False]


@pytest.mark.slow
def test_an_unwritable_output_is_refused_before_indexing(ready_made, tmp_path):
    ready_made.write_text(
        ready_made.read_text(encoding="utf-8").replace("../answers.jsonl", "../no/such/folder/a.jsonl"), encoding="utf-8"
    )
    done = run_command(ready_made, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no/such/folder" in done.stderr
    assert not (tmp_path / "indexes").exists()
