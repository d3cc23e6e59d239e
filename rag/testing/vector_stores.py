"""The contract of a vector store, held against a comparison with every vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from rag.protocols import Chunks, Scored, Vectors, VectorStore

DIMENSION = 16


def exact_search(vectors: Vectors, ids: Chunks, question: Vectors, n: int) -> Scored:
    """The `n` ids with the largest inner product with `question`, best first, ties by lower id.

    `vectors` has shape (len(ids), dimension). Gives fewer than `n` where there are fewer.
    """
    scores = vectors @ question
    order = np.lexsort((ids, -scores))[:n]
    return [(int(ids[i]), float(scores[i])) for i in order]


class VectorStoreContract:
    """Subclass it, name the class Test…, and give it a fixture `store`: an empty store of vectors of 16 numbers."""

    ids = np.arange(1, 201)

    def vectors(self) -> Vectors:
        """200 vectors of length 1."""
        rows = np.random.default_rng(7).standard_normal((len(self.ids), DIMENSION)).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def filled(self, store: VectorStore) -> VectorStore:
        """The store with all of them, at generation 1."""
        return store.caught_up(self.ids.tolist(), self.vectors(), [], generation=1)

    def test_an_empty_store_finds_nothing(self, store: VectorStore) -> None:
        assert (len(store), store.ids(), store.search(self.vectors()[0], 5)) == (0, set(), [])

    @pytest.mark.parametrize("n", [1, 10, 200, 1000])
    @pytest.mark.parametrize("length", [0.01, 1.0, 100.0])
    def test_search_equals_a_comparison_with_every_vector(self, store: VectorStore, n: int, length: float) -> None:
        full, question = self.filled(store), self.vectors()[3] * np.float32(length)
        found, expected = full.search(question, n), exact_search(self.vectors(), self.ids, question, n)
        assert [chunk for chunk, _ in found] == [chunk for chunk, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-4, abs=1e-4 * length)

    def test_a_search_among_some_finds_only_those(self, store: VectorStore) -> None:
        among = self.ids[::7]
        found = self.filled(store).search(self.vectors()[3], 1000, among=among)
        assert {chunk for chunk, _ in found} == set(among.tolist())

    def test_a_change_makes_another_store_and_leaves_the_first(self, store: VectorStore) -> None:
        full = self.filled(store)
        less = full.caught_up([], np.zeros((0, DIMENSION), np.float32), [4, 5], generation=2)
        assert (len(full), full.generation) == (200, 1)
        assert (len(less), less.generation) == (198, 2)
        assert less.ids() == set(self.ids.tolist()) - {4, 5}
        assert not {4, 5} & {chunk for chunk, _ in less.search(self.vectors()[3], 1000)}

    def test_what_is_known_already_changes_nothing(self, store: VectorStore) -> None:
        full = self.filled(store)
        again = full.caught_up(self.ids.tolist(), self.vectors(), [999], generation=2)
        assert again.ids() == full.ids()
        assert again.search(self.vectors()[9], 20) == full.search(self.vectors()[9], 20)
