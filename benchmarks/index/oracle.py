"""The true nearest vectors, found by comparing with every one of them in blocks."""

from __future__ import annotations

import faiss
import numpy as np
import numpy.typing as npt

BLOCK = 50_000

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def nearest_rows(questions: Vectors, vectors: Vectors, k: int) -> tuple[Vectors, Rows]:
    """Cosines and row numbers of the `k` nearest of `vectors` to each question, best first; both of shape (questions, k).

    `vectors` may be a memory map: no more than a block of it is looked at at a time.
    """
    best = np.full((len(questions), 0), -np.inf, np.float32)
    rows = np.empty((len(questions), 0), np.int64)
    for first in range(0, len(vectors), BLOCK):
        block = np.ascontiguousarray(vectors[first : first + BLOCK], np.float32)
        cosines, found = faiss.knn(questions, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        best, rows = np.concatenate([best, cosines], axis=1), np.concatenate([rows, found + first], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best, rows = np.take_along_axis(best, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return best, rows
