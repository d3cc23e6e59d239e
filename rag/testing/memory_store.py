"""An index in memory, for tests, and as the shortest example of a store."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from hashlib import blake2b
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.testing.fakes import HashEmbedder
from rag.testing.vector_stores import exact_search
from rag.text.words import stems
from rag.types import Hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rag.protocols import Chunks, Embedder, Scored, Vectors
    from rag.types import Document, EmbedderIdentity, Pages


class MemoryStore:
    """Documents that can be searched and asked, without a disk. Each paragraph is a passage. It fits `rag.protocols.Store`.

    >>> from rag.types import Document
    >>> store = MemoryStore([Document("Seven carp live in the pond.\\n\\nSoup costs 4 crowns.", "guide.md", "Guide")])
    >>> [hit.text for hit in store.first_hits(store.search_words("carp", 5), 5)]
    ['Seven carp live in the pond.']
    """

    def __init__(self, documents: Iterable[Document], *, embedder: Embedder | None = None, path: str = "memory") -> None:
        self.path = Path(path)
        self.embedder = embedder or HashEmbedder()
        self._documents = {document.source: document for document in documents}
        self._passages = [
            (document, found.start(), found.end())
            for document in self._documents.values()
            for found in re.finditer(r"\S[^\n]*(?:\n[^\n]+)*", document.text)
        ]
        self._vectors = self.embedder.embed_passages([document.text[start:end] for document, start, end in self._passages])
        self._stems = [Counter(stems(document.text[start:end])) for document, start, end in self._passages]

    def __len__(self) -> int:
        return len(self._passages)

    # the documents

    @property
    def catalog(self) -> MemoryStore:
        """The store itself: it has the documents too."""
        return self

    @property
    def embedder_identity(self) -> EmbedderIdentity | None:
        """The embedder of all vectors; None while there are none."""
        return self.embedder.identity if self._passages else None

    def document(self, source: str) -> Document | None:
        """The whole document; None if there is none of that source."""
        return self._documents.get(source)

    def locate(self, source: str, start: int, end: int) -> tuple[Pages | None, str]:
        """The pages of a span, and its place in words."""
        document = self._documents[source]
        return document.pages_of(start, end), document.place_of(start, end)

    def content_key(self) -> str:
        """A hash of all documents."""
        return blake2b(repr(sorted(self._documents.items())).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    # the passages

    def preload(self) -> None:
        """Everything is in memory already."""

    def close(self) -> None:
        """Nothing is open."""

    def search_vectors(self, question: Vectors, n: int, *, where: Mapping[str, Any] | None = None) -> Scored:
        """At most `n` (passage, cosine) pairs, best first."""
        chosen = np.array(self._chosen(where), np.int64)
        return exact_search(self._vectors[chosen], chosen, question, n)

    def search_words(self, question: str, n: int, *, where: Mapping[str, Any] | None = None) -> Scored:
        """At most `n` (passage, score) pairs, best first. The score is the number of shared words, rare ones counting more."""
        words = set(stems(question))
        frequencies = self.word_frequencies(list(words))
        weights = {word: log(1 + len(self) / count) for word, count in frequencies.items() if count}
        scored = [
            (passage, sum(weights[word] for word in words & self._stems[passage].keys())) for passage in self._chosen(where)
        ]
        return sorted([pair for pair in scored if pair[1] > 0], key=lambda pair: (-pair[1], pair[0]))[:n]

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """The number of passages that hold each word."""
        return {word: sum(word in counts for counts in self._stems) for word in words}

    def cosines(self, question: Vectors, chunks: Sequence[int]) -> dict[int, float]:
        """The cosine of each passage; unknown ones are left out."""
        present, vectors = self.vectors_present(chunks)
        return dict(zip(present.tolist(), (vectors @ question).tolist(), strict=True))

    def documents_of(self, chunks: Sequence[int]) -> dict[int, int]:
        """A number for the document of each passage."""
        numbers = {source: number for number, source in enumerate(self._documents)}
        return {chunk: numbers[self._passages[chunk][0].source] for chunk in self._present(chunks)}

    def vectors_present(self, chunks: Sequence[int]) -> tuple[Chunks, Vectors]:
        """The passages that are there, in the given order, and their vectors."""
        present = np.array(self._present(chunks), np.int64)
        return present, self._vectors[present]

    def first_hits(self, scored: Sequence[tuple[int, float]], n: int) -> list[Hit]:
        """The first `n` passages of a ranking that are there."""
        scores = dict(scored)
        return [self._hit(chunk, rank, scores[chunk]) for rank, chunk in enumerate(self._present(list(scores))[:n], 1)]

    def _present(self, chunks: Sequence[int]) -> list[int]:
        return [chunk for chunk in chunks if 0 <= chunk < len(self)]

    def _chosen(self, where: Mapping[str, Any] | None) -> list[int]:
        """The passages of the documents whose source, title and metadata match all globs."""
        return [
            passage
            for passage, (document, _, _) in enumerate(self._passages)
            if all(fnmatchcase(_value(document, name), str(glob)) for name, glob in (where or {}).items())
        ]

    def _hit(self, chunk: int, rank: int, score: float) -> Hit:
        document, start, end = self._passages[chunk]
        return Hit(
            rank=rank,
            score=score,
            source=document.source,
            title=document.title,
            pages=document.pages_of(start, end),
            heading=document.heading_at(start),
            start=start,
            end=end,
            text=document.text[start:end],
            chunk=chunk,
            place=document.place_of(start, end),
        )


def _value(document: Document, name: str) -> str:
    own = {"source": document.source, "title": document.title}
    return str(own.get(name, document.metadata.get(name, "")))
