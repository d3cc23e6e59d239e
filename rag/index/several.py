"""Several indexes, searched as one.

The candidates of all of them are ranked together: cosines of one embedder compare across indexes, and BM25 scores do well
enough (how rare a word is, each index counts for itself). A passage's number says which index it is from: the passages of
the n-th index, counted from 0, are numbered from n · 2⁴⁰.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import EmbedderMismatchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.index.catalog.catalog import Chunks
    from rag.index.catalog.filters import Where
    from rag.protocols import Embedder, Searchable, Vectors
    from rag.types import Document, EmbedderIdentity, Hit, Pages

    Scored = list[tuple[int, float]]

SHIFT = 40


@dataclass(slots=True)
class _Catalogs:
    """The documents behind the hits, each from the index in which it was found first."""

    indexes: Sequence[Searchable]
    owners: dict[str, int] = field(default_factory=dict)

    @property
    def embedder_identity(self) -> EmbedderIdentity | None:
        """That of all the indexes that have one."""
        return next(filter(None, (index.catalog.embedder_identity for index in self.indexes)), None)

    def document(self, source: str) -> Document | None:
        """The whole document as it was indexed."""
        return self._of(source).catalog.document(source)

    def locate(self, source: str, start: int, end: int) -> tuple[Pages | None, str]:
        """The pages that a span of a document lies on, and its place in words."""
        return self._of(source).catalog.locate(source, start, end)

    def content_key(self) -> str:
        """A hash of the content of all the indexes, in their order."""
        return " ".join(index.catalog.content_key() for index in self.indexes)

    def _of(self, source: str) -> Searchable:
        """The index in which a document was found; where none was found yet, the first that has it."""
        if source in self.owners:
            return self.indexes[self.owners[source]]
        having = (index for index in self.indexes if index.catalog.document(source) is not None)
        return next(having, self.indexes[0])


class Indexes:
    """Searches all of `indexes` as one (see `rag.protocols.Searchable`). The caller closes them.

    A document that is in several of them is taken from the one where it is found first. Raises EmbedderMismatchError where
    they were built with different embedders, for then no score of one compares with that of another.
    """

    def __init__(self, indexes: Sequence[Searchable]) -> None:
        if not indexes:
            raise UsageError("No index is named.")
        self._indexes = tuple(indexes)
        self.path = indexes[0].path
        self.catalog = _Catalogs(self._indexes)
        known = [(index, identity) for index in indexes if (identity := index.catalog.embedder_identity)]
        for index, identity in known[1:]:
            if identity != known[0][1]:
                raise EmbedderMismatchError(
                    f"The indexes {known[0][0].path} (embedder {known[0][1].name}) and {index.path} ({identity.name}) cannot be "
                    "searched together, for their scores do not compare. Index the sources of one again with the other's embedder."
                )

    def __len__(self) -> int:
        return sum(map(len, self._indexes))

    @property
    def embedder(self) -> Embedder:
        """The embedder of all of them."""
        return next((index for index in self._indexes if index.catalog.embedder_identity), self._indexes[0]).embedder

    def preload(self) -> None:
        """Read the derived files now, so that the first search does not have to."""
        for index in self._indexes:
            index.preload()

    def search_vectors(self, question: Vectors, n: int, *, where: Where | None = None) -> Scored:
        """At most `n` (passage, cosine) pairs, best first."""
        return self._best(n, lambda index: index.search_vectors(question, n, where=where))

    def search_words(self, question: str, n: int, *, where: Where | None = None) -> Scored:
        """At most `n` (passage, BM25 score) pairs, best first."""
        return self._best(n, lambda index: index.search_words(question, n, where=where))

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """The number of passages in all indexes that contain each word."""
        counted = [index.word_frequencies(words) for index in self._indexes]
        return {word: sum(counts[word] for counts in counted) for word in words}

    def cosines(self, question: Vectors, chunks: Sequence[int]) -> dict[int, float]:
        """The exact cosine of each passage that is still there."""
        present, vectors = self.vectors_present(chunks)
        return dict(zip(present.tolist(), (vectors @ question).tolist(), strict=True)) if len(present) else {}

    def documents_of(self, chunks: Sequence[int]) -> dict[int, int]:
        """A number of the document of each passage that is still there."""
        found: dict[int, int] = {}
        for position, index in enumerate(self._indexes):
            first = position << SHIFT
            own = index.documents_of([chunk - first for chunk in chunks if chunk >> SHIFT == position])
            found |= {chunk + first: document + first for chunk, document in own.items()}
        return found

    def vectors_present(self, chunks: Sequence[int]) -> tuple[Chunks, Vectors]:
        """The passages among `chunks` that are still there, in the order given, and their vectors, a row each."""
        found: dict[int, Vectors] = {}
        for position, index in enumerate(self._indexes):
            own = [chunk - (position << SHIFT) for chunk in chunks if chunk >> SHIFT == position]
            present, vectors = index.vectors_present(own)
            found |= zip((present + (position << SHIFT)).tolist(), vectors, strict=True)
        kept = [chunk for chunk in chunks if chunk in found]
        rows = np.array([found[chunk] for chunk in kept], np.float32)
        return np.array(kept, np.int64), rows.reshape(len(kept), -1) if kept else np.empty((0, 0), np.float32)

    def first_hits(self, scored: Sequence[tuple[int, float]], n: int) -> list[Hit]:
        """The first `n` passages of a ranking that are still there."""
        hits: list[Hit] = []
        for start in range(0, len(scored), max(n, 1)):
            hits += self._hits(scored[start : start + n])
            if len(hits) >= n:
                break
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[:n], 1)]

    def _hits(self, scored: Sequence[tuple[int, float]]) -> list[Hit]:
        found: dict[int, Hit] = {}
        for position, index in enumerate(self._indexes):
            first = position << SHIFT
            own = [(chunk - first, score) for chunk, score in scored if chunk >> SHIFT == position]
            for hit in index.first_hits(own, len(own)) if own else []:
                found[hit.chunk + first] = replace(hit, chunk=hit.chunk + first)
        ranked = [found[chunk] for chunk, _ in scored if chunk in found]
        for hit in ranked:
            self.catalog.owners.setdefault(hit.source, hit.chunk >> SHIFT)
        return [hit for hit in ranked if self.catalog.owners[hit.source] == hit.chunk >> SHIFT]

    def _best(self, n: int, search: Callable[[Searchable], Scored]) -> Scored:
        """Raises UsageError where no index can be searched so; a name in the metadata may be known to some only."""
        found: Scored = []
        refusals: list[UsageError] = []
        for position, index in enumerate(self._indexes):
            try:
                found += [(chunk + (position << SHIFT), score) for chunk, score in search(index)]
            except UsageError as error:
                refusals.append(error)
        if len(refusals) == len(self._indexes):
            raise refusals[0]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:n]
