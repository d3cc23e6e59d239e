from __future__ import annotations

import pytest

from rag.errors import ModelError
from rag.pretrained import weights_revision


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_another_weight_configuration_or_tokenizer_is_another_revision(weights, name):
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
