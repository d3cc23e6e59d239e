"""Small components without a model, which keep the same contracts as the real ones."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import ModelError
from rag.sampling import ALL_OPTIONS
from rag.types import EmbedderIdentity, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from rag.protocols import Vectors
    from rag.sampling import Sampling
    from rag.types import Message, Prompt


class HashEmbedder:
    """Gives each token a fixed random direction; a text is the sum of its tokens, so texts that share words are close.

    Tokens are words in lower case, single characters of scripts without spaces, and single other visible signs.

    >>> embedder = HashEmbedder()
    >>> carp, soup = embedder.embed_passages(["Seven carp live in the pond.", "Soup costs 4 crowns."])
    >>> question = embedder.embed_question("How many carp live here?")
    >>> bool(question @ carp > question @ soup)
    True
    """

    def __init__(self, *, name: str = "hash", dimension: int = 256, max_tokens: int = 254) -> None:
        self.identity = EmbedderIdentity(name, "words-1", dimension, max_tokens, pooling="sum")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(_tokens(text)) for text in texts]

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        """One row a text. Raises ModelError for a text over `max_tokens`."""
        vectors = np.zeros((len(texts), self.identity.dimension), np.float32)
        for row, (text, count) in enumerate(zip(texts, self.count_tokens(texts), strict=True)):
            if count > self.identity.max_tokens:
                raise ModelError(f"Passage {row} has {count} tokens; {self.identity.name} reads {self.identity.max_tokens}.")
            vectors[row] = self.embed_question(text)
            if on_progress:
                on_progress(1)
        return vectors

    def embed_question(self, text: str) -> Vectors:
        """The vector of a text of any length."""
        total = sum((_direction(token, self.identity.dimension) for token in _tokens(text) or [""]), start=np.float32(0))
        return np.asarray(total / np.linalg.norm(total), np.float32)


class CountingEmbedder(HashEmbedder):
    """A HashEmbedder that keeps every passage it has embedded, in `embedded`."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        """One row a text; the texts are noted."""
        self.embedded += texts
        return super().embed_passages(texts, on_progress=on_progress)


class ScriptedGenerator:
    """Streams the given answers in order, piece by piece; an answer that is an exception is raised instead.

    Tokens are words, and 4 more for each message. An answer ends before the piece that would exceed `max_tokens`. `prompts` and
    `samplings` keep what was asked.

    >>> llm = ScriptedGenerator([["The tower is ", "34 metres tall."]])
    >>> llm.name, llm.window
    ('scripted', 4096)
    """

    name = "scripted"
    max_sources = None
    options = ALL_OPTIONS
    parallel = 4

    def __init__(self, answers: Sequence[Sequence[str] | Exception], *, window: int = 4096) -> None:
        self.answers = list(answers)
        self.window = window
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []
        self.closed = False

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words of the messages, and 4 for each."""
        return sum(4 + len(message.content.split()) for message in messages)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """The pieces of the next answer, then a Usage. Raises ModelError for a prompt over the window."""
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        tokens = self.count_tokens(prompt.messages)
        if tokens + sampling.max_tokens > self.window:
            raise ModelError(f"The prompt has {tokens} tokens and the window of {self.name} is {self.window}.")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        written = 0
        for piece in answer:
            if written + len(piece.split()) > sampling.max_tokens:
                break
            written += len(piece.split())
            yield piece
        yield Usage(tokens, written)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


def _tokens(text: str) -> list[str]:
    return re.findall(
        r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]", text.lower()
    )


@lru_cache(maxsize=10_000)
def _direction(token: str, dimension: int) -> Vectors:
    seed = int.from_bytes(blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    direction = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    direction.flags.writeable = False  # it is handed out again
    return direction
