"""Recipes that sum up folders: what is refused before anything runs, and what a run leaves behind."""

from __future__ import annotations

import json

import pytest
from paths import ROOT
from summary_models import SummaryModel, facts, first_sentences

from rag.cli.summarize import run_summary_recipe_at
from rag.errors import SettingsError
from rag.recipes.summarize import read_summary_recipe, run_summary_recipe, sums_up
from rag.summaries.folder import LOG

GOOD = """
[sources]
paths = ["documents"]
[summarize]
output = "out"
words = 50
calls = "calls.sqlite"
"""


def written(folder, text):
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "documents").mkdir(exist_ok=True)
    (folder / "documents" / "a.txt").write_text(facts(60), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ("[sources]", "[source]", r"unknown table \[source\]\. Did you mean 'sources'\?"),
        ("[summarize]", "[ask]", r"unknown table \[ask\]\."),
        ("words =", "wrods =", r"unknown key 'wrods' in \[summarize\]\. Did you mean 'words'\?"),
        ("= 50", "= true", r"'words' in \[summarize\] must be a whole number, not True"),
        ("= 50", "= 0", r"'words' in \[summarize\] must be at least 1"),
        ('["documents"]', '"documents"', r"'paths' in \[sources\] must be a list of strings"),
        ('["documents"]', '[" "]', r"'paths' in \[sources\] must be a list of strings"),
        ('output = "out"', 'llm = "local"', r"\[summarize\] needs 'output'"),
        ('"out"', '"documents/out"', "lies among the sources"),
        ("words = 50", 'chain = "stuf"', "'chain' in .* must be one of auto, stuff"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path, line, replacement, message):
    path = written(tmp_path, GOOD.replace(line, replacement))
    with pytest.raises(SettingsError, match=message) as caught:
        read_summary_recipe(path)
    assert str(path) in str(caught.value)


def test_the_ready_made_recipe_can_be_read():
    path = ROOT / "pipelines" / "summarize-folder.toml"
    assert sums_up(path)
    assert not sums_up(ROOT / "pipelines" / "folder-to-answers.toml")
    assert read_summary_recipe(path).output == ROOT / "summaries"


def test_a_recipe_sums_up_its_sources_and_asks_nothing_twice(tmp_path):
    recipe = read_summary_recipe(written(tmp_path, GOOD))
    assert [summary.title for summary in run_summary_recipe(recipe, llm=SummaryModel(first_sentences))]
    again = SummaryModel(first_sentences)
    list(run_summary_recipe(recipe, llm=again))
    assert again.prompts == []
    assert (tmp_path / "calls.sqlite").is_file()


def test_running_a_recipe_fills_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rag.specs.open_llm", lambda spec, **_: SummaryModel(first_sentences))
    run_summary_recipe_at(written(tmp_path, GOOD))
    lines = [json.loads(line) for line in (tmp_path / "out" / LOG).read_text().splitlines()]
    assert [line["source"] for line in lines] == [str(tmp_path / "documents" / "a.txt")]
    assert "1 summarized, 0 failed" in capsys.readouterr().err
