"""How vectors are laid out for search, chosen by their number: as they are, quantised, or quantised in inverted lists.

- **flat** (small): float32, compared one by one.
- **quantised**: a byte a number (FAISS's scalar quantiser), compared one by one.
- **lists** (large): quantised, and grouped by the nearest of some thousand centroids (Sivic and Zisserman, "Video Google", ICCV
  2003; as in FAISS's IndexIVF): a question looks into the lists whose centroids are nearest to it.

What quantised codes find is ranked again by the exact vectors. A layout is trained on a sample of the corpus, when the corpus
outgrows the one before, and not for small changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rag.protocols import Vectors

    Codes = npt.NDArray[np.uint8]

Kind = Literal["flat", "quantised", "lists"]

QUANTISED_FROM = 16_384
LISTS_FROM = 65_536
OUTGROWN = 2.5
"""Growth factor after which lists are trained again, so that the cost is spread over the growth."""
SHRUNK = 0.25
"""A layout is kept until the vectors are fewer than this share of the number that it begins at."""

SAMPLE_A_LIST = 32
QUANTISER_SAMPLE = 50_000
TRAINING_ROUNDS = 8
SEED = 7


@dataclass(frozen=True, slots=True)
class Layout:
    """`centroids` has shape (lists, dimension), float32, length 1; it is empty, and there is one list, unless `kind` is "lists".

    `ranges` has shape (2, dimension): the lowest value and the width of each dimension that a byte covers; empty for "flat".
    """

    kind: Kind
    dimension: int
    trained_on: int
    ranges: Vectors
    centroids: Vectors

    @property
    def lists(self) -> int:
        """How many inverted lists there are, at least 1."""
        return max(1, len(self.centroids))

    @property
    def code_bytes(self) -> int:
        """Bytes that a vector takes."""
        return 4 * self.dimension if self.kind == "flat" else self.dimension

    @property
    def probes(self) -> int:
        """How many lists a question looks into, so that 98 of 100 true neighbours lie in them, at a hundred thousand passages (where
        the lists are fewer and as full) as at a million. Measured where questions are, with the packaged embedder.
        """
        return min(self.lists, 150 + self.lists // 112)

    def encode(self, vectors: Vectors) -> Codes:
        """uint8, shape (n, code_bytes)."""
        vectors = np.ascontiguousarray(vectors, np.float32)
        if self.kind == "flat":
            return vectors.view(np.uint8)
        return np.asarray(_quantiser(self).sa_encode(vectors), np.uint8)

    def decode(self, codes: Codes) -> Vectors:
        """float32, shape (n, dimension): what a search of the codes compares with."""
        if self.kind == "flat":
            return np.ascontiguousarray(codes).view(np.float32)
        return np.asarray(_quantiser(self).sa_decode(np.ascontiguousarray(codes)), np.float32)

    def list_of(self, vectors: Vectors) -> npt.NDArray[np.int64]:
        """The list that each vector belongs to, shape (n,)."""
        if self.kind != "lists":
            return np.zeros(len(vectors), np.int64)
        import faiss

        _, nearest = faiss.knn(np.ascontiguousarray(vectors, np.float32), self.centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)
        return np.asarray(nearest[:, 0], np.int64)

    def nearest_lists(self, question: Vectors) -> npt.NDArray[np.int64]:
        """The lists to look into, best first."""
        if self.lists == 1:
            return np.zeros(1, np.int64)
        import faiss

        asked = np.ascontiguousarray(question, np.float32)[None]
        _, nearest = faiss.knn(asked, self.centroids, self.probes, metric=faiss.METRIC_INNER_PRODUCT)
        return np.asarray(nearest[0], np.int64)

    def search_index(self) -> Any:
        """An empty FAISS index of this layout, whose inverted lists are still to be given."""
        import faiss

        assert self.kind != "flat"
        coarse = faiss.IndexFlatIP(self.dimension)
        coarse.add(self.centroids if self.kind == "lists" else np.zeros((1, self.dimension), np.float32))
        index = faiss.IndexIVFScalarQuantizer(
            coarse, self.dimension, self.lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False
        )
        faiss.copy_array_to_vector(self.ranges.ravel(), index.sq.trained)
        index.is_trained = True
        return index


def wanted_kind(vectors: int, current: Kind) -> Kind:
    """The layout for `count` vectors. A small change around a limit does not switch it back and forth."""
    for kind, begins in (("lists", LISTS_FROM), ("quantised", QUANTISED_FROM)):
        if vectors >= begins or (current == kind and vectors >= SHRUNK * begins):
            return kind  # type: ignore[return-value]
    return "flat"


def fits(layout: Layout, vectors: int) -> bool:
    """Whether the layout still suits this number of vectors."""
    if layout.kind != wanted_kind(vectors, layout.kind):
        return False
    return layout.kind != "lists" or SHRUNK * layout.trained_on / OUTGROWN <= vectors <= OUTGROWN * layout.trained_on


def flat(dimension: int) -> Layout:
    """The layout of few vectors, which needs no training."""
    return Layout("flat", dimension, 0, np.zeros((0, dimension), np.float32), np.zeros((0, dimension), np.float32))


def number_of_lists(vectors: int) -> int:
    """About 4 √n, as FAISS's guidelines have it, as a power of two."""
    return int(2 ** max(6, round(np.log2(4 * vectors**0.5))))


def sample_size(kind: Kind, vectors: int) -> int:
    """How many vectors training looks at."""
    if kind == "flat":
        return 0
    return min(vectors, max(QUANTISER_SAMPLE, SAMPLE_A_LIST * number_of_lists(vectors) if kind == "lists" else 0))


def train(kind: Kind, sample: Vectors, *, vectors: int) -> Layout:
    """A layout for a corpus of `vectors` vectors, of which `sample` (float32, shape (n, dimension)) is a random part."""
    dimension = sample.shape[1]
    if kind == "flat":
        return flat(dimension)
    import faiss

    sample = np.ascontiguousarray(sample, np.float32)
    quantiser = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    quantiser.train(sample[:QUANTISER_SAMPLE])
    ranges = faiss.vector_to_array(quantiser.sq.trained).reshape(2, dimension)
    layout = replace(flat(dimension), kind=kind, trained_on=vectors, ranges=ranges)
    if kind == "quantised":
        return layout
    lists = min(number_of_lists(vectors), max(1, len(sample) // 8))
    means = faiss.Kmeans(
        dimension,
        lists,
        niter=TRAINING_ROUNDS,
        spherical=True,
        seed=SEED,
        max_points_per_centroid=SAMPLE_A_LIST,
        min_points_per_centroid=1,
    )
    means.train(sample)
    return replace(layout, centroids=np.ascontiguousarray(means.centroids, np.float32))


def _quantiser(layout: Layout) -> Any:
    import faiss

    quantiser = faiss.IndexScalarQuantizer(layout.dimension, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    faiss.copy_array_to_vector(layout.ranges.ravel(), quantiser.sq.trained)
    quantiser.is_trained = True
    return quantiser
