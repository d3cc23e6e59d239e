"""Passages drawn around real ones, so that an index can be larger than what there was time to embed.

A drawn passage lies between two real ones that are near to each other:

- its vector is a mix of theirs, brought back to length 1 by noise that varies as neighbours do. So its cosine to a question
  lies between those of the two, and the vectors keep the shape that real ones have;
- its text is sentences of both, shuffled, with a share of the words replaced by others in proportion to how often the corpus
  uses them; some of the replacements are new words, for a larger corpus has more of those.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

import faiss
import numpy as np
import numpy.typing as npt

from benchmarks.index.oracle import Rows, Vectors, nearest_rows

NEIGHBOURS = 16
"""A passage is mixed with one of so many nearest ones."""

SUBJECT = 60
"""The passages of one drawn document are made around a cluster of about so many real ones."""

LEAST, MOST = 0.5, 0.7
"""The share of the first of the two passages, in the vector."""

REPLACED = 0.15
NEW = 0.1
"""The share of words replaced, and of new ones among the replacements."""

SENTENCE = re.compile(r"(?<=[.!?])\s+")


class VectorSource:
    """Draws vectors around `real` ones (length 1)."""

    def __init__(self, real: Vectors, rng: np.random.Generator, seed: int) -> None:
        self.real = real
        self._rng = rng
        self.near: Rows = nearest_rows(real, real, NEIGHBOURS + 1)[1][:, 1:]
        self._subjects = subjects_of(real, seed)
        partners = self.near[np.arange(len(real)), rng.integers(self.near.shape[1], size=len(real))]
        spread = np.cov((real - real[partners]).T) + 1e-6 * np.eye(real.shape[1])
        self._spread = np.linalg.cholesky(spread).astype(np.float32)

    def pairs(self, documents: int, passages: int) -> tuple[Rows, Rows]:
        """Rows of real passages to draw between, shape (documents, passages) each: one subject a document.

        Every real passage is as likely as any other to be the first of a pair.
        """
        order = np.argsort(self._subjects, kind="stable")
        starts = np.searchsorted(self._subjects[order], np.arange(self._subjects.max() + 2))
        subject = self._subjects[self._rng.integers(len(self.real), size=(documents, 1))]
        place = self._rng.random((documents, passages)) * (starts[subject + 1] - starts[subject])
        first = order[starts[subject] + place.astype(np.int64)]
        return first, self.near[first, self._rng.integers(self.near.shape[1], size=first.shape)]

    def between(self, first: Rows, second: Rows) -> Vectors:
        """A vector of length 1 for each pair of rows, shape (pairs, dimension)."""
        share = self._rng.uniform(LEAST, MOST, size=(len(first), 1)).astype(np.float32)
        mixed = share * self.real[first] + (1 - share) * self.real[second]
        noise = self._rng.standard_normal(mixed.shape, np.float32) @ self._spread.T
        noise -= (noise * mixed).sum(1, keepdims=True) / (mixed**2).sum(1, keepdims=True) * mixed
        lost = np.sqrt(np.maximum(1 - (mixed**2).sum(1, keepdims=True), 0))
        drawn = mixed + lost * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        return normalised(drawn)


def subjects_of(vectors: Vectors, seed: int) -> Rows:
    """The number of each vector's subject: one of many small clusters."""
    clusters = max(len(vectors) // SUBJECT, 1)
    kmeans = faiss.Kmeans(vectors.shape[1], clusters, niter=8, seed=seed, spherical=True, min_points_per_centroid=1)
    kmeans.train(vectors)
    rows: Rows = kmeans.index.search(vectors, 1)[1][:, 0]
    return rows


def normalised(vectors: Vectors) -> Vectors:
    rows: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return rows


class TextSource:
    """Draws texts around real ones."""

    def __init__(self, real: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)
        self._sentences = [[sentence.split() for sentence in SENTENCE.split(text)] for text in real]
        counts = Counter(word for sentences in self._sentences for words in sentences for word in words)
        self._words, self._frequencies = list(counts), list(accumulate(counts.values()))
        self._pool: Iterator[str] = iter(())

    def between(self, first: int, second: int) -> str:
        """About as many words as the first has, from sentences of both."""
        sentences = self._sentences[first] + self._sentences[second]
        self._random.shuffle(sentences)
        wanted, words = sum(map(len, self._sentences[first])), []
        for sentence in sentences:
            words += sentence
            if len(words) >= wanted:
                break
        chance = self._random.random
        return " ".join(self._another() if chance() < REPLACED else word for word in words[:wanted])

    def _another(self) -> str:
        word = next(self._pool, None)
        if word is None:
            self._pool = iter(self._random.choices(self._words, cum_weights=self._frequencies, k=100_000))
            word = next(self._pool)
        if self._random.random() < NEW:
            other = next(self._pool, word)
            return word[: (len(word) + 1) // 2] + other[len(other) // 2 :]
        return word


def cosines_of_strangers(vectors: Vectors, rng: np.random.Generator, pairs: int = 20_000) -> npt.NDArray[np.float32]:
    """Cosines of pairs of rows that have nothing to do with each other."""
    left, right = rng.integers(len(vectors), size=(2, pairs))
    apart = left != right
    cosines: npt.NDArray[np.float32] = (vectors[left[apart]] * vectors[right[apart]]).sum(1)
    return cosines
