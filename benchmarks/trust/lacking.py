"""An index without some of its documents, as if they had never been in it, and an embedder that keeps what it has embedded.

with rag.open_index(folder, embedder=KeptEmbedder(embedder, vectors)) as index:
    retrieve_distinct(question, Lacking(index, {"clapnq_dev:12"}), AskOptions())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import rag
    from benchmarks.trust.vectors import Vectors
    from rag.protocols import Embedder, Scored
    from rag.protocols import Vectors as Matrix

MORE = 200
"""Passages that are searched beyond those asked for, at most so many of which may be missing."""


class Lacking:
    """A `Searchable` whose searches find nothing of some sources. Word frequencies still count their passages."""

    def __init__(self, index: rag.Index, sources: Iterable[str]) -> None:
        self._index, self._sources = index, frozenset(sources)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def __len__(self) -> int:
        return len(self._index)

    def search_vectors(self, question: Matrix, n: int, *, where: Any = None) -> Scored:
        return self._without(lambda depth: self._index.search_vectors(question, depth, where=where), n)

    def search_words(self, question: str, n: int, *, where: Any = None) -> Scored:
        return self._without(lambda depth: self._index.search_words(question, depth, where=where), n)

    def _without(self, search: Callable[[int], Scored], n: int) -> Scored:
        if not self._sources:
            return search(n)
        depth = n + MORE
        while True:
            found = search(depth)
            gone = {hit.chunk for hit in self._index.first_hits(found, len(found)) if hit.source in self._sources}
            kept = [pair for pair in found if pair[0] not in gone]
            if len(kept) >= n or len(found) < depth:
                return kept[:n]
            depth *= 4


class KeptEmbedder:
    """An embedder whose vectors of questions and sentences are kept on disk."""

    def __init__(self, embedder: Embedder, vectors: Vectors) -> None:
        self._embedder, self._vectors = embedder, vectors
        self.identity = embedder.identity
        self.count_tokens = embedder.count_tokens
        self.embed_passages = embedder.embed_passages

    def embed_question(self, text: str) -> Matrix:
        return self._vectors([text])[0]

    def embed_questions(self, texts: Sequence[str]) -> Matrix:
        return self._vectors(list(texts))
