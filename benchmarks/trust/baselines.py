"""What three lines of code reach: cosine, shared words, and BM25 with the constants of Anserini (k1 0.9, b 0.4).

`Bm25` and `min_max_sum` rank passages; `shared_words` and `best_cosine` score a claim or a question against texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse

from rag.text.sentences import sentence_spans
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.protocols import Vectors as Matrix

    Embed = Callable[[Sequence[str]], Matrix]

K1, B = 0.9, 0.4


class Bm25:
    """BM25 over stems (Robertson and Zaragoza 2009), with Lucene's idf, in which a word repeated in the question counts as often."""

    def __init__(
        self, texts: Sequence[str], *, k1: float = K1, b: float = B, words: Callable[[str], Sequence[str]] = stems
    ) -> None:
        self._words = words
        counts = [Counter(words(text)) for text in texts]
        self._column = {word: number for number, word in enumerate(dict.fromkeys(word for one in counts for word in one))}
        rows = np.repeat(np.arange(len(texts)), [len(one) for one in counts])
        columns = np.array([self._column[word] for one in counts for word in one], np.int64)
        frequencies = np.array([count for one in counts for count in one.values()], np.float64)
        lengths = np.array([sum(one.values()) for one in counts], np.float64)
        norms = k1 * (1 - b + b * lengths / max(lengths.mean(), 1e-9))
        documents = np.bincount(columns, minlength=len(self._column))
        idf = np.log(1 + (len(texts) - documents + 0.5) / (documents + 0.5))
        weights = idf[columns] * frequencies / (frequencies + norms[rows])
        self._matrix = scipy.sparse.csc_matrix((weights, (rows, columns)), shape=(len(texts), len(self._column)))

    def scores(self, question: str) -> NDArray[np.float64]:
        """The score of every text, shape (n,)."""
        wanted = Counter(self._words(question))
        total = np.zeros(self._matrix.shape[0])
        for word, count in wanted.items():
            if (column := self._column.get(word)) is not None:
                total += count * self._matrix[:, [column]].toarray().ravel()
        return total


def min_max_sum(cosines: NDArray[np.float64], words: NDArray[np.float64], *, dense_weight: float = 0.6) -> NDArray[np.float64]:
    """Both scores stretched to 0..1 over the candidates, and summed."""
    return dense_weight * _stretched(cosines) + (1 - dense_weight) * _stretched(words)


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


def shared_words(claim: str, evidence: Sequence[str]) -> float:
    """The share of the claim's content words that its evidence has, 0 to 1."""
    wanted = set(content_stems(claim) or stems(claim))
    found = {stem for text in evidence for stem in stems(text)}
    return len(wanted & found) / max(1, len(wanted))


def sentences_of(texts: Sequence[str]) -> list[str]:
    return [text[start:end] for text in texts for start, end in sentence_spans(text)] or list(texts)


def best_cosine(claim: str, evidence: Sequence[str], embed: Embed) -> float:
    """The cosine of the claim and the nearest sentence of its evidence."""
    vectors = embed([claim, *sentences_of(evidence)])
    return float((vectors[1:] @ vectors[0]).max()) if len(vectors) > 1 else 0.0
