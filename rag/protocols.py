"""The seams. Whatever fits one of these shapes can be passed where a model is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from rag.sampling import Sampling
    from rag.types import EmbedderIdentity, Message, Passage, Prompt, Sentence, Usage

    Vectors = npt.NDArray[np.float32]


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
    """A model that writes an answer piece by piece."""

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
class Reranker(Protocol):
    """A model that reads question and passage together."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, higher for better."""
        ...


@runtime_checkable
class Verifier(Protocol):
    """Judges whether passages bear out a sentence."""

    def check(self, sentence: str, passages: Sequence[Passage]) -> tuple[Sentence, list[tuple[Passage, int, int]]]:
        """The judged sentence, and the supporting spans as (passage, start, end) with offsets into the passage's text."""
        ...


@runtime_checkable
class ChecksAll(Protocol):
    """A verifier that takes several sentences at once."""

    def check_all(
        self, sentences: Sequence[str], passages: Sequence[Passage]
    ) -> list[tuple[Sentence, list[tuple[Passage, int, int]]]]:
        """Each sentence as `check` judges it."""
        ...
