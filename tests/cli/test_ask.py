"""Every option of `rag ask` works or is refused by name; files of questions."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from llm_server import LlmServer

import rag
from rag.cli import main
from rag.ingest.sync import add_documents
from rag.system.files import cache_folder
from rag.testing.fakes import HashEmbedder
from rag.types import Document

TEXT = "The tower is 34 metres tall. It was built in 1872 by Ada Brandt.\n\nSoup costs 4 crowns."
QUESTION = "How tall is the tower?"


@pytest.fixture
def no_calls(tmp_path, monkeypatch):
    """A cache folder without calls, but with the embedder's graph that earlier runs made."""
    graphs = cache_folder() / "openvino"
    graphs.mkdir(parents=True, exist_ok=True)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "openvino").symlink_to(graphs)
    monkeypatch.setenv("RAG_CACHE", str(cache))
    return cache


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Run `rag ask` in a folder with a document and its index."""
    monkeypatch.chdir(tmp_path)
    for name in ("RAG_LLM", "RAG_INDEX", "RAG_EMBEDDER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tower.txt").write_text(TEXT, encoding="utf-8")
    embedder = HashEmbedder()
    monkeypatch.setattr("rag.specs.open_embedder", lambda *_, **__: embedder)
    with rag.open_index("i", create=True, embedder="minilm") as index:
        add_documents([Document(TEXT, "tower.txt", "Tower")], index=index)

    def run(*arguments, stdin="", llm="extractive"):
        return CliRunner().invoke(main, ["ask", *arguments, "--llm", llm], input=stdin)

    return run


def test_two_documents_at_once_are_refused(ask):
    done = ask("--document", "tower.txt", "--document", "other.txt", QUESTION)
    assert done.exit_code == 2
    assert "--document" in done.stderr


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (["--index", "i"], "--index"),
        (["-k", "5"], "-k"),
        (["--mode", "dense", "--where", "source=*"], "--mode, --where"),
        (["--reranker", "x"], "--reranker"),
        (["--questions", "q.txt", "--output", "o.jsonl"], "--questions, --output"),
        (["--examples", "e.jsonl", "--nearest-examples", "2"], "--examples, --nearest-examples"),
    ],
)
def test_an_option_that_cannot_apply_to_one_document_is_refused(ask, options, refused):
    done = ask(QUESTION, "--document", "tower.txt", *options)
    assert done.exit_code == 2
    assert f" {refused} " in " ".join(done.stderr.split())
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--examples", "e.jsonl"], "extractive.*--examples"),
        (["--prompts", "."], "extractive.*--prompts"),
        (["--nearest-examples", "2"], "--examples FILE"),
    ],
)
def test_prompts_without_a_model_are_refused(ask, options, message):
    done = ask(QUESTION, "--index", "i", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(message, " ".join(done.stderr.split()))


def test_max_tokens_is_refused_when_a_model_reads_a_document(ask):
    done = ask(QUESTION, "--document", "tower.txt", "--max-tokens", "9", "--llm", "local")  # the last --llm counts
    assert done.exit_code == 0
    done = CliRunner().invoke(main, ["ask", QUESTION, "--document", "tower.txt", "--max-tokens", "9", "--llm", "local"])
    assert (done.exit_code, "--max-tokens" in done.stderr) == (2, True)


def test_a_document_without_a_question_is_refused(ask):
    done = ask("--document", "tower.txt")
    assert (done.exit_code, "--document" in done.stderr) == (2, True)


def test_one_document_takes_every_option_that_applies(ask):
    done = ask(
        QUESTION, "--document", "tower.txt", "--strict", "--verifier", "lexical", "--no-stream", "--fresh", "--json"
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["answer"] == "The tower is 34 metres tall [1]."
    assert answer["citations"][0]["quote"] == "The tower is 34 metres tall."
    assert ask(QUESTION, "--document", "-", "--json", stdin=TEXT).exit_code == 0
    shown = ask(QUESTION, "--document", "tower.txt")
    assert shown.stdout.startswith("The tower is 34 metres tall [1].")


def test_sampling_without_a_model_is_refused(ask):
    done = ask(QUESTION, "--document", "tower.txt", "--temperature", "0.5")
    assert (done.exit_code, "temperature" in done.stderr) == (1, True)
    lost = ask(QUESTION, "--document", "absent.txt")
    assert (lost.exit_code, "absent.txt" in lost.stderr) == (1, True)


def test_a_second_file_of_questions_keeps_earlier_answers(ask, tmp_path):
    (tmp_path / "a.txt").write_text("How tall is the tower?\n")
    (tmp_path / "b.txt").write_text("What does the soup cost?\n")
    assert ask("--index", "i", "--questions", "a.txt", "--output", "o.jsonl").exit_code == 0
    done = ask("--index", "i", "--questions", "b.txt", "--output", "o.jsonl")
    assert re.search(r"\b1 .*other questions", done.stderr)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [line["question"] for line in lines] == ["How tall is the tower?", "What does the soup cost?"]


def test_a_bad_line_is_named_and_other_questions_answered(ask, tmp_path):
    rows = ['{"id": [1], "question": "Where?"}', '{"id": "t", "question": "How tall is the tower?"}', "{torn"]
    (tmp_path / "q.jsonl").write_text("\n".join(rows))
    done = ask("--index", "i", "--questions", "q.jsonl")
    assert done.exit_code == 3
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["id"] for one in told] == [1, "t", 3]
    assert told[1]["answer"].startswith("The tower is 34 metres tall [1].")
    assert "q.jsonl, line 1: 'id'" in told[0]["error"]
    assert re.search(r"\{torn: q\.jsonl, line 3: .*JSON", done.stderr)
    assert "2 failed" in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([QUESTION], "Interrupted; nothing is kept."),
        (["--questions", "q.txt"], "Interrupted; nothing is kept."),
        (["--questions", "q.txt", "--output", "o.jsonl"], "Interrupted; finished work is kept."),
    ],
)
def test_an_interrupted_command_says_what_is_kept(ask, tmp_path, monkeypatch, options, told):
    async def interrupted(*_, **__):
        raise KeyboardInterrupt

    (tmp_path / "q.txt").write_text(QUESTION)
    for name in ("rag.answers.ask.write", "rag.answers.ask_many.write"):
        monkeypatch.setattr(name, interrupted)
    done = ask(*options, "--index", "i")
    assert (done.exit_code, done.stderr.split("\n")[-2]) == (130, told)


@pytest.mark.parametrize(
    ("again", "calls"),
    [([], 1), (["--fresh"], 2), (["--temperature", "0.5"], 2), (["--temperature", "0.5", "--seed", "1"], 2)],
    ids=["the same", "fresh", "by chance", "another sampling"],
)
@pytest.mark.usefixtures("no_calls")
def test_a_batch_makes_no_finished_call_again(ask, tmp_path, again, calls):
    (tmp_path / "q.txt").write_text(QUESTION)
    with LlmServer() as server:
        for options in ([], again):
            assert ask("--index", "i", "--questions", "q.txt", *options, llm=f"{server.url}/v1").exit_code == 0
        assert len(server.chats()) == calls


def test_a_single_question_is_asked_each_time(ask, no_calls):
    with LlmServer() as server:
        for _ in range(2):
            assert ask(QUESTION, "--index", "i", llm=f"{server.url}/v1").exit_code == 0
        assert len(server.chats()) == 2
    assert not (no_calls / "calls.sqlite").exists()


@pytest.mark.usefixtures("no_calls")
def test_an_interrupted_batch_says_that_calls_are_kept(ask, tmp_path, monkeypatch):
    async def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("rag.answers.ask_many.write", interrupted)
    (tmp_path / "q.txt").write_text(QUESTION)
    with LlmServer() as server:
        done = ask("--index", "i", "--questions", "q.txt", llm=f"{server.url}/v1")
    assert (done.exit_code, done.stderr.split("\n")[-2]) == (130, "Interrupted; finished calls of the model are kept.")
