"""The seams: protocols for components, from this package or another.

An object that fits a protocol can be passed wherever the toolkit asks for such a component. `rag.testing` has a suite of
tests for each protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from rag.sampling import Sampling
    from rag.types import Document, EmbedderIdentity, Hit, Message, Pages, Passage, Prompt, Sentence, Usage

    Vectors = npt.NDArray[np.float32]
    Chunks = npt.NDArray[np.int64]
    Scored = list[tuple[int, float]]
    Judged = tuple[Sentence, list[tuple[Passage, int, int]]]


@runtime_checkable
class Embedder(Protocol):
    """Turns text into vectors of length 1, so that the inner product of two vectors is their cosine.

    `rag.testing.HashEmbedder` is a small example.
    """

    @property
    def identity(self) -> EmbedderIdentity:
        """The properties that an index records. It refuses an embedder with another identity."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, uncut and without special tokens."""
        ...

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        """One row for each text, in order: float32, shape (len(texts), dimension).

        `on_progress` is called with the number of texts that were just embedded. Raises ModelError for a text over the token
        limit.
        """
        ...

    def embed_question(self, text: str) -> Vectors:
        """The vector of a question: float32, shape (dimension,). A question over the token limit is embedded in pieces."""
        ...


@runtime_checkable
class EmbedsQuestions(Protocol):
    """An embedder that embeds several questions faster than one by one, and caches their vectors."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """The rows of `embed_question`, up to rounding: float32, shape (len(texts), dimension)."""
        ...


@runtime_checkable
class EmbedsTokens(Protocol):
    """An embedder that gives the vector of each token too, as it reads them in their text."""

    def embed_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text the unit vectors of its tokens, special ones left out: shape (tokens, dimension). Cut at the limit."""
        ...


@runtime_checkable
class Generator(Protocol):
    """A model that writes an answer piece by piece.

    It may also have `identity` (see `Identified`), the members of `Completes`, `abstains` (see `Abstains`), and `description`: a
    text for people that names the model and where it runs.
    """

    @property
    def name(self) -> str:
        """The name of the model in answers."""
        ...

    @property
    def window(self) -> int:
        """The context window in tokens, for prompt and answer together."""
        ...

    @property
    def max_sources(self) -> int | None:
        """The most sources that the model can tell apart; None if only the window limits them."""
        ...

    @property
    def options(self) -> frozenset[str]:
        """The fields of Sampling that this generator supports. `stream` raises UsageError if another one is set."""
        ...

    @property
    def parallel(self) -> int:
        """The maximum useful concurrency. Further streams queue."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The tokens of the rendered chat prompt, by the model's own tokenizer and template."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text as they are written, then a Usage. Closing the iterator cancels the call. Raises ModelError."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class Completes(Protocol):
    """A generator that can return a whole answer at once, which may cost less than a stream."""

    @property
    def gives_whole_answers(self) -> bool:
        """Whether a whole answer costs less. If not, callers use a stream, which they can close early."""
        ...

    async def complete(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
        """The text and its usage. Cancelling the task stops the model. Raises the errors of `stream`."""
        ...


@runtime_checkable
class Abstains(Protocol):
    """A generator that says whether its model abstains. A generator without this member is taken for one whose model does."""

    @property
    def abstains(self) -> bool:
        """Whether the model writes "not found" where its sources do not answer the question.

        If not, it is asked only where there is enough evidence that they do.
        """
        ...


@runtime_checkable
class Reranker(Protocol):
    """A model that scores a question and a passage together."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score for each passage, in order. Higher is better."""
        ...


@runtime_checkable
class Verifier(Protocol):
    """Judges whether passages support a sentence."""

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The judged sentence, and the supporting spans as (passage, start, end) with offsets into the passage's text."""
        ...


@runtime_checkable
class ChecksAll(Protocol):
    """A verifier that takes several sentences at once."""

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """The results of `check`, one for each sentence."""
        ...


class Identified(Protocol):
    """A generator, reranker or verifier with an identity, under which finished work is kept.

    A component without one is known by its class and its name.

        class MyReranker:
            identity = "my-reranker 2, weights 3f9a"
    """

    @property
    def identity(self) -> str:
        """Everything besides the input that determines the output: weights, server, settings."""
        ...


@runtime_checkable
class Progress(Protocol):
    """Follows a long job. Units are words such as "documents", "chunks" or "tokens"."""

    def expect(self, unit: str, count: int) -> None:
        """Add `count` of a unit to the work ahead."""
        ...

    def advance(self, unit: str, count: int = 1) -> None:
        """Report that `count` more of a unit are done."""
        ...


class Documents(Protocol):
    """The documents of an index: their texts and the places in them."""

    @property
    def embedder_identity(self) -> EmbedderIdentity | None:
        """The embedder of all vectors; None while there are no vectors."""
        ...

    def document(self, source: str) -> Document | None:
        """The whole document as it was indexed; None for an unknown source."""
        ...

    def locate(self, source: str, start: int, end: int) -> tuple[Pages | None, str]:
        """The pages of a span (None for a format without pages), and its place in words."""
        ...

    def content_key(self) -> str:
        """A hash that changes with the documents, so that kept answers expire."""
        ...


class Searchable(Protocol):
    """Everything that search and answers need of an index. Passages have numbers; higher scores are better.

    `rag.testing.MemoryStore` is the shortest example, and `rag.testing.StoreContract` tests any implementation.
    """

    @property
    def path(self) -> Path:
        """The folder of the index; for another store, a path to show in messages."""
        ...

    @property
    def catalog(self) -> Documents:
        """The documents behind the passages."""
        ...

    @property
    def embedder(self) -> Embedder:
        """The embedder of the vectors, opened at the first use."""
        ...

    def __len__(self) -> int:
        """The number of passages."""
        ...

    def preload(self) -> None:
        """Load everything now, so that the first search is fast."""
        ...

    def search_vectors(self, question: Vectors, n: int, *, where: Mapping[str, Any] | None = None) -> Scored:
        """At most `n` (passage, cosine) pairs, best first."""
        ...

    def search_words(self, question: str, n: int, *, where: Mapping[str, Any] | None = None) -> Scored:
        """At most `n` (passage, BM25 score) pairs, best first."""
        ...

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """The number of passages that contain each word."""
        ...

    def cosines(self, question: Vectors, chunks: Sequence[int]) -> dict[int, float]:
        """The exact cosine of each passage that still exists."""
        ...

    def documents_of(self, chunks: Sequence[int]) -> dict[int, int]:
        """The number of the document of each passage that still exists."""
        ...

    def vectors_present(self, chunks: Sequence[int]) -> tuple[Chunks, Vectors]:
        """The passages that still exist, in order, and their vectors: float32, one row each."""
        ...

    def first_hits(self, scored: Sequence[tuple[int, float]], n: int) -> list[Hit]:
        """The first `n` passages of a ranking that still exist."""
        ...


class Store(Searchable, Protocol):
    """An index outside of a folder, at an address such as toy://shelf. Entry points `groundtext.stores` open it."""

    def close(self) -> None:
        """Drop the connection."""
        ...


class VectorStore(Protocol):
    """The vectors of one generation of a catalog. A store never changes; `caught_up` returns the next one."""

    @property
    def generation(self) -> int:
        """The generation of the catalog that the store belongs to."""
        ...

    def __len__(self) -> int:
        """The number of vectors."""
        ...

    def ids(self) -> set[int]:
        """The chunks with vectors in the store."""
        ...

    def search(self, question: Vectors, n: int, *, among: Chunks | None = None) -> Scored:
        """At most `n` (chunk, cosine) pairs, best first, ties by lower chunk. `among` limits the chunks; it is ascending."""
        ...

    def caught_up(self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], *, generation: int) -> VectorStore:
        """The store after a change. Chunks that are present already, or removed already, change nothing."""
        ...


@runtime_checkable
class Loader(Protocol):
    """Reads one family of formats. A module with a function `load` is a loader too."""

    def load(self, content: bytes, *, source: str, name: str) -> Document:
        """The document in the bytes of a file. Raises DocumentError, whose `status` says why it cannot be read."""
        ...


@runtime_checkable
class Source(Protocol):
    """A place with documents, such as a bucket or a wiki. `rag.specs.open_source` opens those of installed packages.

    No command reads sources yet; `rag index SCHEME://…` will.
    """

    def items(self) -> Iterable[str]:
        """The names of the documents. A document keeps its name."""
        ...

    def version(self, item: str) -> str:
        """A string that changes with the content of an item, such as an ETag. It must be cheap."""
        ...

    def read(self, item: str) -> bytes:
        """The content of an item. Raises DocumentError if it cannot be read."""
        ...
