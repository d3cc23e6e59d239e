"""`rag tokens`: the tokens and chunks of files, before they are indexed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from pdf_writer import encrypted, pdf

import rag
from rag import specs
from rag.cli import main
from rag.errors import UsageError
from rag.ingest import costs as tokens
from rag.ingest.costs import count_costs
from rag.ingest.sync import ChunkSizes
from rag.testing.fakes import HashEmbedder, ScriptedGenerator
from rag.types import Message


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs `rag tokens` with an embedder without a model, and a language model that counts words."""
    monkeypatch.setattr(specs, "open_embedder", lambda *_, **__: HashEmbedder())
    monkeypatch.setattr(specs, "open_llm", lambda *_, **__: ScriptedGenerator([]))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **given: CliRunner().invoke(main, ["tokens", *arguments], catch_exceptions=False, **given)


def test_the_costs_of_files_are_those_of_indexing_them(folder):
    embedder, sizes = HashEmbedder(), ChunkSizes(20, 4)
    (folder / "long.txt").write_text("Many words stand here. " * 40, encoding="utf-8")
    costs = count_costs([folder], embedder=embedder, sizes=sizes)
    for cost in costs.files:
        document = rag.load(cost.source)
        assert (cost.characters, cost.tokens) == (len(document.text), embedder.count_tokens([document.text])[0])
        assert cost.chunks == len(rag.split(document, embedder=embedder, sizes=sizes))
    assert costs.total.chunks == sum(cost.chunks for cost in costs.files) > 4
    assert costs.failed == ()


def test_a_language_models_count_excludes_the_prompt(folder):
    llm = ScriptedGenerator([])
    (cost,) = count_costs([folder / "tower.txt"], embedder=HashEmbedder(), llm=llm).files
    assert llm.count_tokens([Message("user", "")]) > 0
    assert cost.llm_tokens == 14


@pytest.mark.parametrize("text", ["one two\n" * 400, "one two " * 400, "x" * 3000, "", "\n" * 3000])
def test_long_texts_are_counted_in_pieces_that_are_all_of_it(monkeypatch, text):
    monkeypatch.setattr(tokens, "COUNTED_TOGETHER", 101)
    pieces = list(tokens._pieces(text))
    assert "".join(pieces) == text
    assert max(map(len, pieces), default=0) <= 101
    assert all(before[-1].isspace() or after[0].isspace() for before, after in pairwise(pieces)) or text.startswith("x")


def test_folders_are_searched_as_for_indexing(tmp_path, folder):
    (folder / "tower.txt.meta.json").write_text('{"year": 1872}', encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    assert [cost.source for cost in count_costs([folder], embedder=HashEmbedder()).files] == [
        str(folder / name) for name in ("garden.md", "kitchen.txt", "tower.txt")
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty.* \.pdf"):
        count_costs([tmp_path / "empty"], embedder=HashEmbedder())
    with pytest.raises(UsageError, match="There is no file or folder"):
        count_costs([tmp_path / "absent"], embedder=HashEmbedder())


def test_the_command_prints_a_line_a_file_and_the_sum(command, folder):
    (folder / "letter.pdf").write_bytes(pdf(["One page.", "Another page."]))
    done = command("documents/letter.pdf", "documents/tower.txt", "--chunk-tokens", "10", "--overlap-tokens", "0")
    assert done.exit_code == 0
    assert [line.split() for line in done.output.splitlines()] == [
        ["source", "pages", "characters", "tokens", "chunks"],
        ["documents/letter.pdf", "2", "24", "6", "1"],
        ["documents/tower.txt", "64", "16", "2"],
        ["2", "files", "2", "88", "22", "3"],
    ]


def test_a_document_from_stdin_is_counted_beside_files(command, folder):
    done = command("-", "documents/tower.txt", "--json", input="<html><body><p>words of a page</p></body></html>")
    told = json.loads(done.stdout)["files"]
    assert [(Path(cost["source"]).name, cost["characters"]) for cost in told] == [("-", 15), ("tower.txt", 64)]
    assert command("-", input="").exit_code == 1


def test_unreadable_files_are_named_and_set_the_exit_code(command, tmp_path, folder):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    done = command("documents", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 3
    assert [list(cost) for cost in told["files"]] == [["source", "pages", "characters", "tokens", "chunks"]] * 3
    assert [(failure["source"], failure["status"]) for failure in told["failed"]] == [(str(folder / "broken.pdf"), "corrupt")]
    assert (told["total"]["pages"], told["seconds"] > 0) == (0, True)
    lines = command("documents", "--include", "*.pdf").output.splitlines()
    assert [line[:9] for line in lines] == ["corrupt: "]


def test_a_language_model_is_one_more_column(command, folder):
    told = json.loads(command("documents/tower.txt", "--llm", "scripted", "--json").stdout)
    assert (told["files"][0]["llm_tokens"], told["total"]["llm_tokens"]) == (14, 14)
    assert command("documents/tower.txt", "--llm", "scripted").output.splitlines()[0].endswith("chunks  llm tokens")


def test_passwords_come_from_a_file_one_a_line(command, tmp_path, folder):
    (folder / "locked.pdf").write_bytes(encrypted(pdf(["Secret page."]), user_password="open sesame "))
    assert command("documents/locked.pdf").exit_code == 3
    (tmp_path / "passwords").write_text("wrong\r\nopen sesame \n", encoding="utf-8")
    done = command("documents/locked.pdf", "--password-file", "passwords")
    assert (done.exit_code, "sesame" in done.output) == (0, False)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"\xff\xfe\xff", "cannot be read as UTF-8 text"), (b"\n\r\n", "contains no password"), (None, "No such file")],
)
def test_a_password_file_that_cannot_be_read_or_is_empty_is_told(command, tmp_path, folder, content, cause):
    if content:
        (tmp_path / "passwords").write_bytes(content)
    done = command("documents/tower.txt", "--password-file", "passwords")
    assert (done.exit_code, cause in done.output) == (2, True)


def test_the_limits_of_a_file_are_options(command, folder):
    (folder / "large.txt").write_bytes(b"word " * 40_000_000)
    done = command("documents/large.txt", "--memory-a-file", "128")
    assert (done.exit_code, "too-large: " in done.output) == (3, True)


@pytest.mark.parametrize("option", [("--seconds-a-file", value) for value in ("inf", "nan", "1e10", "0")])
def test_no_file_can_be_allowed_endless_time(command, folder, option):
    done = command("documents/tower.txt", *option)
    assert (done.exit_code, option[0] in done.stderr) == (2, True)


def test_a_memory_limit_can_be_as_large_as_any_machines(command, folder):
    assert command("documents/tower.txt", "--memory-a-file", str(2**30), "--seconds-a-file", "31536000").exit_code == 0
    done = command("documents/tower.txt", "--memory-a-file", str(2**30 + 1))
    assert (done.exit_code, "--memory-a-file" in done.stderr) == (2, True)
