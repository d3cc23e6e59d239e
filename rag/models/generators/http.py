"""A model behind OpenAI's chat API: vLLM's server above all, llama.cpp's, and any other."""

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
"""Tokens that prompt and answer share where the server does not tell."""

STANDARD_OPTIONS = ALL_OPTIONS - {"top_k", "repetition_penalty"}
PENALTY_NAMES = {"vLLM": "repetition_penalty", "llama.cpp": "repeat_penalty"}
PARALLEL = {"vLLM": 512, "": 8}
"""Calls worth having at once. vLLM batches what it can and lets the rest wait in its own queue; llama.cpp tells its slots."""

CHARACTERS_A_TOKEN = 4
COUNTED_PROMPTS = 1024
CUT_SHORT = frozenset({"content_filter", "abort", "error"})
"""Why a server may end an answer that is not complete. "length" is no such reason: `max_tokens` was asked for."""


class HttpGenerator:
    """Writes with a model on a server; several streams, threads and event loops may use it at once.

    `base_url` ends before /chat/completions, as in http://127.0.0.1:8000/v1. Opening asks the server for its models; `model`
    None is the only one it has. Window and token counts are the server's own (vLLM, llama.cpp); `window` can make the window
    smaller. Where the server does not tell, a warning says so: the window is then `window`, else CAUTIOUS_WINDOW, and a
    prompt counts as its UTF-8 bytes and what a chat template may add, which no byte-level tokenizer exceeds.

    `timeout` is the longest silence of a stream and `connect_timeout` the longest time to connect, in seconds. No more than `parallel`
    streams of one event loop are sent at once, fewer while the server says that it is busy; the others wait. Calls are tried
    again until an answer has begun, the first time after `backoff` seconds. `constrain` lets vLLM write no bracketed number
    that is not a passage's; an opening bracket can then begin nothing else.

    Raises ModelError where the server cannot be used, SpecError for a model that it does not serve.
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
        if untold := _untold(bool(known), exact is not None):
            warnings.warn(f"{shown(base_url)} does not tell {untold}", RuntimeWarning, stacklevel=2)
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
        """The model's name and its origin as the server describes it; its address where the server says nothing."""
        return f"{self.name} {origin_on(self._server, self.name) or self._server.base_url}"

    @property
    def description(self) -> str:
        """Model, place and kind of server, for a person."""
        kind = f" ({self._served.kind} {self._served.version}".rstrip() + ")" if self._served.kind else ""
        return f"{self.name} at {origin(self._server.base_url)}{kind}"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Exactly the prompt tokens that a stream of the same messages reports, or no fewer where the server does not count."""
        return self._count(tuple(messages))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of whole characters, then a Usage. Closing the iterator makes the server stop, and so does this one where a
        server writes on and on, clearly more than `max_tokens`.

        Raises ModelError, also in the middle where the connection is lost: an answer is complete or an error.
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
        """Whether it is vLLM: for each token of a stream it wakes up its client, whose batch may share the machine with it.

        No longer where something on the way has not waited for a whole answer.
        """
        return self._served.kind == "vLLM" and not self._is_impatient

    async def complete(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
        """The whole answer at once, for batches that nobody watches. Cancelling it makes the server stop.

        It is asked for again where the connection is lost before it is there. The server is given up when it has done nothing, for
        anyone, between two looks that are `timeout` apart. Raises ModelError and UsageError as `stream` does.
        """
        if not self.gives_whole_answers:
            return await joined(self.stream(prompt, sampling))
        check_options(sampling, model=self.name, able=self.options)
        request = self._request(prompt, sampling)
        del request["stream"], request["stream_options"]
        answer = _Answer(self.description)
        try:
            told = await self._streams.whole(request, metrics=f"{self._server.root}/metrics")
        except RefusedError as refused:
            if refused.status not in TOO_LATE:
                raise
            self._is_impatient = True
            return await joined(self.stream(prompt, sampling))
        text = answer.text_of(told) + answer.rest()
        return text, answer.usage or Usage(prompt.tokens, max(1, len(text) // CHARACTERS_A_TOKEN))

    def close(self) -> None:
        """Drop the connections. The generator can be used again."""
        self._server.close()

    def _request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """What was chosen, in the server's words; the rest is left out."""
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
    """A regular expression for any text whose opening brackets begin the number of a passage, as in "It is tall [1].".

    Stretches of text and numbers take turns, for xgrammar takes 0.05 ms a token over that; over the same set of texts put as
    one choice a character, 100 ms.
    """
    numbers = "|".join(str(passage.number) for passage in passages)
    return rf"[^\[]*(\[({numbers})\][^\[]*)*"


class _Answer:
    """Puts the events of one answer together, and tells whether it is complete."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._half_character = ""
        self._is_complete = False
        self.usage: Usage | None = None
        self.events = self.pieces = self.characters = 0

    def text_of(self, event: dict[str, Any]) -> str:
        """The text that an event adds, or that a whole answer is, in whole characters.

        Raises ModelError for what is no part of an answer.
        """
        self.events += 1
        try:
            self.usage = _usage(event) or self.usage
            for choice in event.get("choices") or ():
                said = choice["message"] if "message" in choice else choice["delta"]
                text = said.get("content") or ""
                self._end(choice.get("finish_reason"))
                self.pieces += bool(text)
                self.characters += len(text)
                return self._whole(text)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError(
                f"{self._description} sent {json.dumps(event)[:80]} in the middle of an answer, which is no part of one."
            ) from error
        return ""

    def is_over(self, max_tokens: int) -> bool:
        """Whether it is clearly longer than was asked for; it then counts as complete, as one that the server has cut there.

        A server may send a token in several pieces or several tokens in one, hence pieces and characters; the events of a
        model that thinks may have neither.
        """
        many_pieces = self.pieces > 2 * max_tokens + 64 and self.characters > 16 * max_tokens + 1024
        is_over = many_pieces or self.characters > 256 * max_tokens + 65_536 or self.events > 64 * max_tokens + 4096
        self._is_complete = self._is_complete or is_over
        return is_over

    def rest(self) -> str:
        """What is held back at the end. Raises ModelError where the answer is not complete."""
        if not self._is_complete:
            raise ModelError(f"{self._description} stopped before its answer was complete. Ask again; its log tells more.")
        return "\ufffd" if self._half_character else ""

    def _end(self, reason: str | None) -> None:
        if reason in CUT_SHORT:
            raise ModelError(f"{self._description} broke its answer off: {reason}.")
        self._is_complete = self._is_complete or bool(reason)

    def _whole(self, text: str) -> str:
        """The text with surrogates joined that events have torn apart; half a character waits for its other half."""
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


def _untold(window: bool, exact: bool) -> str:
    """What a server keeps to itself, and what is done about it; empty where it tells all."""
    if window and exact:
        return ""
    cure = (
        f"Prompts are kept within {CAUTIOUS_WINDOW} tokens; if the model reads more, name its window: …/v1?window=32768#MODEL"
    )
    bound = "A prompt counts as its bytes, three to five times what it takes, so fewer sources fit."
    if window:
        return f"how many tokens a prompt takes. {bound}"
    return f"its window. {cure}" if exact else f"its window, nor how many tokens a prompt takes. {cure} {bound}"


def _refuse_below_one(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}.")
