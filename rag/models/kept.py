"""Never ask twice: a generator that keeps finished calls in a store and answers repeated ones from it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from rag.errors import CallStoreError, UsageError
from rag.models.call_store import CallStore, Reply, call_key
from rag.models.generators.abstention import abstains
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.generators.whole import gives_whole_answers, whole_answer
from rag.models.identity import identity_of
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from rag.protocols import Generator
    from rag.sampling import Sampling
    from rag.types import Message, Prompt


class KeptGenerator:
    """A generator that answers repeated calls from a store. With the store None, nothing is kept.

    The key of a call is the model's `identity` (default: the generator's own), the messages and the sampling. `fresh` repeats
    calls of earlier runs, but makes no call of this run twice.

    A reader may close a stream early. The text so far is kept too if `reader` names what decided to stop, such as the
    verifier. It then is the whole reply for the same reader, and for no other.

        with CallStore() as store:
            llm = KeptGenerator(rag.open_llm("http://127.0.0.1:8000/v1"), store)
    """

    def __init__(
        self, llm: Generator, store: CallStore | None, *, identity: str = "", fresh: bool = False, reader: str = ""
    ) -> None:
        self._llm, self._store = llm, store
        self._fresh, self._reader = fresh, reader
        self._made_here: set[bytes] = set()
        self._identity = identity

    @property
    def identity(self) -> str:
        """The identity of the generator. May read a file, or ask a server once."""
        self._identity = self._identity or identity_of(self._llm)
        return self._identity

    @property
    def name(self) -> str:
        """The name of the model in answers."""
        return self._llm.name

    @property
    def window(self) -> int:
        """The context window in tokens, for prompt and answer together."""
        return self._llm.window

    @property
    def max_sources(self) -> int | None:
        """The most sources that the model can tell apart; None if only the window limits them."""
        return self._llm.max_sources

    @property
    def options(self) -> frozenset[str]:
        """The fields of Sampling that the generator supports."""
        return self._llm.options

    @property
    def parallel(self) -> int:
        """The maximum useful concurrency."""
        return self._llm.parallel

    @property
    def abstains(self) -> bool:
        """Whether the model writes "not found" where its sources do not answer."""
        return abstains(self._llm)

    @property
    def gives_whole_answers(self) -> bool:
        """Whether whole answers cost less than streams."""
        return gives_whole_answers(self._llm)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered chat prompt."""
        return self._llm.count_tokens(messages)

    def key(self, messages: Sequence[Message], sampling: Sampling) -> bytes:
        """The key of a call in the store."""
        return call_key(self.identity, messages, sampling)

    def find(self, key: bytes) -> Reply | None:
        """The kept reply to a call. Raises CallStoreError."""
        if self._store is None or (self._fresh and key not in self._made_here):
            return None
        return self._store.find(key)

    async def ask(self, prompt: Prompt, sampling: Sampling) -> Reply:
        """The whole reply, from the store or the model. Raises ModelError or CallStoreError."""
        key = self.key(prompt.messages, sampling)
        reply = self.find(key)
        if reply is None:
            reply = Reply(*await whole_answer(self._llm, prompt, sampling))
            self._keep(key, reply)
        return reply

    async def complete(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
        """The text and its usage."""
        reply = await self.ask(prompt, sampling)
        return reply.text, reply.usage

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text as they are written, then a Usage. A kept reply comes in one piece."""
        key = self.key(prompt.messages, sampling)
        key_of_reader = call_key(f"{self.identity}\n{self._reader}", prompt.messages, sampling)
        if reply := self.find(key) or (self.find(key_of_reader) if self._reader else None):
            if reply.text:
                yield reply.text
            yield reply.usage
            return
        texts: list[str] = []
        usage = Usage()
        try:
            async with aclosing(self._llm.stream(prompt, sampling)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Usage):
                        usage = piece
                    else:
                        texts.append(piece)
                    yield piece
        except GeneratorExit:
            if self._reader:
                self._keep(key_of_reader, Reply("".join(texts), Usage(prompt.tokens, len(texts))))
            raise
        self._keep(key, Reply("".join(texts), usage))

    def close(self) -> None:
        """Free the model; the store stays open."""
        self._llm.close()

    def _keep(self, key: bytes, reply: Reply) -> None:
        if self._store is not None:
            self._store.keep(key, reply)
            self._made_here.add(key)


def usual_calls(llm: Generator, sampling: Sampling) -> Path | None:
    """The file in the cache folder where a command keeps the calls of a batch of questions.

    None for random calls (a temperature without a seed), since a repeated call should give another reply. Also None for a
    generator without a model, and if the cache folder cannot be written.
    """
    is_repeatable = sampling.temperature == 0 or sampling.seed is not None
    if not is_repeatable or isinstance(llm, ExtractiveGenerator):
        return None
    try:
        with CallStore() as store:
            return store.path
    except (UsageError, CallStoreError):
        return None
