"""The seams: the shapes that components of somebody else's have to fit.

An object that fits one of them can be passed wherever the toolkit asks for such a component. `rag.testing` has a suite for each
seam, with which a component can prove itself.
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
    """Text to vectors of length 1, so that the inner product of two is their cosine."""

    @property
    def identity(self) -> EmbedderIdentity:
        """What an index remembers of this embedder."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted, nothing cut."""
        ...

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        """One row a text, in the order given: float32, shape (len(texts), dimension).

        `on_progress` is called with the number of texts newly done. Raises ModelError for a text over the token limit.
        """
        ...

    def embed_question(self, text: str) -> Vectors:
        """float32, shape (dimension,). A question over the token limit is embedded piece by piece and averaged."""
        ...


@runtime_checkable
class EmbedsQuestions(Protocol):
    """An embedder that takes less time for several questions than for one after the other, and keeps their vectors for a while."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimension): row by row what `embed_question` gives, up to rounding."""
        ...


@runtime_checkable
class Generator(Protocol):
    """A model that writes an answer piece by piece.

    It may have four more members: `identity` (see `Identified`), those of `Completes`, `abstains` (see `Abstains`), and `description`,
    a text that says to a person which model it is and where it runs.
    """

    @property
    def name(self) -> str:
        """What the answer calls the model."""
        ...

    @property
    def window(self) -> int:
        """Tokens that prompt and answer share."""
        ...

    @property
    def max_sources(self) -> int | None:
        """How many sources the model can tell apart; None where only its window limits them."""
        ...

    @property
    def options(self) -> frozenset[str]:
        """The fields of Sampling that this generator obeys; a `stream` with another one set raises UsageError."""
        ...

    @property
    def parallel(self) -> int:
        """How many streams at once make use of it; more wait for their turn."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered chat prompt, counted by the model's own tokenizer and template."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text as they are written; a Usage at the end. Closing the iterator cancels the call."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class Completes(Protocol):
    """A generator that can give a whole answer at once, which may cost less than a stream."""

    @property
    def gives_whole_answers(self) -> bool:
        """Whether it costs less. If not, a stream is asked for, which a reader can close early."""
        ...

    async def complete(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
        """The text and its usage. Cancelling it makes the model stop. Raises what a stream of the same raises."""
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
    """A model that reads question and passage together."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, higher for better."""
        ...


@runtime_checkable
class Verifier(Protocol):
    """Judges whether passages bear out a sentence."""

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The judged sentence, and the supporting spans as (passage, start, end) with offsets into the passage's text."""
        ...


@runtime_checkable
class ChecksAll(Protocol):
    """A verifier that takes several sentences at once."""

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """Each sentence as `check` judges it."""
        ...


class Identified(Protocol):
    """A generator, reranker or verifier that can be told apart from others of its kind.

    Finished work is kept under this identity. A component without one is known by its class and its name.

        class Reranks:
            identity = "reranks 2, weights 3f9a"
    """

    @property
    def identity(self) -> str:
        """Everything besides its input that determines its output: the weights, the server, the settings."""
        ...


@runtime_checkable
class Progress(Protocol):
    """Watches a long job. Units are words such as "documents", "chunks" or "tokens"."""

    def expect(self, unit: str, count: int) -> None:
        """`count` more of a unit are to be done."""
        ...

    def advance(self, unit: str, count: int = 1) -> None:
        """`count` more of a unit are done."""
        ...


class Documents(Protocol):
    """The documents behind a search: their texts and the places in them."""

    @property
    def embedder_identity(self) -> EmbedderIdentity | None:
        """The embedder of all vectors; None while there are none."""
        ...

    def document(self, source: str) -> Document | None:
        """The whole document as it was indexed; None if there is none of that source."""
        ...

    def locate(self, source: str, start: int, end: int) -> tuple[Pages | None, str]:
        """The pages of a span, None for a format without pages, and its place in words."""
        ...

    def content_key(self) -> str:
        """A hash that changes with the documents, so that answers are kept only as long as they hold."""
        ...


class Searchable(Protocol):
    """Everything that search and answers ask of an index. Passages are known by their number; higher scores are better.

    `rag.testing.MemoryStore` is the shortest that fits, and `rag.testing.StoreContract` tests any.
    """

    @property
    def path(self) -> Path:
        """Where the index is: its folder, or for another store a path that messages show."""
        ...

    @property
    def catalog(self) -> Documents:
        """The documents behind the passages."""
        ...

    @property
    def embedder(self) -> Embedder:
        """The embedder of the vectors. It is opened at the first use."""
        ...

    def __len__(self) -> int:
        """The number of passages."""
        ...

    def preload(self) -> None:
        """Read from disk now, so that the first search does not have to."""
        ...

    def search_vectors(self, question: Vectors, n: int, *, where: Mapping[str, Any] | None = None) -> Scored:
        """At most `n` (passage, cosine) pairs, best first."""
        ...

    def search_words(self, question: str, n: int, *, where: Mapping[str, Any] | None = None) -> Scored:
        """At most `n` (passage, BM25 score) pairs, best first."""
        ...

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """The number of passages that hold each word."""
        ...

    def cosines(self, question: Vectors, chunks: Sequence[int]) -> dict[int, float]:
        """The exact cosine of each passage; passages that are gone are left out."""
        ...

    def documents_of(self, chunks: Sequence[int]) -> dict[int, int]:
        """A number for the document of each passage; passages that are gone are left out."""
        ...

    def vectors_present(self, chunks: Sequence[int]) -> tuple[Chunks, Vectors]:
        """The passages that are still there, in the given order, and their vectors: float32, a row each."""
        ...

    def first_hits(self, scored: Sequence[tuple[int, float]], n: int) -> list[Hit]:
        """The first `n` passages of a ranking that are still there."""
        ...


class Store(Searchable, Protocol):
    """An index that is not in a folder, as the entry points `groundtext.stores` open it at an address such as toy://shelf."""

    def close(self) -> None:
        """Drop the connection."""
        ...


class VectorStore(Protocol):
    """The vectors of one generation of a catalog. A store never changes: `caught_up` gives the next one."""

    @property
    def generation(self) -> int:
        """The generation of the catalog whose chunks it holds."""
        ...

    def __len__(self) -> int:
        """The number of vectors."""
        ...

    def ids(self) -> set[int]:
        """The chunks whose vectors it holds."""
        ...

    def search(self, question: Vectors, n: int, *, among: Chunks | None = None) -> Scored:
        """At most `n` (chunk, cosine) pairs, best first, ties by lower chunk. `among`, ascending, limits the chunks."""
        ...

    def caught_up(self, added: Sequence[int], vectors: Vectors, removed: Sequence[int], *, generation: int) -> VectorStore:
        """The store after a change. Chunks that it holds already, and removals that it knows, change nothing."""
        ...


@runtime_checkable
class Loader(Protocol):
    """Reads one family of formats. A module with such a function is a loader too."""

    def load(self, content: bytes, *, source: str, name: str) -> Document:
        """The document in the bytes of a file. Raises DocumentError, whose `status` says why there is none."""
        ...


@runtime_checkable
class Source(Protocol):
    """A place that holds documents, such as a bucket or a wiki. `rag.specs.open_source` opens one of a package.

    No command reads sources yet; `rag index SCHEME://…` will.
    """

    def items(self) -> Iterable[str]:
        """The names of its documents. The same document keeps its name."""
        ...

    def version(self, item: str) -> str:
        """A mark that changes whenever the content of an item does, such as an ETag. Cheap to ask for."""
        ...

    def read(self, item: str) -> bytes:
        """The content of an item. Raises DocumentError if it cannot be read."""
        ...
