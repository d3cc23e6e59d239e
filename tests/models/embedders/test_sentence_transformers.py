from __future__ import annotations

import shutil

import pytest
from fresh_process import run_python
from tiny_models import save_tiny_embedder

from rag.errors import ModelError
from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder
from rag.models.pretrained import weights_revision

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    return save_tiny_embedder(tmp_path_factory.mktemp("models") / "tiny")


def test_a_models_own_prompts_become_its_prefixes(tmp_path):
    folder = save_tiny_embedder(tmp_path / "prompted", prompts={"query": "ask ", "passage": "read "}, pooling="cls")
    embedder = SentenceTransformersEmbedder(str(folder), device="cpu")
    plain = SentenceTransformersEmbedder(str(folder), device="cpu", question_prefix="", passage_prefix="")
    assert (embedder.identity.question_prefix, embedder.identity.passage_prefix) == ("ask ", "read ")
    assert embedder.identity.pooling == "cls"
    assert embedder.identity.max_tokens < plain.identity.max_tokens == 126
    assert embedder.embed_question("fox") @ plain.embed_question("ask fox") > 0.9999
    assert embedder.embed_passages(["fox"])[0] @ plain.embed_passages(["read fox"])[0] > 0.9999


def test_a_folder_is_loaded_in_silence_and_without_a_network(tiny_folder):
    code = (
        "import sys; calls = []\n"
        "sys.addaudithook(lambda event, _: calls.append(event) if event in ('socket.connect', 'socket.getaddrinfo') else None)\n"
        "from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder\n"
        "embedder = SentenceTransformersEmbedder(sys.argv[1]); embedder.embed_passages(['a'] * 200)\n"
        "print(calls, embedder.identity.revision)"
    )
    assert run_python(code, tiny_folder) == f"[] {weights_revision(tiny_folder)}\n"


def test_a_hub_model_is_known_by_its_commit(tiny_folder, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--acme--tiny"
    shutil.copytree(tiny_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, encoding="utf-8")
    code = (
        "from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder as E\n"
        "from rag.errors import ModelError\n"
        "identity = E('acme/tiny').identity; print(identity.name, identity.revision)\n"
        "try: E('acme/missing')\n"
        "except ModelError as error: print(error)\n"
    )
    first, second = run_python(code, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1").splitlines()
    assert first == f"acme/tiny {commit}"
    assert "acme/missing could not be loaded" in second
    assert "Check the name and the network" in second


def test_a_path_that_is_no_folder_is_not_looked_up_on_the_hub(tmp_path):
    with pytest.raises(ModelError, match="is not a folder"):
        SentenceTransformersEmbedder(str(tmp_path / "nothing"))


def test_a_closed_embedder_says_so(tiny_folder):
    embedder = SentenceTransformersEmbedder(str(tiny_folder), device="cpu")
    embedder.close()
    with pytest.raises(ModelError, match="is closed"):
        embedder.embed_question("anyone?")
