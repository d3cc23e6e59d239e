"""Stores derived from a catalog, vectors and words: opened, caught up in memory, and written by the one writer."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rag.errors import IndexFormatError, IndexLockedError, IndexStoreError
from rag.index import keywords as keyword_files
from rag.index.keywords import KeywordStore
from rag.index.vectors.vector_files import remove_vector_files, update_vector_files
from rag.index.vectors.vectors import STAMP as VECTORS_STAMP
from rag.index.vectors.vectors import VectorStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rag.index.catalog.catalog import Catalog

CHUNKS_A_BATCH = 4096
SECONDS_TO_EXCHANGE_FILES = 10.0
DAMAGED = "{}: the files are damaged; rag verify --repair rebuilds them"
MOST_IN_MEMORY = 2000
"""Chunks newer than the files that a reader keeps in memory; with more, the files are brought up to date."""


class Derived:
    """The two stores of an index folder. `writing(0)` takes the writer's place at once or raises IndexLockedError."""

    def __init__(self, path: Path, catalog: Catalog, *, writing: Callable[[float], AbstractContextManager[None]]) -> None:
        self.path = path
        self._catalog = catalog
        self._writing = writing
        self._vectors: VectorStore | None = None
        self._keywords: KeywordStore | None = None
        self._opening = threading.RLock()

    def forget(self) -> None:
        """The next search opens the files again."""
        with self._opening:
            self._vectors = self._keywords = None

    # writing: the caller holds the writer's place

    def refresh(self) -> None:
        """Bring the files up to the catalog."""
        if not self._catalog.embedder_identity:
            return
        with self._refusals_told_plainly():
            update_vector_files(self.path, self._catalog)
            generation = self._catalog.generation
            with self._opening:
                if self._keywords is None or self._keywords.is_in_memory or self._keywords.generation != generation:
                    self._keywords = self._written_keywords(generation)
        self._catalog.give_back_space()

    def make_anew(self) -> None:
        """Delete the files, and rebuild them from the catalog."""
        with self._opening, self._refusals_told_plainly():
            remove_vector_files(self.path)
            keyword_files.remove(self.path)
            self.forget()
            self.refresh()

    def compact(self) -> None:
        """Rewrite the files without removed chunks, and forget the record of removals."""
        if not self._catalog.embedder_identity:
            return
        with self._opening, self._refusals_told_plainly():
            update_vector_files(self.path, self._catalog, merge_all=True)
            if self._catalog.chunks_removed_since(-1):  # tantivy gives room back only when it merges, and cannot be asked to
                keyword_files.remove(self.path)
            self.forget()
            self.refresh()
            self._catalog.forget_removed()

    @contextmanager
    def _refusals_told_plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise IndexStoreError(f"The index {self.path} cannot be written: {error.strerror or error}.") from error

    def _written_keywords(self, generation: int) -> KeywordStore:
        store = self._opened_keywords()
        if store.generation < self._catalog.log_begins:
            keyword_files.remove(self.path)
            store = self._opened_keywords()
        if store.generation != generation:
            self._catch_up(store, generation)
        return store

    def _catch_up(self, store: KeywordStore, generation: int) -> None:
        added = self._catalog.chunks_added_since(store.generation)
        batches = (added[first : first + CHUNKS_A_BATCH] for first in range(0, len(added), CHUNKS_A_BATCH))
        hits = (hit for batch in batches for hit in self._catalog.hits([(chunk, 0.0) for chunk in batch]))
        outdated = [*self._catalog.chunks_removed_since(store.generation), *added]
        store.apply(hits, outdated, generation=generation, new_token=lambda: self._catalog.new_token(generation))

    # reading

    def vectors(self) -> VectorStore:
        """Caught up in memory with what any writer has committed; after a great backlog, or damage, the files are written first."""
        with self._opening:
            store = self._vectors or self._opened_vectors()
            if store.generation == self._catalog.generation:
                self._vectors = store
                return store
            if self._is_far_behind(store):
                store = self._opened_vectors()
                if self._is_far_behind(store) and self._refreshed_by_us() == "done":
                    store = self._opened_vectors()
            with self._catalog.snapshot():
                store = self._caught_up_vectors(store)
            self._vectors = store
            return store

    def keywords(self) -> KeywordStore:
        """Brought up to the catalog: the files where they can be written now, else in memory what they lack."""
        with self._opening:
            store = self._keywords or self._opened_keywords()
            if store.generation != self._catalog.generation:
                outcome = self._refreshed_by_us()
                if outcome == "done":
                    store = self._keywords or store
                else:
                    store = self._keywords_of_a_reader(store, beside_a_writer=outcome == "busy")
            self._keywords = store
            return store

    def _opened_vectors(self, *, thorough: bool = False) -> VectorStore:
        identity = self._catalog.embedder_identity
        dimension = identity.dimension if identity else 1
        return VectorStore.open(
            self.path, dimension, self._catalog.vectors_present, is_known=self._catalog.knows, thorough=thorough
        )

    def _opened_keywords(self, *, thorough: bool = False) -> KeywordStore:
        return KeywordStore(self.path, is_known=self._catalog.knows, thorough=thorough)

    def _is_far_behind(self, store: VectorStore) -> bool:
        backlog = self._catalog.count_added_since(store.generation) + store.recent
        return not store.has_files or store.generation < self._catalog.log_begins or backlog > MOST_IN_MEMORY

    def _caught_up_vectors(self, store: VectorStore) -> VectorStore:
        generation = self._catalog.generation
        if store.generation == generation:
            return store
        if store.generation < self._catalog.log_begins:
            store = VectorStore(store.dimension, self._catalog.vectors_present)
        added = self._catalog.chunks_added_since(store.generation)
        removed = self._catalog.chunks_removed_since(store.generation)
        return store.caught_up(added, self._catalog.vectors(added), removed, generation=generation)

    def _refreshed_by_us(self) -> Literal["done", "busy", "refused"]:
        """Bring the files up to the catalog now, unless a writer is at work, the disk is full, or writing is not allowed."""
        if self._catalog.read_only:
            return "refused"
        try:
            with self._writing(0):
                self.refresh()
        except IndexLockedError:
            return "busy"
        except IndexFormatError:
            raise
        except IndexStoreError:
            return "refused"
        return "done"

    def _keywords_of_a_reader(self, store: KeywordStore, *, beside_a_writer: bool) -> KeywordStore:
        """The files and, in memory, the little that they lack; all of it in memory where they are missing or far behind.

        Files that are far behind do beside a writer, who is about to bring them up to date.
        """
        newest = self._newest_keywords(store, patience=SECONDS_TO_EXCHANGE_FILES if beside_a_writer else 0.0)
        if newest.has_files and (self._add_recent(newest) or beside_a_writer):
            return newest
        with self._catalog.snapshot():
            if not store.is_in_memory or store.generation < self._catalog.log_begins:
                store = KeywordStore.in_memory()
            self._catch_up(store, self._catalog.generation)
        return store

    def _newest_keywords(self, store: KeywordStore, *, patience: float) -> KeywordStore:
        """What the last writer left, if it is newer than the open store, which stays good while its files are exchanged."""
        until = time.monotonic() + patience
        while KeywordStore.stamped_generation(self.path) > store.generation:
            newer = self._opened_keywords()
            if newer.generation > store.generation:
                return newer
            if store.has_files or newer.is_spelled_otherwise or time.monotonic() >= until:
                break
            time.sleep(0.05)
        return store

    def _add_recent(self, store: KeywordStore) -> bool:
        """Hold in memory what the files lack, unless it is much; whether it was not."""
        with self._catalog.snapshot():
            generation = self._catalog.generation
            if store.recent is not None and store.recent.generation == generation:
                return True
            if (
                store.generation < self._catalog.log_begins
                or self._catalog.count_added_since(store.generation) > MOST_IN_MEMORY
            ):
                return False
            outdated = self._catalog.chunks_removed_since(store.generation)
            if len(outdated) > MOST_IN_MEMORY:
                return False
            store.outdated = frozenset(outdated)
            if store.recent is None:
                store.recent = KeywordStore.in_memory(generation=store.generation)
            self._catch_up(store.recent, generation)
            return True

    # checking

    def disagreements(self) -> list[str]:
        """Where the files, and what memory adds to them, do not hold exactly the catalog's chunks."""
        if not self._catalog.embedder_identity:
            return []
        self.forget()
        chunks = set(self._catalog.chunks_added_since(-1))
        stores = {"vectors": lambda: self.vectors().ids(), "keywords": lambda: self.keywords().ids(len(chunks) + 1)}
        return [problem for name, ids in stores.items() if (problem := _disagreement(name, chunks, ids))]

    def damaged(self) -> list[str]:
        """Files that differ from what was written. Every byte is read."""
        if not self._catalog.embedder_identity:
            return []
        words = self._opened_keywords(thorough=True)
        have_opened = {
            "vectors": (VECTORS_STAMP, self._opened_vectors(thorough=True).has_files),
            "keywords": (keyword_files.STAMP, words.has_files or words.is_spelled_otherwise),
        }
        return [
            DAMAGED.format(name) for name, (stamp, opened) in have_opened.items() if (self.path / stamp).exists() and not opened
        ]


def _disagreement(name: str, chunks: set[int], held: Callable[[], set[int]]) -> str:
    """The problem with one of the stores; empty if there is none."""
    try:
        ids = held()
    except IndexFormatError:
        return DAMAGED.format(name)
    return "" if ids == chunks else f"{name}: {len(chunks - ids)} chunks missing, {len(ids - chunks)} too many"
