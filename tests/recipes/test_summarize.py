"""Recipes that summarize folders: mistakes are refused before a run, and a run writes its files."""

from __future__ import annotations

import json

import pytest
from paths import ROOT
from summary_models import SummaryModel, facts, first_sentences

from rag import recipes
from rag.cli.run import show_summaries
from rag.errors import SettingsError
from rag.recipes.answer import AnswerRecipe
from rag.recipes.summarize import SummaryRecipe
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
        ("[sources]", "[source]", r"\[source\].*'sources'"),
        ("[summarize]", "[ask]", r"\[index\]"),
        ("[summarize]", "[summarise]", r"\[summarise\].*'summarize'"),
        ("words =", "wrods =", r"\[summarize\]: .*'wrods'.*'words'"),
        ("= 50", "= true", r"\[summarize\]: 'words'.*true"),
        ("= 50", "= 0", r"\[summarize\]: words .*0"),
        ('["documents"]', '"documents"', r"\[sources\]: 'paths'"),
        ('["documents"]', '[" "]', r"\[sources\]: paths"),
        ('output = "out"', 'llm = "local"', r"\[summarize\]: .*'output'"),
        ('"out"', '"documents/out"', r"\[summarize\]: 'output'"),
        ("words = 50", 'chain = "stuf"', "'chain'.*auto, stuff, .*'stuff'"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path, line, replacement, message):
    path = written(tmp_path, GOOD.replace(line, replacement))
    with pytest.raises(SettingsError, match=message) as caught:
        recipes.read(path)
    assert str(path) in str(caught.value)


def test_the_packaged_recipe_can_be_read():
    path = ROOT / "pipelines" / "summarize-folder.toml"
    recipe = recipes.read(path)
    assert isinstance(recipe, SummaryRecipe)
    assert recipe.output == ROOT / "summaries"
    assert isinstance(recipes.read(ROOT / "pipelines" / "folder-to-answers.toml"), AnswerRecipe)


def test_a_second_run_of_a_recipe_calls_nothing(tmp_path):
    recipe = recipes.read(written(tmp_path, GOOD))
    assert [summary.title for summary in recipe.run(llm=SummaryModel(first_sentences))]
    again = SummaryModel(first_sentences)
    list(recipe.run(llm=again))
    assert again.prompts == []
    assert (tmp_path / "calls.sqlite").is_file()


def test_running_a_recipe_fills_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rag.specs.open_llm", lambda spec, **_: SummaryModel(first_sentences))
    show_summaries(recipes.read(written(tmp_path, GOOD)))
    lines = [json.loads(line) for line in (tmp_path / "out" / LOG).read_text().splitlines()]
    assert [line["source"] for line in lines] == [str(tmp_path / "documents" / "a.txt")]
    assert "1 summarized, 0 failed" in capsys.readouterr().err
