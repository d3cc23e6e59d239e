"""An index: a folder that holds a catalog and, derived from it, vectors and keywords."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from rag.errors import EmbedderMismatchError, IndexLockedError, IndexStoreError, NoIndexError, UsageError, nearest
from rag.indexes import keywords
from rag.indexes.catalog import Catalog
from rag.indexes.integrity import check_catalog
from rag.indexes.keywords import KeywordStore
from rag.indexes.vector_files import remove_vector_files, update_vector_files
from rag.indexes.vectors import STAMP as VECTORS_STAMP
from rag.indexes.vectors import VectorStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from rag.indexes.catalog import Chunks
    from rag.protocols import Embedder, Vectors
    from rag.types import Hit

WHERE_KEYS = ("source", "title", "media_type")
CHUNKS_A_BATCH = 4096
SECONDS_TO_EXCHANGE_FILES = 10.0
DEFAULT_EMBEDDER = "minilm"
SECONDS_FOR_A_REPAIR = 2.0
MOST_IN_MEMORY = 2000
"""Chunks newer than the files that a reader keeps in memory; with more, the files are brought up to date."""


class Index:
    """Opened by `rag.open_index`; a context manager. Readers may be many, a writer is one.

    `open_embedder` builds the embedder when it is first needed, so that looking at an index costs no model.
    """

    CATALOG = "catalog.sqlite"

    def __init__(
        self, path: Path, *, open_embedder: Callable[[str], Embedder], embedder_spec: str | None = None, create: bool = False
    ) -> None:
        self.path = path
        if create:
            _make_folder(path)
        elif not (path / self.CATALOG).is_file():
            raise NoIndexError(f"There is no index at {path}. Make one with: rag index SOURCE… --index {path}")
        self.catalog = Catalog(path / self.CATALOG, create=create)
        self.embedder_spec: str = embedder_spec or self.catalog.setting("embedder_spec") or DEFAULT_EMBEDDER
        self._open_embedder = open_embedder
        self._embedder: Embedder | None = None
        self._vectors: VectorStore | None = None
        self._keywords: KeywordStore | None = None
        self._opening = threading.RLock()
        self._building = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return self.catalog.counts()[1]

    def __repr__(self) -> str:
        documents, chunks = self.catalog.counts()
        return f"<Index {self.path}: {documents} documents, {chunks} chunks>"

    def close(self) -> None:
        """Close the catalog; the index cannot be used afterwards."""
        self.catalog.close()

    # the embedder

    @property
    def embedder(self) -> Embedder:
        """The embedder of this index, built at the first use. Raises EmbedderMismatchError where it is not the index's own."""
        with self._building:
            if self._embedder is None:
                embedder = self._open_embedder(self.embedder_spec)
                stored = self.catalog.embedder_identity
                if stored is not None and stored != embedder.identity:
                    raise EmbedderMismatchError(
                        _mismatch(self.path, stored.name, embedder.identity.name, asdict(stored), embedder)
                    )
                self._embedder = embedder
            return self._embedder

    def check_embedder_spec(self) -> None:
        """Raise EmbedderMismatchError now, and not at the first text to embed, where another embedder was asked for."""
        stored = self.catalog.setting("embedder_spec")
        if stored is not None and stored != self.embedder_spec:
            _ = self.embedder

    def adopt_embedder(self, *, chunks: dict[str, int | None]) -> None:
        """Record the embedder of an index that has none yet, the spec that opens it again, and the chunk sizes."""
        identity = self.embedder.identity
        with self.catalog.transaction():
            self.catalog.set_setting("embedder", asdict(identity))
            self.catalog.set_setting("embedder_spec", self.embedder_spec)
            self.catalog.set_setting("chunks", chunks)

    def forget_embedder_of_nothing(self) -> None:
        """An index without documents may be filled with any embedder and any chunk sizes."""
        if self.catalog.embedder_identity is not None and self.catalog.counts()[0] == 0:
            with self.catalog.transaction(), self._opening:
                for name in ("embedder", "embedder_spec", "chunks"):
                    self.catalog.set_setting(name, None)
                self._vectors = None

    # writing

    @contextmanager
    def writing(self, *, patience: float = SECONDS_FOR_A_REPAIR) -> Iterator[None]:
        """Hold the one place of a writer. Raises IndexLockedError, which names who holds it.

        A reader takes the place for a moment to bring the keywords up to date; `patience` (seconds) waits for that.
        """
        from filelock import FileLock, Timeout

        holder = self.path / "writer.json"
        lock = FileLock(self.path / "write.lock", timeout=patience, poll_interval=0.02)
        try:
            lock.acquire()
        except Timeout as error:
            raise IndexLockedError(
                f"The index {self.path} is being written by {_describe(holder)}. Try again when it is done."
            ) from error
        except OSError as error:
            raise IndexStoreError(f"The index {self.path} cannot be written: {error.strerror or error}.") from error
        try:
            since = datetime.now(UTC).isoformat(timespec="seconds")
            command = " ".join(sys.argv)[:200]
            holder.write_text(
                json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}),
                encoding="utf-8",
            )
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def refresh(self) -> None:
        """Bring the derived files up to the catalog; the caller holds `writing()`. Nothing is embedded again."""
        if not self.catalog.embedder_identity:
            return
        update_vector_files(self.path, self.catalog)
        generation = self.catalog.generation
        with self._opening:
            if self._keywords is None or self._keywords.generation != generation:
                self._keywords = self._caught_up_keywords(KeywordStore(self.path), generation)

    def _caught_up_keywords(self, store: KeywordStore, generation: int) -> KeywordStore:
        if store.generation < self.catalog.log_begins:
            keywords.remove(self.path)
            store = KeywordStore(self.path)
        if store.generation != generation:
            added = self.catalog.chunks_added_since(store.generation)
            batches = (added[first : first + CHUNKS_A_BATCH] for first in range(0, len(added), CHUNKS_A_BATCH))
            hits = (hit for batch in batches for hit in self.catalog.hits([(chunk, 0.0) for chunk in batch]))
            store.apply(hits, [*self.catalog.chunks_removed_since(store.generation), *added], generation=generation)
        return store

    def repair(self) -> list[str]:
        """Make all that is derived anew from the catalog. Returns what is still wrong, which is in the catalog itself."""
        with self.writing(), self._opening:
            remove_vector_files(self.path)
            keywords.remove(self.path)
            self._vectors = self._keywords = None
            self.refresh()
        return self.verify()

    def compact(self, *, patience: float = SECONDS_FOR_A_REPAIR) -> None:
        """Give back the room of what was removed, in the catalog and in what is derived. Raises IndexLockedError."""
        with self.writing(patience=patience), self._opening:
            self.catalog.compact()
            removed = bool(self.catalog.chunks_removed_since(-1))
            if self.catalog.embedder_identity:
                update_vector_files(self.path, self.catalog, merge_all=True)
            if removed:  # tantivy gives room back only when it merges, and cannot be asked to
                keywords.remove(self.path)
            self._vectors = self._keywords = None
            self.refresh()
            self.catalog.forget_removed()

    # reading

    def _opened_vectors(self) -> VectorStore:
        identity = self.catalog.embedder_identity
        return VectorStore.open(self.path, identity.dimension if identity else 1, self.catalog.vectors_present)

    def _current_vectors(self) -> VectorStore:
        """The vectors, caught up in memory with what any writer has committed; of a great backlog, files are written first."""
        with self._opening:
            store = self._vectors or self._opened_vectors()
            if self._is_far_behind(store):
                store = self._opened_vectors()
                if self._is_far_behind(store) and self._refreshed_by_us():
                    store = self._opened_vectors()
            with self.catalog.snapshot():
                store = self._caught_up_vectors(store)
            self._vectors = store
            return store

    def _is_far_behind(self, store: VectorStore) -> bool:
        if store.generation == self.catalog.generation:
            return False
        backlog = self.catalog.count_added_since(store.generation) + store.recent
        return store.state is None or store.generation < self.catalog.log_begins or backlog > MOST_IN_MEMORY

    def _caught_up_vectors(self, store: VectorStore) -> VectorStore:
        generation = self.catalog.generation
        if store.generation == generation:
            return store
        if store.generation < self.catalog.log_begins:
            store = VectorStore(store.dimension, self.catalog.vectors_present)
        added = self.catalog.chunks_added_since(store.generation)
        removed = self.catalog.chunks_removed_since(store.generation)
        return store.caught_up(added, self.catalog.vectors(added), removed, generation=generation)

    def _refreshed_by_us(self) -> bool:
        """Whether the derived files could be written now: not while a writer is at work, who will do it, nor where nobody can."""
        try:
            with self.writing(patience=0):
                self.refresh()
        except IndexStoreError:
            return False
        return True

    def _current_keywords(self) -> KeywordStore:
        """The keywords; brought up to the catalog first, unless a writer is at work and will do it."""
        with self._opening:
            store = self._keywords or KeywordStore(self.path)
            if store.generation != self.catalog.generation and not self._refreshed_by_us():
                store = self._keywords_beside_a_writer(store)
            elif self._keywords is not None:
                store = self._keywords
            self._keywords = store
            return store

    def _keywords_beside_a_writer(self, store: KeywordStore) -> KeywordStore:
        """What the last writer left, if it is newer than the open store, which stays good while its files are exchanged."""
        patience = time.monotonic() + SECONDS_TO_EXCHANGE_FILES
        while KeywordStore.stamped_generation(self.path) > store.generation:
            newer = KeywordStore(self.path)
            if newer.generation > store.generation:
                return newer
            if len(store) or time.monotonic() > patience:
                break
            time.sleep(0.05)
        return store

    def preload(self) -> None:
        """Read the derived files now; otherwise the first search does."""
        if self.catalog.embedder_identity is not None:
            self._current_vectors()
            self._current_keywords()

    def search_vectors(self, question: Vectors, n: int, *, where: Mapping[str, str] | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, cosine) pairs, best first."""
        if self.catalog.embedder_identity is None:
            return []
        return self._current_vectors().search(question, n, among=self._among(where))

    def search_words(self, question: str, n: int, *, where: Mapping[str, str] | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, BM25 score) pairs, best first."""
        return self._current_keywords().search(question, n, among=self._among(where))

    def hits(self, scored: Sequence[tuple[int, float]]) -> list[Hit]:
        """The passages of (chunk, score) pairs, in that order."""
        return self.catalog.hits(scored)

    def first_hits(self, scored: Sequence[tuple[int, float]], n: int) -> list[Hit]:
        """The first `n` passages of a ranking that are still there; a writer may have removed some since it was made."""
        hits: list[Hit] = []
        for start in range(0, len(scored), n):
            hits += self.catalog.hits(scored[start : start + n])
            if len(hits) >= n:
                break
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[:n], 1)]

    def vectors_of(self, chunks: Sequence[int]) -> Vectors:
        """The vectors of chunks as float32, shape (len(chunks), dimension)."""
        return self.catalog.vectors(chunks)

    def _among(self, where: Mapping[str, str] | None) -> Chunks | None:
        for key in where or {}:
            if key not in WHERE_KEYS:
                raise UsageError(
                    f"Passages cannot be chosen by '{key}'; known keys: {', '.join(WHERE_KEYS)}.{nearest(key, WHERE_KEYS)}"
                )
        return self.catalog.chunks_matching(where or {})

    def verify(self) -> list[str]:
        """All that is wrong, in words: in the catalog, or between it and what is derived from it. Empty when sound.

        Every byte of every file is read. What is derived may be behind the catalog; it is brought up to it first, as a search
        would. Raises IndexLockedError while another process writes.
        """
        if self.catalog.read_only:
            return self._problems()
        with self.writing():
            damaged = self._damaged_files()
            self.refresh()
            return damaged + self._problems()

    def _problems(self) -> list[str]:
        problems = check_catalog(self.catalog)
        chunks = set(self.catalog.chunks_added_since(-1))
        if self.catalog.embedder_identity is None:
            return problems
        self._vectors = None  # the files are looked at, and not what is in memory
        for name, ids in (("vectors", self._current_vectors().ids()), ("keywords", self._current_keywords().ids())):
            if ids != chunks:
                problems.append(f"{name}: {len(chunks - ids)} chunks missing, {len(ids - chunks)} too many")
        return problems

    def _damaged_files(self) -> list[str]:
        identity = self.catalog.embedder_identity
        if identity is None:
            return []
        vectors = VectorStore.open(self.path, identity.dimension, self.catalog.vectors_present, thorough=True)
        words = KeywordStore(self.path, thorough=True)
        there = {"vectors": (VECTORS_STAMP, vectors.generation), "keywords": (keywords.STAMP, words.generation)}
        return [
            f"{name}: the files are damaged; rag verify --repair makes them anew"
            for name, (stamp, generation) in there.items()
            if (self.path / stamp).exists() and not generation
        ]


def _make_folder(path: Path) -> None:
    if path.is_file():
        raise IndexStoreError(f"{path} is a file; an index is a folder. Choose another place with --index.")
    if not (path / Index.CATALOG).exists() and path.is_dir() and any(path.iterdir()):
        raise IndexStoreError(f"{path} holds other files and no index. Choose an empty or new folder with --index.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexStoreError(f"The index folder {path} cannot be made: {error.strerror or error}.") from error


def _mismatch(path: Path, stored: str, given: str, identity: dict[str, object], embedder: Embedder) -> str:
    if stored != given:
        return (
            f"The index {path} was built with the embedder {stored}; it was opened with {given}. "
            f"Leave --embedder out, or index the sources into a new folder: rag index SOURCE… --embedder {given} --index NEW"
        )
    differing = [name for name, value in identity.items() if asdict(embedder.identity)[name] != value]
    return (
        f"The index {path} was built with another version of {stored} (different: {', '.join(differing)}). "
        "Use the version that built it, or index the sources into a new folder."
    )


def _describe(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']} ({who['command']})"
    except (OSError, ValueError, KeyError):
        return "another process"
