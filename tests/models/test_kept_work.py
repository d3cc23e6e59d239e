"""Unfinished work of release 0.1 goes on without repeating its calls."""

from __future__ import annotations

import json
import shutil

import pytest
from llm_server import LlmServer
from paths import TESTS
from tiny_models import save_tiny_cross_encoder, save_tiny_nli

import rag
import rag.answers.ask_many
import rag.models.generators.http
from rag.answers.answer_file import answer_keys
from rag.answers.options import AskOptions
from rag.documents import load_bytes
from rag.grounding.lexical import LexicalVerifier
from rag.grounding.llm import LlmVerifier
from rag.grounding.nli import NliVerifier
from rag.ingest.sync import add_documents
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.generators.http import HttpGenerator
from rag.models.generators.http_served import Served
from rag.models.generators.llama_cpp import LlamaCppGenerator
from rag.models.generators.vllm import VllmGenerator
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


GENERATORS = {
    "extractive": ("extractive", "a766abf858d2a81db213bc5b"),
    "gguf": ("model ea8b645bef5e4c2203a2abe6", "cfd77cd32da47ad07fea4eb9"),
    "hub": ("org/model org/model", "07ad5b4dd229ba0aeef580af"),
    "options": ('org/model org/model {"quantization": "fp8", "seed": 3}', "07ad5b4dd229ba0aeef580af"),
    "folder": ("m 3e0e3450fd46e5fd10176e9d", None),
    "server": ("m http://127.0.0.1:18377/v1", "c0a92ba3e186da5692a56631"),
    "vllm server": ("m http://127.0.0.1:18377/v1", "5b84f9718ed29eab3ce208d6"),
}
"""The identity of each generator below, and its key for the same question, as release 0.1 made them."""


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


@pytest.fixture
def generator_of(tmp_path, monkeypatch, engines_are_installed):
    """Makes the generators of GENERATORS without loading them."""

    def made(kind):
        if kind == "extractive":
            return ExtractiveGenerator()
        if kind == "gguf":
            (tmp_path / "model.gguf").write_bytes(b"GGUF one")
            return LlamaCppGenerator(tmp_path / "model.gguf")
        if kind == "hub":
            return VllmGenerator("org/model")
        if kind == "options":
            engine = {"quantization": "fp8", "tensor_parallel_size": 2, "seed": 3}
            return VllmGenerator("org/model", window=2048, parallel=3, gpu_memory=0.4, engine=engine)
        if kind == "folder":
            (tmp_path / "m").mkdir()
            (tmp_path / "m" / "config.json").write_text("{}")
            (tmp_path / "m" / "model.safetensors").write_bytes(b"weights")
            return VllmGenerator(str(tmp_path / "m"), window=512)
        served = Served("m", "vLLM", "0.9") if kind == "vllm server" else Served("m")
        monkeypatch.setattr(rag.models.generators.http, "look", lambda *_: served)
        monkeypatch.setattr(rag.models.generators.http, "exact_count", lambda *_: None)
        return HttpGenerator("http://127.0.0.1:18377/v1", backoff=0)

    return made


@pytest.mark.filterwarnings("ignore:.*does not tell")
@pytest.mark.parametrize("kind", GENERATORS)
def test_generators_keep_their_identity_and_their_key(index, generator_of, kind):
    identity, key = GENERATORS[kind]
    llm = generator_of(kind)
    assert identity_of(llm) == identity
    if key:
        assert answer_keys(["How tall is the tower?"], index, llm, AskOptions()) == [key]


@pytest.mark.slow
def test_cross_encoders_keep_their_identities(tmp_path):
    folder = save_tiny_cross_encoder(tmp_path / "model")
    reranker = f"CrossEncoderReranker [('_batch_size', 32), ('_name', '{folder}'), ('_window', 128)] "
    assert CrossEncoderReranker(str(folder)).identity == reranker
    folder = save_tiny_nli(tmp_path / "nli")
    verifier = (
        f"NliVerifier [('_batch_size', 16), ('_contradicts', 0), ('_entails', 1), ('_name', '{folder}'), ('_window', 128)] "
    )
    assert NliVerifier(str(folder), device="cpu").identity == verifier


def test_components_keep_their_identities():
    expected = f"HttpReranker [('_batch_size', 256), ('_model', 'r'), ('_path', '/rerank')] {SERVER}"
    assert HttpReranker(SERVER, "r").identity == expected
    assert LexicalVerifier().identity == "LexicalVerifier [] "


def test_without_identity_class_and_name_identify_a_component():
    assert identity_of(ScriptedGenerator([])) == f"ScriptedGenerator {ScriptedGenerator([]).name}"


class Weighed(ScriptedGenerator):
    """A third party's generator that names its weights."""

    description = "scripted, somewhere"

    def __init__(self, identity):
        super().__init__([])
        self.identity = identity


def test_other_weights_of_one_name_have_other_keys(index):
    keys = [answer_keys(["Why?"], index, llm, AskOptions())[0] for llm in (Weighed("a"), Weighed("b"), ScriptedGenerator([]))]
    assert len(set(keys)) == 3
