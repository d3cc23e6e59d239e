"""One contract that every embedder keeps, the fake included."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import HashEmbedder
from json_server import vllm_like
from tiny_models import save_tiny_embedder

from rag.errors import ModelError
from rag.models.embedders.batches import length_sorted
from rag.models.embedders.http import HttpEmbedder
from rag.models.fitting import pieces
from rag.models.pretrained import packaged_minilm
from rag.protocols import Embedder

TEXTS = [
    "The tower is 34 metres tall.",
    "Soup costs four crowns, and the kitchen opens at noon on every day of the week but Monday.",
    "carp",
    "",
    "Rosen blühen im Garten; 鯉は池に住んでいる。",
]


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


def test_it_has_the_shape_of_an_embedder_and_an_identity_that_stays(embedder):
    assert isinstance(embedder, Embedder)
    before = embedder.identity
    embedder.embed_question("Does this change anything?")
    assert embedder.identity == before
    assert before.dimension > 0
    assert before.max_tokens > 0


def test_every_row_has_length_1_and_the_identitys_dimension(embedder):
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.identity.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_question_is_one_row_of_length_1(embedder):
    vector = embedder.embed_question(TEXTS[0])
    assert vector.shape == (embedder.identity.dimension,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_no_texts_make_an_empty_array_of_the_right_width(embedder):
    assert embedder.embed_passages([]).shape == (0, embedder.identity.dimension)
    assert embedder.count_tokens([]) == []


def test_a_passages_vector_does_not_depend_on_its_company(embedder):
    fill = max(1, embedder.identity.max_tokens - 2)
    crowd = ["a " * fill, *TEXTS, *(["b"] * 40), "c d " * (fill // 2)]
    together = embedder.embed_passages(crowd)[1 : 1 + len(TEXTS)]
    alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.9999


def test_rows_come_in_the_order_of_the_texts(embedder):
    forward = embedder.embed_passages(TEXTS)
    backward = embedder.embed_passages(TEXTS[::-1])[::-1]
    assert (forward * backward).sum(axis=1).min() > 0.9999


def test_equal_texts_have_equal_vectors(embedder):
    vectors = embedder.embed_passages(["twice", "in between", "twice"])
    assert vectors[0] @ vectors[2] == pytest.approx(1, abs=1e-5)


def test_question_and_passage_of_the_same_words_agree_unless_prefixes_part_them(embedder):
    cosine = embedder.embed_question(TEXTS[0]) @ embedder.embed_passages(TEXTS[:1])[0]
    same = embedder.identity.question_prefix == embedder.identity.passage_prefix
    assert (cosine > 0.9999) == same


def test_the_longest_passage_is_taken_and_one_token_more_is_refused_by_its_number(embedder):
    limit = embedder.identity.max_tokens
    longest, longer = "a " * limit, "a " * (limit + 1)
    if isinstance(embedder, HttpEmbedder) or embedder.count_tokens([longest]) == [limit]:
        assert embedder.embed_passages(["b", longest]).shape[0] == 2
    with pytest.raises(ModelError, match=rf"Passage 2 has {limit + 1} tokens.* {limit}"):
        embedder.embed_passages(["b", longest, longer])


def test_tokens_are_counted_without_cutting(embedder):
    one, many = embedder.count_tokens(["word", "word " * 900])
    assert many == 900 * one


def test_a_question_of_any_length_is_embedded_whole(embedder):
    limit = embedder.identity.max_tokens
    head = "apple pie and " * limit
    apples, zebras = (
        embedder.embed_question(head + "apple tree " * limit),
        embedder.embed_question(head + "zebra 4711 " * limit),
    )
    assert np.linalg.norm(zebras) == pytest.approx(1, abs=1e-5)
    assert zebras @ apples < 0.999  # they differ only after the limit


@pytest.mark.parametrize(
    "text",
    ["図書館は午前九時に開きます", "🚢⚓👍🏽", "وصلت السفينة", "e\u0301\u200d\u202eabc", "\x00\x07", "\n\t ", "a\ud800b"],
)
def test_any_string_has_a_vector(embedder, text):
    vectors = np.stack([*embedder.embed_passages([text, "plain"]), embedder.embed_question(text)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_progress_adds_up_to_the_number_of_texts(embedder):
    steps = []
    embedder.embed_passages([f"text {n}" for n in range(150)], on_progress=steps.append)
    assert sum(steps) == 150
    assert min(steps) > 0


def test_an_interrupted_call_leaves_the_embedder_usable(embedder):
    def interrupt(count):
        raise KeyboardInterrupt

    expected = embedder.embed_passages(["after"])
    with pytest.raises(KeyboardInterrupt):
        embedder.embed_passages([f"text {n}" for n in range(3000)], on_progress=interrupt)
    np.testing.assert_allclose(embedder.embed_passages(["after"]), expected, atol=1e-5)


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
