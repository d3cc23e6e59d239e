"""Models are identified by their origin: a move changes nothing, the same name alone proves nothing."""

from __future__ import annotations

import pytest
from llm_server import LlmServer, Refused
from summary_models import SummaryModel, facts, first_sentences

import rag
from rag.models.generators.http import HttpGenerator
from rag.models.generators.llama_cpp import LlamaCppGenerator
from rag.models.generators.vllm import VllmGenerator
from rag.models.identity import identity_of
from rag.types import Document

pytestmark = pytest.mark.filterwarnings("ignore:.*does not tell")


def identity_on_a_server(**entry):
    with LlmServer() as server:
        server.models = [{"id": "m", **entry}]
        with HttpGenerator(f"{server.url}/v1") as llm:
            return identity_of(llm), f"{server.url}/v1"


def test_a_described_model_is_the_same_at_every_port():
    first, _ = identity_on_a_server(owned_by="vllm", root="org/model-8b", created=1)
    assert first == identity_on_a_server(owned_by="vllm", root="org/model-8b", created=2, max_model_len=9)[0]
    assert first != identity_on_a_server(owned_by="vllm", root="org/model-70b")[0]
    sizes = {"n_params": 7, "n_vocab": 9, "n_ctx": 5}
    assert (
        identity_on_a_server(meta=sizes)[0]
        == identity_on_a_server(meta={**sizes, "n_ctx": 6})[0]
        != identity_on_a_server(meta={**sizes, "n_params": 8})[0]
    )


def test_a_name_alone_is_completed_by_the_servers_address():
    identity, address = identity_on_a_server(owned_by="somebody")
    assert identity == f"m {address}"


def test_a_server_without_models_is_known_by_its_address():
    with LlmServer() as server:
        server.routes["/v1/models"] = lambda _: Refused(404, {"detail": "Not Found"})
        with HttpGenerator(f"{server.url}/v1", "m") as llm:
            assert identity_of(llm) == f"m {server.url}/v1"


@pytest.mark.usefixtures("engines_are_installed")
def test_a_file_is_known_by_its_content_wherever_it_lies(tmp_path):
    for folder, content in (("a", b"GGUF one"), ("b", b"GGUF one"), ("c", b"GGUF two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.gguf").write_bytes(content)
    one, same, other = (LlamaCppGenerator(tmp_path / folder / "model.gguf").identity for folder in "abc")
    assert one == same != other


def in_the_process(model, **options):
    return VllmGenerator(str(model), **options).identity


@pytest.mark.usefixtures("engines_are_installed")
def test_an_engine_is_known_by_its_weights_and_their_options(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    plain = in_the_process(tmp_path)
    assert plain == in_the_process(tmp_path, parallel=8, gpu_memory=0.5)
    assert plain != in_the_process(tmp_path, engine={"quantization": "fp8"})
    (tmp_path / "config.json").write_text("{ }")
    assert plain != in_the_process(tmp_path)
    assert in_the_process("org/model") != in_the_process("org/other")


def test_calls_are_kept_for_a_model_not_for_a_name_or_port(tmp_path):
    def calls_made(root):
        with LlmServer([facts(2)], window=1024) as server:
            server.models = [{"id": "served", "owned_by": "vllm", "root": root}]
            with HttpGenerator(f"{server.url}/v1") as llm:
                rag.summarize(Document(facts(200), "d.txt", "D"), llm=llm, calls=tmp_path / "calls.sqlite")
            return len(server.chats())

    first = calls_made("org/one")
    assert first > 2
    assert calls_made("org/one") == 0
    assert calls_made("org/two") == first


def test_a_model_without_a_place_is_known_by_its_name():
    assert identity_of(SummaryModel(first_sentences)) == "SummaryModel summary-model"
