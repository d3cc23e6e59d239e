"""Helpers of all embedders: batches of similar length, unit vectors, and the refusal of texts that would be cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rag.errors import ModelError
from rag.protocols import EmbedsQuestions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.protocols import Embedder, Vectors


def length_sorted(lengths: Sequence[int], *, budget: int) -> Iterator[list[int]]:
    """Positions in `lengths`, longest first, in batches whose rows times their longest row are at most `budget`.

    A batch has at least one row.

    >>> list(length_sorted([3, 9, 4], budget=9))
    [[1], [2, 0]]
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def embedded_questions(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The vectors of questions, embedded together if the embedder can: float32, shape (len(texts), dimension)."""
    if not texts:
        return np.zeros((0, embedder.identity.dimension), np.float32)
    if isinstance(embedder, EmbedsQuestions):
        return embedder.embed_questions(texts)
    return np.stack([embedder.embed_question(text) for text in texts])


def refuse_overlong(counts: Sequence[int], limit: int, *, model: str, first: int = 0) -> None:
    """Raise ModelError for the first passage over `limit` tokens. `first` is the number of the passage at `counts[0]`."""
    for number, count in enumerate(counts, start=first):
        if count > limit:
            raise ModelError(
                f"Passage {number} has {count} tokens, and {model} reads at most {limit}; the rest would be lost. "
                f"Split the text into chunks of {limit} tokens or fewer."
            )


def unit(vectors: Vectors) -> Vectors:
    """Each row divided by its length. A row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def centre(vectors: Vectors) -> Vectors:
    """The mean of unit vectors, with length 1: the vector of a question that was embedded in pieces."""
    return unit(vectors.mean(axis=0, dtype=np.float32)) if len(vectors) > 1 else vectors[0]
