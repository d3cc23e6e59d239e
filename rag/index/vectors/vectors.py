"""Vectors for search, derived from the catalog: segments on disk, later changes in memory.

The stamp names the layout, the segments and the chunks in them that are gone ("dead"), and the generation of the catalog that
they represent. A change writes a small new segment. Segments of similar size are merged now and then, so each vector is
rewritten only a few times (a log-structured merge; O'Neil and others, Acta Informatica 1996).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rag.errors import IndexFormatError
from rag.index.checksums import Checksum, are_intact
from rag.index.stamped import read_stamped
from rag.index.vectors.layout import Layout, flat
from rag.index.vectors.segments import Allowed, Segment, SegmentInfo, is_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rag.protocols import Vectors

    Chunks = npt.NDArray[np.int64]
    ExactVectors = Callable[[Sequence[int]], tuple[Chunks, Vectors]]
    IsKnown = Callable[[int, str], bool]

FOLDER = "vectors"
STAMP = "vectors.stamp"
TIMES_AS_MANY = 2
"""Over-fetch factor: quantised codes only pick candidates; exact vectors rank them."""
RANKED_EXACTLY = 40
"""Candidates from inverted lists that are ranked by their exact vectors; the rest keep the order of their codes."""
ROUNDING = 1e-5
NOT_AS_WRITTEN = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""What reading JSON of another shape than ours may raise."""
READINGS = 5
"""A writer may take files away between the reading of a stamp and of what it names; then the stamp is read again."""


@dataclass(frozen=True, slots=True)
class State:
    """What the stamp holds. `checksums` are of all files, by name."""

    layout: Layout
    layout_file: str
    segments: tuple[SegmentInfo, ...]
    dead_file: str
    checksums: dict[str, Checksum]

    def to_json(self) -> bytes:
        """The stamp's payload; the layout's numbers are in its own file."""
        return json.dumps(
            {
                "layout": {"kind": self.layout.kind, "trained_on": self.layout.trained_on, "lists": self.layout.lists},
                "layout_file": self.layout_file,
                "dimension": self.layout.dimension,
                "segments": [asdict(segment) for segment in self.segments],
                "dead_file": self.dead_file,
                "files": {name: [known.bytes, known.crc32] for name, known in self.checksums.items()},
            }
        ).encode()


class VectorStore:
    """The vectors of one generation of the catalog. It never changes: `caught_up` makes the next one, which shares its segments.

    `exact_vectors` gives the float32 vectors of chunks, leaving out those that are gone (`Catalog.vectors_present`). Scores
    are cosines, higher is better.
    """

    def __init__(
        self,
        dimension: int,
        exact_vectors: ExactVectors,
        *,
        generation: int = 0,
        state: State | None = None,
        segments: Sequence[Segment] = (),
        dead: Chunks | None = None,
        recent: tuple[Chunks, Vectors] | None = None,
    ) -> None:
        self.dimension = dimension
        self.generation = generation
        self.state = state
        self.layout = state.layout if state else flat(dimension)
        self.segments = tuple(segments)
        self.dead = np.zeros(0, np.int64) if dead is None else dead
        self._exact_vectors = exact_vectors
        empty = np.zeros(0, np.int64), np.zeros((0, dimension), np.float32)
        self._recent_chunks, self._recent_vectors = recent or empty

    @classmethod
    def open(
        cls, folder: Path, dimension: int, exact_vectors: ExactVectors, *, is_known: IsKnown, thorough: bool = False
    ) -> Self:
        """What the files in an index folder hold; empty, at generation 0, where they cannot be used.

        That is where they are missing, damaged, of another width, or of a state (generation, token) that `is_known` denies.
        `thorough` reads every byte, whatever is remembered of an earlier reading.
        """
        for _ in range(READINGS):
            stamp = read_stamped(folder / STAMP)
            if stamp is None or not is_known(stamp.generation, stamp.token):
                break
            try:
                content = _read(folder, stamp.payload, dimension, thorough)
                return cls(dimension, exact_vectors, generation=stamp.generation, **content)
            except (IndexFormatError, OSError, *NOT_AS_WRITTEN):
                again = read_stamped(folder / STAMP)
                if again is None or again.token == stamp.token:
                    break
        return cls(dimension, exact_vectors)

    @property
    def has_files(self) -> bool:
        """Whether there were files to open, and all were as written."""
        return self.state is not None

    def __len__(self) -> int:
        return sum(segment.info.count for segment in self.segments) - len(self.dead) + len(self._recent_chunks)

    @property
    def recent(self) -> int:
        """How many chunks are in memory and not in the files."""
        return len(self._recent_chunks)

    @property
    def last_chunk(self) -> int:
        """The highest chunk number in the segments, removed ones included."""
        return max((segment.info.last_chunk for segment in self.segments), default=0)

    def caught_up(self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], *, generation: int) -> VectorStore:
        """The store after a change. Chunks that it has already and removals that it knows do no harm."""
        gone = np.array(sorted(removed), np.int64)
        chunks = np.array(added, np.int64)
        new = (chunks > self.last_chunk) & ~np.isin(chunks, self._recent_chunks)
        kept = ~is_in(self._recent_chunks, gone)
        recent_chunks = np.concatenate([self._recent_chunks[kept], chunks[new]])
        recent_vectors = np.concatenate(
            [self._recent_vectors[kept], np.asarray(vectors, np.float32).reshape(-1, self.dimension)[new]]
        )
        return VectorStore(
            self.dimension,
            self._exact_vectors,
            generation=generation,
            state=self.state,
            segments=self.segments,
            dead=np.union1d(self.dead, gone[gone <= self.last_chunk]),
            recent=(recent_chunks, recent_vectors),
        )

    def search(self, question: Vectors, n: int, *, among: Chunks | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, cosine), best first, ties by lower chunk; with `among` (ascending), of those chunks only.

        With `among`, or in a flat layout, exactly the `n` best. Else the first are ranked by their exact vectors and the rest
        by their codes, and inverted lists may miss a few.
        """
        n = min(n, len(self) if among is None else min(len(self), len(among)))
        if n < 1:
            return []
        question = np.ascontiguousarray(question, np.float32)
        if self.layout.kind == "flat":
            chunks, scores = self._proposals(question, n, among, all_lists=True)
        elif among is None:
            proposed = max(n, RANKED_EXACTLY)
            in_reach = len(self) * self.layout.probes / self.layout.lists
            chunks, scores = self._proposals(question, proposed, None, all_lists=proposed > in_reach / 2)
            chunks, scores = self._best_ranked_exactly(question, chunks, scores)
        else:
            chunks, scores = self._certainly_best(question, n, among)
        order = np.lexsort((chunks, -scores))[:n]
        return list(zip(chunks[order].tolist(), scores[order].tolist(), strict=True))

    def _proposals(self, question: Vectors, n: int, among: Chunks | None, *, all_lists: bool) -> tuple[Chunks, Vectors]:
        """At least the `n` best by their codes, those in memory by their vectors."""
        allowed = self._allowed(among)
        layout = self.layout
        lists = np.arange(layout.lists) if all_lists else layout.nearest_lists(question)
        found = [segment.search(question, n, lists, allowed=allowed) for segment in self.segments]
        recent = slice(None) if among is None else is_in(self._recent_chunks, among)
        found.append((self._recent_chunks[recent], self._recent_vectors[recent] @ question))
        return np.concatenate([chunks for chunks, _ in found]), np.concatenate([scores for _, scores in found])

    def _best_ranked_exactly(self, question: Vectors, chunks: Chunks, scores: Vectors) -> tuple[Chunks, Vectors]:
        order = np.argsort(-scores, kind="stable")
        best, rest = order[:RANKED_EXACTLY], order[RANKED_EXACTLY:]
        present, vectors = self._exact_vectors(chunks[best].tolist())
        exact = vectors @ question
        less = np.minimum(scores[rest], exact.min(initial=np.inf) - ROUNDING)  # a code may claim too much
        return np.concatenate([present, chunks[rest]]), np.concatenate([exact, less])

    def _certainly_best(self, question: Vectors, n: int, among: Chunks) -> tuple[Chunks, Vectors]:
        """Exact scores of passages among which the `n` best certainly are.

        A code differs from its vector by `error` at most, so its score by `error` times the question's length. The proposals
        suffice when the last of them, raised by that, does not reach the n-th best exact score.
        """
        error = max((segment.info.error for segment in self.segments), default=0.0) * float(np.linalg.norm(question)) + ROUNDING
        wanted = TIMES_AS_MANY * n + RANKED_EXACTLY
        while True:
            chunks, codes = self._proposals(question, wanted, among, all_lists=True)
            best = np.argsort(-codes, kind="stable")[:wanted]
            present, vectors = self._exact_vectors(chunks[best].tolist())
            scores = vectors @ question
            last = codes[best[-1]] if len(best) == wanted else -np.inf
            if len(scores) >= n and last + error <= np.partition(scores, -n)[-n]:
                return present, scores
            if last == -np.inf:
                return present, scores
            wanted *= 4

    @cached_property
    def _alive(self) -> Allowed | None:
        if not len(self.dead):
            return None
        mask = np.ones(self.last_chunk + 1, np.bool_)
        mask[self.dead] = False
        return Allowed(mask)

    def _allowed(self, among: Chunks | None) -> Allowed | None:
        if among is None:
            return self._alive
        mask = np.zeros(self.last_chunk + 1, np.bool_)
        mask[among[among <= self.last_chunk]] = True
        mask[self.dead] = False
        return Allowed(mask)

    def ids(self) -> set[int]:
        """The chunks whose vectors are here."""
        kept = [segment.chunks() for segment in self.segments]
        alive = [chunks[~is_in(chunks, self.dead)] for chunks in kept]
        return set(np.concatenate([*alive, self._recent_chunks]).tolist())


def _read(folder: Path, payload: memoryview, dimension: int, thorough: bool) -> dict[str, Any]:
    """State, segments and dead chunks that a stamp names. Raises IndexFormatError and others for a wrong stamp or file."""
    record = json.loads(bytes(payload))
    if record["dimension"] != dimension:
        raise IndexFormatError("The vectors have another width than the embedder's.")
    files = {str(name): Checksum(int(size), int(crc)) for name, (size, crc) in record["files"].items()}
    infos = tuple(SegmentInfo(**segment) for segment in record["segments"])
    if not all(info.is_possible() for info in infos):
        raise IndexFormatError("The stamp describes segments that cannot exist.")
    named = {*(info.file for info in infos), record["layout_file"], record["dead_file"]} - {""}
    place = folder / FOLDER
    if place.is_symlink() or named != set(files) or not are_intact(place, files, remember=not thorough):
        raise IndexFormatError("The vectors differ from what was written.")
    layout = _read_layout(place, record["layout"], record["layout_file"], dimension)
    dead = np.fromfile(place / record["dead_file"], np.int64) if record["dead_file"] else np.zeros(0, np.int64)
    return {
        "state": State(layout, record["layout_file"], infos, record["dead_file"], files),
        "segments": [Segment(place / info.file, info, layout) for info in infos],
        "dead": np.unique(dead[dead >= 0]) if len(dead) else dead,  # np.unique imports numpy.ma, which takes 20 ms
    }


def _read_layout(place: Path, record: dict[str, Any], file: str, dimension: int) -> Layout:
    if record["kind"] == "flat":
        return flat(dimension)
    numbers = np.fromfile(place / file, np.float32).reshape(-1, dimension)
    centroids = numbers[2:] if record["kind"] == "lists" else numbers[:0]
    if (
        record["kind"] not in ("quantised", "lists")
        or max(1, len(centroids)) != record["lists"]
        or not np.isfinite(numbers).all()
    ):
        raise IndexFormatError("The layout of the vectors is not one of ours.")
    return replace(
        flat(dimension),
        kind=record["kind"],
        trained_on=int(record["trained_on"]),
        ranges=numbers[:2],
        centroids=np.ascontiguousarray(centroids),
    )
