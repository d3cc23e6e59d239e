from __future__ import annotations

import subprocess
import sys

import pytest

from rag.errors import ModelError
from rag.models.pretrained import weights_revision


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_weights_configuration_and_tokenizer_make_the_revision(weights, name):
    before = weights_revision(weights)
    (weights / name).write_bytes(b"changed, and longer")
    assert weights_revision(weights) != before


def test_a_moved_model_with_another_readme_is_the_same_revision(weights, tmp_path):
    before = weights_revision(weights)
    (weights / "README.md").write_text("new", encoding="utf-8")
    assert weights_revision(weights.rename(tmp_path / "moved")) == before
    assert before.startswith("sha256:")


def test_a_revision_is_found_where_nothing_can_be_cached(weights, monkeypatch):
    before = weights_revision(weights)
    monkeypatch.setenv("RAG_CACHE", str(weights / "config.json" / "below a file"))
    assert weights_revision(weights) == before


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(ModelError, match="holds no weights"):
        weights_revision(tmp_path)


def test_a_missing_model_folder_is_told_before_heavy_imports():
    code = """
import sys
from rag import specs
from rag.errors import ModelError
gone = "/nowhere/model"
for opened, spec in (specs.open_verifier, "nli:" + gone), (specs.open_reranker, gone), (specs.open_embedder, gone):
    try:
        opened(spec)
    except ModelError as error:
        print(error, sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "/nowhere/model is not a folder. Name the folder that holds the model's config.json. []\n" * 3
