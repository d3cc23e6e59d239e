"""The contract of an embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.errors import ModelError
from rag.protocols import Embedder

if TYPE_CHECKING:
    pass

TEXTS = [
    "The tower is 34 metres tall.",
    "Soup costs four crowns, and the kitchen opens at noon on every day of the week but Monday.",
    "carp",
    "",
    "Rosen blühen im Garten; 鯉は池に住んでいる。",
]


class EmbedderContract:
    """Subclass it, name the class Test…, and give it a fixture `embedder`."""

    def test_it_has_the_shape_of_an_embedder_and_an_identity_that_stays(self, embedder: Embedder) -> None:
        assert isinstance(embedder, Embedder)
        before = embedder.identity
        embedder.embed_question("Does this change anything?")
        assert embedder.identity == before
        assert before.dimension > 0
        assert before.max_tokens > 0

    def test_every_row_has_length_1_and_the_identitys_dimension(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.identity.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_question_is_one_row_of_length_1(self, embedder: Embedder) -> None:
        vector = embedder.embed_question(TEXTS[0])
        assert vector.shape == (embedder.identity.dimension,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)

    def test_no_texts_make_an_empty_array_of_the_right_width(self, embedder: Embedder) -> None:
        assert embedder.embed_passages([]).shape == (0, embedder.identity.dimension)
        assert embedder.count_tokens([]) == []

    def test_a_passages_vector_does_not_depend_on_its_company(self, embedder: Embedder) -> None:
        fill = max(1, embedder.identity.max_tokens - 2)
        crowd = ["a " * fill, *TEXTS, *(["b"] * 40), "c d " * (fill // 2)]
        together = embedder.embed_passages(crowd)[1 : 1 + len(TEXTS)]
        alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
        assert (together * alone).sum(axis=1).min() > 0.9999

    def test_rows_come_in_the_order_of_the_texts(self, embedder: Embedder) -> None:
        forward = embedder.embed_passages(TEXTS)
        backward = embedder.embed_passages(TEXTS[::-1])[::-1]
        assert (forward * backward).sum(axis=1).min() > 0.9999

    def test_equal_texts_have_equal_vectors(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages(["twice", "in between", "twice"])
        assert vectors[0] @ vectors[2] == pytest.approx(1, abs=1e-5)

    def test_question_and_passage_of_the_same_words_agree_unless_prefixes_part_them(self, embedder: Embedder) -> None:
        cosine = embedder.embed_question(TEXTS[0]) @ embedder.embed_passages(TEXTS[:1])[0]
        same = embedder.identity.question_prefix == embedder.identity.passage_prefix
        assert (cosine > 0.9999) == same

    def test_the_longest_passage_is_taken_and_one_token_more_is_refused_by_its_number(self, embedder: Embedder) -> None:
        limit = embedder.identity.max_tokens
        longest, longer = "a " * limit, "a " * (limit + 1)
        if embedder.count_tokens([longest]) == [limit]:
            assert embedder.embed_passages(["b", longest]).shape[0] == 2
        with pytest.raises(ModelError, match=rf"Passage 2 has {limit + 1} tokens.* {limit}"):
            embedder.embed_passages(["b", longest, longer])

    def test_tokens_are_counted_without_cutting(self, embedder: Embedder) -> None:
        one, many = embedder.count_tokens(["word", "word " * 900])
        assert many == 900 * one

    def test_a_question_of_any_length_is_embedded_whole(self, embedder: Embedder) -> None:
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
    def test_any_string_has_a_vector(self, embedder: Embedder, text: str) -> None:
        vectors = np.stack([*embedder.embed_passages([text, "plain"]), embedder.embed_question(text)])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_progress_adds_up_to_the_number_of_texts(self, embedder: Embedder) -> None:
        steps: list[int] = []
        embedder.embed_passages([f"text {n}" for n in range(150)], on_progress=steps.append)
        assert sum(steps) == 150
        assert min(steps) > 0

    def test_an_interrupted_call_leaves_the_embedder_usable(self, embedder: Embedder) -> None:
        def interrupt(count: int) -> None:
            raise KeyboardInterrupt

        expected = embedder.embed_passages(["after"])
        with pytest.raises(KeyboardInterrupt):
            embedder.embed_passages([f"text {n}" for n in range(3000)], on_progress=interrupt)
        np.testing.assert_allclose(embedder.embed_passages(["after"]), expected, atol=1e-5)
