"""One contract that every embedder keeps, the fake included."""

from __future__ import annotations

from contextlib import closing

import pytest
from json_server import vllm_like
from tiny_models import save_tiny_embedder

from rag.models.embedders.batches import length_sorted
from rag.models.embedders.http import HttpEmbedder
from rag.models.fitting import pieces
from rag.models.pretrained import packaged_minilm
from rag.testing import EmbedderContract
from rag.testing.fakes import HashEmbedder


@pytest.fixture(scope="module")
def server():
    with vllm_like() as server:
        yield server


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    return save_tiny_embedder(tmp_path_factory.mktemp("models") / "tiny")


def build(kind, request):
    if kind == "hash":
        return HashEmbedder()
    if kind == "http":
        return HttpEmbedder(f"{request.getfixturevalue('server').url}/v1", "hash")
    if kind == "minilm":
        from rag.models.embedders.openvino import open_minilm

        return open_minilm()
    from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder

    if kind == "minilm on torch":
        return SentenceTransformersEmbedder(str(packaged_minilm()), name="minilm", device="cpu")
    prefixes = {"question_prefix": "q: ", "passage_prefix": "p: "} if kind == "tiny with prefixes" else {}
    return SentenceTransformersEmbedder(str(request.getfixturevalue("tiny_folder")), device="cpu", **prefixes)


SLOW = ("minilm", "minilm on torch", "tiny", "tiny with prefixes")


@pytest.fixture(scope="module", params=["hash", "http", *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)])
def embedder(request):
    embedder = build(request.param, request)
    yield embedder
    if hasattr(embedder, "close"):
        embedder.close()


class TestContract(EmbedderContract):
    """Over the fixture `embedder`."""


def test_a_server_takes_the_longest_passage(server):
    with closing(HttpEmbedder(f"{server.url}/v1", "hash")) as embedder:
        assert embedder.embed_passages(["b", "a " * embedder.identity.max_tokens]).shape[0] == 2


@pytest.mark.parametrize("kind", ["hash", pytest.param("minilm", marks=pytest.mark.slow)])
def test_texts_about_the_same_thing_are_closer(kind, request):
    embedder = build(kind, request)
    about_carp, about_soup = embedder.embed_passages(["Seven carp live in the pond.", "Soup is served at noon."])
    question = embedder.embed_question("How many carp are in the pond?")
    assert question @ about_carp > question @ about_soup + 0.2


def test_batches_hold_every_position_once_and_keep_to_the_budget():
    lengths = [5, 900, 1, 30, 30, 7, 300, 2]
    batches = list(length_sorted(lengths, budget=320))
    assert sorted(i for batch in batches for i in batch) == list(range(8))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 320 for batch in batches)


@pytest.mark.parametrize("text", ["one two three four five six", "x" * 50, " " * 40, "", "ab", "one " + "y" * 40])
def test_pieces_fit_and_join_to_the_text(text):
    parts = pieces(text, lambda piece: len(piece) <= 12)
    assert "".join(parts) == text
    assert all(len(part) <= 12 for part in parts)


def test_pieces_are_cut_between_words():
    assert pieces("alpha beta gamma delta", lambda piece: len(piece) <= 12) == ["alpha beta ", "gamma delta"]
