"""Vectors in FAISS, derived from the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rag.indexes.stamped import read_stamped, write_stamped

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from rag.protocols import Vectors


class VectorStore:
    """Exact inner-product search over chunk vectors, kept in memory; scores are cosines, higher is better."""

    FILE = "vectors.faiss"

    def __init__(self, folder: Path, dimension: int) -> None:
        self.path = folder / self.FILE
        self.dimension = dimension
        self.generation = 0
        self.saved_generation = -1
        self._index: Any = None
        self._load()

    def _load(self) -> None:
        import faiss

        stamped = read_stamped(self.path)
        if stamped is not None:
            generation, payload = stamped
            index = faiss.deserialize_index(np.frombuffer(payload, np.uint8))
            if index.d == self.dimension:
                self._index = index
                self.generation = self.saved_generation = generation
                return
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimension))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def apply(self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], *, generation: int) -> None:
        """Bring the vectors in memory to `generation`; applying the same change twice does no harm."""
        outdated = np.array([*removed, *added], np.int64)
        if len(outdated) and len(self):
            self._index.remove_ids(outdated)
        if len(added):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.array(added, np.int64))
        self.generation = generation

    def save(self) -> None:
        """Write what is in memory, whole, over the file."""
        import faiss

        write_stamped(self.path, faiss.serialize_index(self._index).data, generation=self.generation)
        self.saved_generation = self.generation

    def search(self, question: Vectors, n: int, *, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, cosine), best first, ties by lower chunk; with `among`, of those chunks only."""
        n = min(n, len(self))
        if n == 0 or (among is not None and not len(among)):
            return []
        parameters = None if among is None else _only(among)
        scores, ids = self._index.search(np.ascontiguousarray(question, np.float32)[None], n, params=parameters)
        found = [(int(chunk), float(score)) for chunk, score in zip(ids[0], scores[0], strict=True) if chunk >= 0]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def ids(self) -> set[int]:
        """The chunks whose vectors are here."""
        import faiss

        return set(faiss.vector_to_array(self._index.id_map).tolist())


def _only(chunks: Collection[int]) -> Any:
    from faiss import IDSelectorBatch, SearchParameters

    make: Any = SearchParameters
    return make(sel=IDSelectorBatch(np.fromiter(chunks, np.int64, len(chunks))))
