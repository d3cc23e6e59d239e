"""Work that `rag ask` starts ahead, while other parts load."""

from __future__ import annotations

import threading

import pytest
from click.testing import CliRunner
from fresh_process import run_python

import rag
from rag.cli import main
from rag.errors import ModelError
from rag.ingest.sync import add_documents
from rag.models.generators.extractive import ExtractiveGenerator
from rag.testing.fakes import HashEmbedder
from rag.types import Document

TEXT = "The tower is 34 metres tall. It was built in 1872 by Ada Brandt."
QUESTION = "How tall is the tower?"
SECONDS = 30


class NotedEmbedder(HashEmbedder):
    """Sets `embedded` when it embeds a question."""

    def __init__(self):
        super().__init__()
        self.embedded = threading.Event()

    def embed_question(self, text):
        self.embedded.set()
        return super().embed_question(text)


@pytest.fixture
def embedder(tmp_path, monkeypatch):
    """The embedder of the index `i`. It takes the place of the packaged embedder, whose graph seems to be there."""
    monkeypatch.chdir(tmp_path)
    for name in ("RAG_LLM", "RAG_INDEX", "RAG_EMBEDDER"):
        monkeypatch.delenv(name, raising=False)
    noted = NotedEmbedder()
    monkeypatch.setattr("rag.specs.open_embedder", lambda *_, **__: noted)
    monkeypatch.setattr("rag.models.embedders.openvino_graph.stored_graph", lambda _: "a graph")
    with rag.open_index("i", create=True, embedder="minilm") as index:
        add_documents([Document(TEXT, "tower.txt", "Tower")], index=index)
    noted.embedded.clear()
    return noted


def ask(*options):
    done = CliRunner().invoke(main, ["ask", QUESTION, "--index", "i", *options])
    for thread in threading.enumerate():
        if thread.name.startswith("embedding ahead"):
            thread.join()
    return done


def test_the_question_is_embedded_while_the_model_is_opened(embedder, monkeypatch):
    def opened(*_, **__):
        assert embedder.embedded.wait(SECONDS), "nobody embeds the question"
        return ExtractiveGenerator()

    monkeypatch.setattr("rag.specs.open_llm", opened)
    done = ask()
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("The tower is 34 metres tall [1].")


@pytest.mark.parametrize(("graph", "mode"), [("a graph", "keyword"), (None, "hybrid")])
def test_no_slow_or_unneeded_embedder_is_loaded_ahead(embedder, monkeypatch, graph, mode):
    monkeypatch.setattr("rag.models.embedders.openvino_graph.stored_graph", lambda _: graph)
    done = ask("--llm", "nothing", "--mode", mode)
    assert (done.exit_code, done.stderr.startswith("Error: 'nothing'")) == (1, True)
    assert not embedder.embedded.is_set()


def test_a_failure_ahead_is_reported_once_and_when_needed(embedder, monkeypatch):
    failed = threading.Event()

    def fails(*_, **__):
        failed.set()
        raise ModelError("The embedder is broken.")

    def opened(*_, **__):
        assert failed.wait(SECONDS)
        return ExtractiveGenerator()

    monkeypatch.setattr("rag.specs.open_embedder", fails)
    refused = ask("--llm", "nothing")
    assert refused.stderr.startswith("Error: 'nothing'")
    assert "broken" not in refused.stderr
    monkeypatch.setattr("rag.specs.open_llm", opened)
    assert ask().stderr == "Error: The embedder is broken.\n"


def test_httpx_is_imported_without_its_command():
    code = (
        "import sys; from rag.cli.ahead import import_httpx; import_httpx()\n"
        "print('rich' in sys.modules, sys.modules['httpx'].Client.__name__)\n"
        "import httpx._main; print(httpx._main.main.name)"
    )
    assert run_python(code) == "False Client\nmain\n"
