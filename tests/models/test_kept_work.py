"""Work that release 0.1 left unfinished goes on: what it has answered is not asked again."""

from __future__ import annotations

import json
import shutil

import pytest
from llm_server import LlmServer
from paths import TESTS
from tiny_models import save_tiny_cross_encoder

import rag
import rag.answers.ask_many
from rag.answers.answer_file import answer_keys
from rag.answers.options import AskOptions
from rag.documents import load_bytes
from rag.grounding.lexical import LexicalVerifier
from rag.grounding.llm import LlmVerifier
from rag.ingest.sync import add_documents
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.generators.http import HttpGenerator
from rag.models.identity import identity_of
from rag.models.rerankers.cross_encoder import CrossEncoderReranker
from rag.models.rerankers.http import HttpReranker
from rag.sampling import Sampling
from rag.testing.fakes import HashEmbedder, ScriptedGenerator

SERVER = "http://127.0.0.1:9/v1"
TEXTS = {
    "tower.txt": b"The tower is 34 metres tall. It was built in 1872 by Ada Brandt.",
    "kitchen.txt": b"The kitchen opens at noon. Soup costs 4 crowns.",
}
KEYS = {
    "a766abf858d2a81db213bc5b": {},
    "555147f9f48a16967ecf2905": {"reranker": HttpReranker(SERVER, "r")},
    "c3778db881cd49721639b256": {"verifier": LlmVerifier(SERVER, "v")},
    "58c609ff8a0d0bfd6203d6e5": {"verifier": LlmVerifier(SERVER)},
    "8861db2d1daefc1f2698925b": {
        "k": 3, "mode": "keyword", "strict": True, "where": {"source": "*.txt"}, "sampling": Sampling(max_tokens=9),
    },
}  # fmt: skip
"""Made by release 0.1 for the question and the documents below."""


@pytest.fixture
def index(tmp_path):
    with rag.open_index(tmp_path / "index", create=True, embedder=HashEmbedder()) as opened:
        add_documents([load_bytes(text, source=source) for source, text in TEXTS.items()], index=opened)
        yield opened


@pytest.mark.parametrize("key", KEYS)
def test_answers_keep_their_keys(index, key):
    assert answer_keys(["How tall is the tower?"], index, ExtractiveGenerator(), AskOptions.of(KEYS[key])) == [key]


def test_a_batch_of_answers_goes_on(index, tmp_path, monkeypatch):
    output = tmp_path / "answers.jsonl"
    shutil.copy(TESTS / "answers" / "kept" / "answers-0.1.jsonl", output)
    asked = []
    write = rag.answers.ask_many.write
    monkeypatch.setattr(
        rag.answers.ask_many, "write", lambda prepared, **rest: asked.append(prepared.question) or write(prepared, **rest)
    )
    questions = ["How tall is the tower?", "When does the kitchen open?", "What does soup cost?"]
    answers = rag.ask_many(questions, index=index, llm="extractive", output=output)
    assert asked == questions[2:]
    assert [answer.citations[0].source for answer in answers] == ["tower.txt", "kitchen.txt", "kitchen.txt"]
    assert len([json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]) == 3


def test_a_summary_goes_on(tmp_path):
    calls = tmp_path / "calls.sqlite"
    shutil.copy(TESTS / "summaries" / "kept" / "calls-0.1.sqlite", calls)
    names = "tower gate wall crane light house pier dock mill bridge store yard".split()
    sentences = [
        f"The {name} of the harbour was built in {1800 + i} and is {i + 3} metres tall. " for i, name in enumerate(names)
    ]
    document = load_bytes(("".join(sentences) * 3).encode(), source="harbour.txt")
    with LlmServer(["Nobody is asked."], window=700) as server:
        server.models = [{"id": "double", "owned_by": "vllm", "root": "org/double-1b"}]
        with HttpGenerator(f"{server.url}/v1") as llm:
            summary = rag.summarize(document, llm=llm, chain="map-reduce", words=30, calls=calls)
        assert server.chats() == []
    assert (summary.calls, summary.reused_calls) == (4, 4)


def test_components_keep_their_identities(tmp_path):
    folder = save_tiny_cross_encoder(tmp_path / "model")
    window = CrossEncoderReranker(str(folder))._window
    expected = f"CrossEncoderReranker [('_batch_size', 32), ('_name', '{folder}'), ('_window', {window})] "
    assert CrossEncoderReranker(str(folder)).identity == expected
    assert (
        HttpReranker(SERVER, "r").identity
        == f"HttpReranker [('_batch_size', 256), ('_model', 'r'), ('_path', '/rerank')] {SERVER}"
    )
    assert LexicalVerifier().identity == "LexicalVerifier [] "


def test_a_component_without_an_identity_is_known_by_class_and_name():
    assert identity_of(ScriptedGenerator([])) == f"ScriptedGenerator {ScriptedGenerator([]).name}"
