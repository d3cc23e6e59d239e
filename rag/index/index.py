"""An index: a folder that holds a catalog and, derived from it, vectors and keywords."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Self

from rag.errors import EmbedderMismatchError, IndexStoreError, NoIndexError
from rag.index.catalog.catalog import Catalog
from rag.index.catalog.filters import select_chunks
from rag.index.catalog.integrity import check_catalog
from rag.index.derived import Derived
from rag.index.lock import writers_place
from rag.text.surrogates import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from rag.index.catalog.catalog import Chunks
    from rag.index.catalog.filters import Where
    from rag.protocols import Embedder, Vectors
    from rag.types import Hit

DEFAULT_EMBEDDER = "minilm"
SECONDS_FOR_A_REPAIR = 2.0


class Index:
    """Opened by `rag.open_index`; a context manager. Readers may be many, a writer is one.

    `open_embedder` builds the embedder when it is first needed, so that looking at an index costs no model.
    """

    CATALOG = "catalog.sqlite"

    def __init__(
        self, path: Path, *, open_embedder: Callable[[str], Embedder], embedder_spec: str | None = None, create: bool = False
    ) -> None:
        self.path = path
        self._home = path.absolute()  # a program may change its folder
        _check_folder(path, create=create)
        self.catalog = Catalog(path / self.CATALOG, create=create)
        self.embedder_spec: str = embedder_spec or self.catalog.setting("embedder_spec") or DEFAULT_EMBEDDER
        self._open_embedder = open_embedder
        self._embedder: Embedder | None = None
        self._derived = Derived(self._home, self.catalog, writing=lambda patience: self.writing(patience=patience))
        self._counted = -1, 0
        self._choice: tuple[tuple[int, str], Chunks | None] = (-1, ""), None
        self._building = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        generation = self.catalog.generation
        if self._counted[0] != generation:
            self._counted = generation, self.catalog.counts()[1]
        return self._counted[1]

    def __repr__(self) -> str:
        documents, chunks = self.catalog.counts()
        return f"<Index {self.path}: {documents} documents, {chunks} chunks>"

    def close(self) -> None:
        """Close the catalog; the index cannot be used afterwards."""
        self._derived.forget()
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
            with self.catalog.transaction():
                for name in ("embedder", "embedder_spec", "chunks"):
                    self.catalog.set_setting(name, None)
            self._derived.forget()

    # writing

    @contextmanager
    def writing(self, *, patience: float = SECONDS_FOR_A_REPAIR) -> Iterator[None]:
        """Hold the one place of a writer. Raises IndexLockedError, which names who holds it.

        A reader holds the lock for a moment to bring derived stores up to date; `patience`, in seconds, waits for that.
        """
        with writers_place(self._home, patience=patience):
            yield

    def refresh(self) -> None:
        """Bring the derived files up to the catalog; the caller holds `writing()`. Nothing is embedded again."""
        self._derived.refresh()

    def repair(self, *, patience: float = SECONDS_FOR_A_REPAIR) -> list[str]:
        """Rebuild all derived stores from the catalog. Returns the problems that remain, which are in the catalog itself."""
        with self.writing(patience=patience):
            self._derived.make_anew()
        return self.verify(patience=patience)

    def compact(self, *, patience: float = SECONDS_FOR_A_REPAIR) -> None:
        """Reclaim the disk space of removed documents, in the catalog and in derived stores. Raises IndexLockedError."""
        with self.writing(patience=patience):
            self.catalog.compact()
            self._derived.compact()

    def verify(self, *, patience: float = SECONDS_FOR_A_REPAIR) -> list[str]:
        """All problems in words: in the catalog, or between it and the derived stores. Empty for a sound index.

        Every byte of every file is read. Stores that are only behind the catalog are brought up to it first, as a search would.
        Raises IndexLockedError while another process writes.
        """
        with nullcontext() if self.catalog.read_only else self.writing(patience=patience):
            problems = [*check_catalog(self.catalog), *self._derived.damaged()]
            if problems:  # a search would rebuild damaged files; this only reports
                return problems
            if not self.catalog.read_only:
                self._derived.refresh()
            return self._derived.disagreements()

    # reading

    def preload(self) -> None:
        """Read the derived files now; otherwise the first search does."""
        if self.catalog.embedder_identity is not None:
            self._derived.vectors()
            self._derived.keywords()

    def search_vectors(self, question: Vectors, n: int, *, where: Where | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, cosine) pairs, best first."""
        if self.catalog.embedder_identity is None:
            return []
        return self._derived.vectors().search(question, n, among=self._chosen(where))

    def search_words(self, question: str, n: int, *, where: Where | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, BM25 score) pairs, best first."""
        return self._derived.keywords().search(question, n, among=self._chosen(where))

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """The number of passages that contain each word."""
        return self._derived.keywords().frequencies(words)

    def cosines(self, question: Vectors, chunks: Sequence[int]) -> dict[int, float]:
        """The exact cosine of each chunk that is still there."""
        present, vectors = self.catalog.vectors_present(chunks)
        return dict(zip(present.tolist(), (vectors @ question).tolist(), strict=True))

    def documents_of(self, chunks: Sequence[int]) -> dict[int, int]:
        """A number of the document of each chunk that is still there."""
        return self.catalog.documents_of(chunks)

    def vectors_present(self, chunks: Sequence[int]) -> tuple[Chunks, Vectors]:
        """The ids among `chunks` that are still there, in the order given, and their vectors, a row each."""
        return self.catalog.vectors_present(chunks)

    def _chosen(self, where: Where | None) -> Chunks | None:
        """The chunks that may be found. The last choice is kept, for both searches of a question make the same."""
        if not where:
            return None
        wanted = self.catalog.generation, repr(sorted(where.items(), key=str))
        choice = self._choice
        if choice[0] != wanted:
            self._choice = choice = wanted, select_chunks(self.catalog, where)
        return choice[1]

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


def _check_folder(path: Path, *, create: bool) -> None:
    _check_name(path)
    try:
        if create:
            _make_folder(path)
        elif not (path / Index.CATALOG).is_file():
            raise NoIndexError(f"There is no index at {path}. Make one with: rag index SOURCE… --index {path}")
    except OSError as error:
        done = "made" if create else "opened"
        raise IndexStoreError(f"The index folder {path} cannot be {done}: {error.strerror or error}.") from error


def _check_name(path: Path) -> None:
    """tantivy and SQLite take paths as UTF-8 only."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        shown = escaped(str(path.absolute()))
        raise IndexStoreError(
            f"The path {shown} is not valid UTF-8, which an index cannot lie under. Choose another place with --index."
        ) from error


def _make_folder(path: Path) -> None:
    if path.is_file():
        raise IndexStoreError(f"{path} is a file; an index is a folder. Choose another place with --index.")
    if not (path / Index.CATALOG).exists() and path.is_dir() and any(path.iterdir()):
        raise IndexStoreError(f"{path} holds other files and no index. Choose an empty or new folder with --index.")
    path.mkdir(parents=True, exist_ok=True)


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
