"""A segment: some vectors in one file that is never changed, only replaced by another.

The file is what FAISS's OnDiskInvertedLists maps into memory: for each list its codes and then the chunks they belong to
(int64), and after the last list the size of each (uint32). There is no header, so no parser reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rag.index.vectors.layout import Layout
    from rag.protocols import Vectors

    Chunks = npt.NDArray[np.int64]
    Part = tuple[npt.NDArray[np.uint8], Chunks]
    Found = tuple[Chunks, npt.NDArray[np.float32]]

MOST_CHUNKS = 2**32
"""Numbers of chunks lie below; masks over them take up to an eighth as many bytes."""

NOTHING = -1
"""What FAISS puts in place of a chunk where it found fewer than it was asked for."""


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment's entry in the stamp. `error` is the greatest distance between a vector in it and its decoded code."""

    file: str
    count: int
    last_chunk: int
    error: float

    def is_possible(self) -> bool:
        """Whether a stamp of ours can have these values."""
        whole = type(self.file) is str and type(self.count) is int and type(self.last_chunk) is int
        return whole and isinstance(self.error, float) and 0 <= self.last_chunk < MOST_CHUNKS and 0 <= self.error < np.inf


class Allowed:
    """The chunks that a search may find: a mask over chunk numbers. What lies beyond it is not allowed."""

    def __init__(self, mask: npt.NDArray[np.bool_]) -> None:
        self.mask = mask

    @cached_property
    def selector(self) -> Any:
        """The same for FAISS."""
        from faiss import IDSelectorBitmap

        make: Any = IDSelectorBitmap
        return make(np.packbits(self.mask, bitorder="little"))

    def among(self, chunks: Chunks) -> npt.NDArray[np.int64]:
        """Where in `chunks` the allowed ones are."""
        inside = (chunks >= 0) & (chunks < len(self.mask))
        return np.flatnonzero(inside)[self.mask[chunks[inside]]]


class Segment:
    """A segment mapped into memory. Raises IndexFormatError where the file is not one of this layout."""

    def __init__(self, path: Path, info: SegmentInfo, layout: Layout) -> None:
        self.path = path
        self.info = info
        self.layout = layout
        entry = layout.code_bytes + 8
        try:
            mapped = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise IndexFormatError(f"{path} cannot be read: {error}.") from error
        sizes = np.frombuffer(mapped[len(mapped) - 4 * layout.lists :].tobytes(), np.uint32).astype(np.int64)
        if len(sizes) != layout.lists or sizes.sum() != info.count or len(mapped) != info.count * entry + 4 * layout.lists:
            raise IndexFormatError(f"{path} is not a segment of {info.count} vectors in {layout.lists} lists.")
        self._bytes = mapped
        self._sizes = sizes
        self._starts = np.concatenate([[0], np.cumsum(sizes[:-1])]) * entry
        self._search = None if layout.kind == "flat" else self._mapped_index()

    def _mapped_index(self) -> Any:
        import faiss

        lists = faiss.OnDiskInvertedLists(self.layout.lists, self.layout.code_bytes, str(self.path))
        lists.read_only = True
        lists.totsize = len(self._bytes)
        sizes = self._sizes.astype(np.uint64)
        lists.set_all_lists_sizes(faiss.swig_ptr(sizes))
        lists.do_mmap()
        index = self.layout.search_index()
        index.replace_invlists(lists, False)
        index.ntotal = self.info.count
        self._lists = lists  # the index does not own them
        return index

    def part(self, number: int) -> Part:
        """Codes, shape (n, code_bytes), and chunks of one list."""
        start, size = int(self._starts[number]), int(self._sizes[number])
        middle = start + size * self.layout.code_bytes
        codes = self._bytes[start:middle].reshape(size, self.layout.code_bytes)
        return codes, np.frombuffer(self._bytes[middle : middle + 8 * size], np.int64)

    def chunks(self) -> Chunks:
        """All chunks in it, in the order of the file."""
        return np.concatenate(
            [self.part(number)[1] for number in np.flatnonzero(self._sizes).tolist()] or [np.zeros(0, np.int64)]
        )

    def search(self, question: Vectors, n: int, lists: Chunks, *, allowed: Allowed | None) -> Found:
        """The `n` chunks whose codes are closest, of those lists; in no order."""
        if self._search is None:
            return self._search_flat(question, n, allowed)
        import faiss

        question = np.ascontiguousarray(question, np.float32)
        n = min(n, self.info.count)
        scores, chunks = np.empty(n, np.float32), np.empty(n, np.int64)
        closeness = np.zeros(len(lists), np.float32)
        options: dict[str, Any] = {"nprobe": len(lists)}
        if allowed is not None:
            options["sel"] = allowed.selector
        make: Any = faiss.SearchParametersIVF
        arrays = (faiss.swig_ptr(array) for array in (lists, closeness, scores, chunks))
        self._search.search_preassigned_c(1, faiss.swig_ptr(question), n, *arrays, False, make(**options))
        found = chunks != NOTHING
        return chunks[found], scores[found]

    def _search_flat(self, question: Vectors, n: int, allowed: Allowed | None) -> Found:
        codes, chunks = self.part(0)
        vectors = codes.view(np.float32)
        if allowed is not None:
            chosen = allowed.among(chunks)
            vectors, chunks = vectors[chosen], chunks[chosen]
        scores = vectors @ question
        if n < len(scores):
            best = np.argpartition(-scores, n - 1)[:n]
            return chunks[best], scores[best]
        return chunks, scores


def write_segment(path: Path, layout: Layout, chunks: Chunks, vectors: Vectors) -> SegmentInfo:
    """Encode vectors (float32, shape (len(chunks), dimension)) into a new file."""
    codes = layout.encode(vectors)
    error = float(np.linalg.norm(layout.decode(codes) - vectors, axis=1).max(initial=0.0))
    lists = layout.list_of(vectors)
    order = np.argsort(lists, kind="stable")
    edges = np.searchsorted(lists[order], np.arange(layout.lists + 1))
    parts = ((codes[order[a:b]], chunks[order[a:b]]) for a, b in pairwise(edges.tolist()))
    return _write(path, parts, error=error)


def merge_segments(path: Path, segments: Sequence[Segment], *, dead: Chunks) -> SegmentInfo:
    """All that is in the segments (of one layout) and not in `dead` (ascending), in a new file. Memory is that of one list."""
    return _write(path, _merged_parts(segments, dead), error=max(segment.info.error for segment in segments))


def _merged_parts(segments: Sequence[Segment], dead: Chunks) -> Iterator[Part]:
    for number in range(segments[0].layout.lists):
        codes, chunks = zip(*(segment.part(number) for segment in segments), strict=True)
        together = np.concatenate(chunks)
        alive = ~is_in(together, dead)
        yield np.concatenate(codes)[alive], together[alive]


def is_in(chunks: Chunks, some: Chunks) -> npt.NDArray[np.bool_]:
    """Which of `chunks` are among `some`, which ascend."""
    if not len(some):
        return np.zeros(len(chunks), np.bool_)
    return np.asarray(some[np.minimum(np.searchsorted(some, chunks), len(some) - 1)] == chunks)


def _write(path: Path, parts: Iterator[Part], *, error: float) -> SegmentInfo:
    sizes = []
    last = 0
    with path.open("wb") as file:
        for codes, chunks in parts:
            file.write(codes.tobytes())
            file.write(chunks.tobytes())
            sizes.append(len(chunks))
            last = max(last, int(chunks.max(initial=0)))
        file.write(np.array(sizes, np.uint32).tobytes())
    return SegmentInfo(path.name, sum(sizes), last, error)
