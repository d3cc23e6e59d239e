"""A model behind OpenAI's chat API: vLLM's server, llama.cpp's, or any other."""

from __future__ import annotations

import asyncio
import json
import warnings
from contextlib import aclosing
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError, UsageError
from rag.models.generators.http_served import exact_count, look, most_tokens, origin_on, plain
from rag.models.generators.http_stream import TOO_LATE, Streams
from rag.models.generators.whole import joined
from rag.models.servers import RefusedError, Server, most_connections, origin, shown
from rag.sampling import ALL_OPTIONS, check_options
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from rag.sampling import Sampling
    from rag.types import Message, Passage, Prompt

CAUTIOUS_WINDOW = 4096
"""The context window in tokens that is assumed if the server does not report one."""

STANDARD_OPTIONS = ALL_OPTIONS - {"top_k", "repetition_penalty"}
PENALTY_NAMES = {"vLLM": "repetition_penalty", "llama.cpp": "repeat_penalty"}
PARALLEL = {"vLLM": 512, "": 8}
"""Useful concurrency by kind of server. vLLM batches and queues calls itself; llama.cpp reports its slots."""

CHARACTERS_A_TOKEN = 4
COUNTED_PROMPTS = 1024
CUT_SHORT = frozenset({"content_filter", "abort", "error"})
"""Finish reasons of an incomplete answer. "length" is not among them, since the request has `max_tokens`."""


class HttpGenerator:
    """A generator on a server. Several streams, threads and event loops may use it at once.

    `base_url` ends before /chat/completions, as in http://127.0.0.1:8000/v1. Opening asks the server for its models; `model`
    None is its only model. Window and token counts come from the server (vLLM, llama.cpp); `window` can make the window
    smaller. A server that reports neither causes a warning. The window is then `window`, else CAUTIOUS_WINDOW. A prompt then
    counts as its UTF-8 bytes plus room for a chat template, which no byte-level tokenizer exceeds.

    `timeout` is the longest silence of a stream, and `connect_timeout` the longest time to connect, in seconds. At most
    `parallel` streams of one event loop are sent at once, and fewer while the server is busy; others wait. Calls are retried
    until an answer begins, first after `backoff` seconds. With `constrain`, vLLM writes only numbers of passages in brackets,
    and nothing else after an opening bracket.

    Raises ModelError if the server cannot be used, SpecError for a model that it does not serve.

        with HttpGenerator("http://127.0.0.1:8000/v1") as llm:
            answer = rag.ask("Who signs it off?", index="indexes/handbook", llm=llm)
    """

    max_sources = None

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        window: int | None = None,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        parallel: int | None = None,
        backoff: float = 0.25,
        constrain: bool = True,
    ) -> None:
        _refuse_below_one(window=window, parallel=parallel)
        if min(timeout, connect_timeout) <= 0:
            raise UsageError(f"timeout and connect_timeout must be over 0 seconds, not {timeout} and {connect_timeout}.")
        self._server = Server(base_url, api_key=api_key, timeout=timeout, backoff=backoff)
        try:
            self._served = look(self._server, model)
        except BaseException:
            self._server.close()
            raise
        self.name = self._served.model
        self._is_impatient = False
        self._constrain = constrain and self._served.kind == "vLLM"
        exact = exact_count(self._server, self._served)
        self._count = lru_cache(maxsize=COUNTED_PROMPTS)(exact) if exact else most_tokens
        known = [tokens for tokens in (window, self._served.window) if tokens]
        self.window = min(known, default=CAUTIOUS_WINDOW)
        if missing := _missing(bool(known), exact is not None):
            warnings.warn(f"{shown(base_url)} does not tell {missing}", RuntimeWarning, stacklevel=2)
        self.options = ALL_OPTIONS if self._served.kind else STANDARD_OPTIONS
        self.parallel = parallel or self._served.slots or min(PARALLEL.get(self._served.kind, 1), most_connections())
        self._streams = Streams(
            f"{self._server.base_url}/chat/completions",
            api_key=api_key,
            timeout=timeout,
            connect=connect_timeout,
            backoff=backoff,
            most=self.parallel,
        )

    def __enter__(self) -> HttpGenerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """The model's name and its origin as the server reports it, or the server's address."""
        return f"{self.name} {origin_on(self._server, self.name) or self._server.base_url}"

    @property
    def description(self) -> str:
        """Model, address and kind of server, for people."""
        kind = f" ({self._served.kind} {self._served.version}".rstrip() + ")" if self._served.kind else ""
        return f"{self.name} at {origin(self._server.base_url)}{kind}"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The prompt tokens that a stream of the same messages reports; an upper bound if the server does not count."""
        return self._count(tuple(messages))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of whole characters, then a Usage. Closing the iterator stops the server.

        The stream also stops a server that writes far more than `max_tokens`. Raises ModelError, also in the middle when the
        connection is lost: an answer is complete, or an error.
        """
        check_options(sampling, model=self.name, able=self.options)
        answer = _Answer(self.description)
        async with aclosing(self._streams.events(self._request(prompt, sampling))) as events:
            async for event in events:
                if text := answer.text_of(event):
                    yield text
                if answer.is_over(sampling.max_tokens):
                    break
        if rest := answer.rest():
            yield rest
        if answer.usage is None:
            tokens = prompt.tokens or await asyncio.to_thread(self.count_tokens, prompt.messages)
            answer.usage = Usage(tokens, answer.pieces)
        yield answer.usage

    @property
    def gives_whole_answers(self) -> bool:
        """Whether whole answers cost less: True for vLLM, which wakes up its client for each token of a stream.

        False after a proxy did not wait for a whole answer.
        """
        return self._served.kind == "vLLM" and not self._is_impatient

    async def complete(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
        """The whole answer at once, for batches that nobody watches. Cancelling the task stops the server.

        The call is retried if the connection is lost before the answer. It fails if the server made no progress, for any
        client, between two checks `timeout` seconds apart. Raises the errors of `stream`.
        """
        if not self.gives_whole_answers:
            return await joined(self.stream(prompt, sampling))
        check_options(sampling, model=self.name, able=self.options)
        request = self._request(prompt, sampling)
        del request["stream"], request["stream_options"]
        answer = _Answer(self.description)
        try:
            event = await self._streams.whole(request, metrics=f"{self._server.root}/metrics")
        except RefusedError as refused:
            if refused.status not in TOO_LATE:
                raise
            self._is_impatient = True
            return await joined(self.stream(prompt, sampling))
        text = answer.text_of(event) + answer.rest()
        return text, answer.usage or Usage(prompt.tokens, max(1, len(text) // CHARACTERS_A_TOKEN))

    def close(self) -> None:
        """Drop the connections. The generator can be used again."""
        self._server.close()

    def _request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """The body of a request, with the options that are set."""
        chosen = {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            PENALTY_NAMES.get(self._served.kind, ""): sampling.repetition_penalty,
            "seed": sampling.seed,
            "stop": list(sampling.stop) or None,
            "structured_outputs": {"regex": only_numbers_of(prompt.passages)} if self._constrain and prompt.passages else None,
        }
        return {
            "model": self.name,
            "messages": plain(prompt.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            **{name: value for name, value in chosen.items() if value is not None},
        }


def only_numbers_of(passages: Sequence[Passage]) -> str:
    """A regular expression for texts in which every opening bracket begins a passage's number, as in "It is tall [1].".

    Text and numbers alternate, which xgrammar checks in 0.05 ms a token. A choice for each character takes it 100 ms.
    """
    numbers = "|".join(str(passage.number) for passage in passages)
    return rf"[^\[]*(\[({numbers})\][^\[]*)*"


class _Answer:
    """Joins the events of one answer, and checks that it is complete."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._half_character = ""
        self._is_complete = False
        self.usage: Usage | None = None
        self.events = self.pieces = self.characters = 0

    def text_of(self, event: dict[str, Any]) -> str:
        """The text of an event, or of a whole answer, in whole characters. Raises ModelError for an invalid event."""
        self.events += 1
        try:
            self.usage = _usage(event) or self.usage
            for choice in event.get("choices") or ():
                message = choice["message"] if "message" in choice else choice["delta"]
                text = message.get("content") or ""
                self._end(choice.get("finish_reason"))
                self.pieces += bool(text)
                self.characters += len(text)
                return self._whole(text)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError(
                f"{self._description} sent {json.dumps(event)[:80]} in the middle of an answer, which is not valid there."
            ) from error
        return ""

    def is_over(self, max_tokens: int) -> bool:
        """Whether the answer is far longer than `max_tokens`. It then counts as complete, as if the server had cut it.

        A server may split a token into pieces, or join several in one, so both pieces and characters count. Events count
        too, since those of a model that thinks may have no text.
        """
        many_pieces = self.pieces > 2 * max_tokens + 64 and self.characters > 16 * max_tokens + 1024
        is_over = many_pieces or self.characters > 256 * max_tokens + 65_536 or self.events > 64 * max_tokens + 4096
        self._is_complete = self._is_complete or is_over
        return is_over

    def rest(self) -> str:
        """The text still held back at the end. Raises ModelError if the answer is not complete."""
        if not self._is_complete:
            raise ModelError(f"{self._description} stopped before its answer was complete. Ask again, and see its log.")
        return "\ufffd" if self._half_character else ""

    def _end(self, reason: str | None) -> None:
        if reason in CUT_SHORT:
            raise ModelError(f"{self._description} broke its answer off: {reason}.")
        self._is_complete = self._is_complete or bool(reason)

    def _whole(self, text: str) -> str:
        """The text, with surrogate pairs joined that were split between events. Half a character is held back."""
        text = self._half_character + text
        if text.isascii():
            return text
        cut = len(text) - ("\ud800" <= text[-1:] <= "\udbff")
        self._half_character = text[cut:]
        return text[:cut].encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _usage(event: dict[str, Any]) -> Usage | None:
    usage = event.get("usage")
    if not usage:
        return None
    details = usage.get("prompt_tokens_details") or {}
    return Usage(int(usage["prompt_tokens"]), int(usage["completion_tokens"]), int(details.get("cached_tokens") or 0))


def _missing(window: bool, exact: bool) -> str:
    """What a server does not report, and the consequence; empty if it reports everything."""
    if window and exact:
        return ""
    limit = (
        f"Prompts are kept within {CAUTIOUS_WINDOW} tokens; if the model reads more, name its window: …/v1?window=32768#MODEL"
    )
    bound = "A prompt counts as its bytes, three to five times what it takes, so fewer sources fit."
    if window:
        return f"how many tokens a prompt takes. {bound}"
    return f"its window. {limit}" if exact else f"its window, nor how many tokens a prompt takes. {limit} {bound}"


def _refuse_below_one(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}.")
