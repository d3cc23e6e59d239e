"""Search by comparing with every vector: right by construction, and what the other stores are tested against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def exact_search(
    vectors: npt.NDArray[np.float32], ids: npt.NDArray[np.int64], question: npt.NDArray[np.float32], n: int
) -> list[tuple[int, float]]:
    """The `n` ids with the largest inner product with `question`, best first, ties by lower id.

    `vectors` has shape (len(ids), dimension). Returns fewer than `n` where there are fewer.
    """
    scores = vectors @ question
    order = np.lexsort((ids, -scores))[:n]
    return [(int(ids[i]), float(scores[i])) for i in order]
