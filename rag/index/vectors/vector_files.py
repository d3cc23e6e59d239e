"""Writing the vectors' files: called by the one writer, who brings them up to the catalog."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import numpy as np

from rag.index.checksums import Checksum, checksum
from rag.index.stamped import take_away, write_stamped
from rag.index.vectors.layout import fits, flat, sample_size, train, wanted_kind
from rag.index.vectors.segments import Segment, is_in, merge_segments, write_segment
from rag.index.vectors.vectors import FOLDER, STAMP, State, VectorStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rag.index.catalog.catalog import Catalog
    from rag.index.vectors.layout import Layout
    from rag.protocols import Vectors

    Chunks = npt.NDArray[np.int64]

VECTORS_A_SEGMENT = 32_768
"""So many are read and encoded at once, which bounds memory (some 100 MB at 384 dimensions)."""

MERGED_AT_ONCE = 6
SMALLEST_TIER = 256
FORMER_FILES = ("vectors.faiss",)
DEAD_SHARE = 0.25
"""A segment of which more is dead is written again without the dead."""


def update_vector_files(folder: Path, catalog: Catalog, *, rebuild: bool = False, merge_all: bool = False) -> None:
    """Bring the files to the catalog's generation, at a cost in proportion to the change; the caller is the only writer.

    A layout that no longer suits the number of vectors is trained again, and all vectors are laid out again from the catalog.
    `rebuild` does that in any case; `merge_all` makes one segment without dead chunks.
    """
    identity = catalog.embedder_identity
    assert identity is not None
    store = VectorStore.open(folder, identity.dimension, catalog.vectors_present, is_known=catalog.knows)
    known = store.generation if store.state and store.generation >= catalog.log_begins and not rebuild else -1
    generation, total = catalog.generation, catalog.counts()[1]
    if known == generation and not merge_all:
        return
    files = _Files(folder, catalog, store if known >= 0 else None)
    if known < 0 or not fits(store.layout, total):
        files.lay_out_all(total)
    else:
        files.apply(catalog.chunks_added_since(known), catalog.chunks_removed_since(known))
    files.merge(all_of_them=merge_all)
    files.publish(generation)


def remove_vector_files(folder: Path) -> None:
    """Take away the vectors' files of an index folder, and what earlier formats called them."""
    for name in (FOLDER, STAMP, *FORMER_FILES):
        take_away(folder / name)


class _Files:
    """The files as they will be. Nothing that readers see changes before `publish`."""

    def __init__(self, folder: Path, catalog: Catalog, store: VectorStore | None) -> None:
        self._folder = folder
        self._place = folder / FOLDER
        self._catalog = catalog
        identity = catalog.embedder_identity
        assert identity is not None
        self.layout: Layout = store.layout if store else flat(identity.dimension)
        self._layout_file = store.state.layout_file if store and store.state else ""
        self.segments: list[Segment] = list(store.segments) if store else []
        self.dead: Chunks = store.dead if store else np.zeros(0, np.int64)
        self._checksums: dict[str, Checksum] = dict(store.state.checksums) if store and store.state else {}
        if self._place.is_symlink() or not self._place.is_dir():
            take_away(self._place)
        self._place.mkdir(exist_ok=True)

    def lay_out_all(self, total: int) -> None:
        """Train for what the catalog holds, and write all of it."""
        kind = wanted_kind(total, self.layout.kind)
        chunks = np.array(self._catalog.chunks_added_since(-1), np.int64)
        chosen = np.sort(np.random.default_rng(0).permutation(len(chunks))[: sample_size(kind, total)])
        self.layout = train(kind, self._sample(chunks[chosen].tolist()), vectors=total)
        self._layout_file = ""
        if kind != "flat":
            self._layout_file = self._new_name("layout")
            np.concatenate([self.layout.ranges, self.layout.centroids]).astype(np.float32).tofile(
                self._place / self._layout_file
            )
        self.segments, self.dead = [], np.zeros(0, np.int64)
        self._add(chunks.tolist())
        if len(self.segments) > 1:
            self._merge_into_one(self.segments)

    def _sample(self, chunks: Sequence[int]) -> Vectors:
        """Vectors of many chunks. They are read in batches, since reading takes several times their size."""
        sample = np.empty((len(chunks), self.layout.dimension), np.float32)
        for first in range(0, len(chunks), VECTORS_A_SEGMENT // 8):
            batch = chunks[first : first + VECTORS_A_SEGMENT // 8]
            sample[first : first + len(batch)] = self._catalog.vectors(batch)
        return sample

    def apply(self, added: Sequence[int], removed: Sequence[int]) -> None:
        """A change since the files were written."""
        last = max((segment.info.last_chunk for segment in self.segments), default=0)
        self.dead = np.union1d(self.dead, np.array([chunk for chunk in removed if chunk <= last], np.int64))
        self._add([chunk for chunk in added if chunk > last])

    def _add(self, chunks: Sequence[int]) -> None:
        for first in range(0, len(chunks), VECTORS_A_SEGMENT):
            batch = chunks[first : first + VECTORS_A_SEGMENT]
            name = self._new_name("seg")
            info = write_segment(self._place / name, self.layout, np.array(batch, np.int64), self._catalog.vectors(batch))
            self.segments.append(Segment(self._place / name, info, self.layout))

    def merge(self, *, all_of_them: bool = False) -> None:
        """Merge segments of like size while there are many, and write those again that are largely dead."""
        if all_of_them and (len(self.segments) > 1 or len(self.dead)):
            self._merge_into_one(self.segments)
            return
        for segment in list(self.segments):
            most = DEAD_SHARE * segment.info.count
            if len(self.dead) > most and is_in(segment.chunks(), self.dead).sum() > most:
                self._merge_into_one([segment])
        while crowded := self._crowded_tier():
            self._merge_into_one(crowded)

    def _crowded_tier(self) -> list[Segment]:
        tiers: dict[int, list[Segment]] = {}
        for segment in self.segments:
            size = max(segment.info.count, 1) / SMALLEST_TIER
            tiers.setdefault(max(0, int(np.log(size) / np.log(MERGED_AT_ONCE)) + 1 if size > 1 else 0), []).append(segment)
        return next((tier for _, tier in sorted(tiers.items()) if len(tier) >= MERGED_AT_ONCE), [])

    def _merge_into_one(self, some: list[Segment]) -> None:
        name = self._new_name("seg")
        info = merge_segments(self._place / name, some, dead=self.dead)
        gone = np.concatenate([segment.chunks() for segment in some])
        self.dead = self.dead[~np.isin(self.dead, gone)]
        self.segments = [segment for segment in self.segments if segment not in some]
        if info.count:
            self.segments.append(Segment(self._place / name, info, self.layout))

    def publish(self, generation: int) -> None:
        """Exchange the stamp, after which readers see the new files, and take away the old ones."""
        dead_file = ""
        if len(self.dead):
            dead_file = self._new_name("dead")
            self.dead.tofile(self._place / dead_file)
        names = {*(segment.info.file for segment in self.segments), self._layout_file, dead_file} - {""}
        known = {name: self._checksums.get(name) or checksum(self._place / name) for name in sorted(names)}
        state = State(self.layout, self._layout_file, tuple(segment.info for segment in self.segments), dead_file, known)
        token = self._catalog.new_token(generation)
        write_stamped(self._folder / STAMP, state.to_json(), generation=generation, token=token)
        strays = [path for path in self._place.iterdir() if path.name not in names]
        for path in [*strays, *(self._folder / name for name in FORMER_FILES), *self._folder.glob("*.new")]:
            take_away(path)

    def _new_name(self, suffix: str) -> str:
        return f"{uuid.uuid4().hex[:12]}-{os.getpid()}.{suffix}"
