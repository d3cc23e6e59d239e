"""No prompt ever overflows: random documents, windows and tokenizers, against a server that refuses any overflow."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import aclosing, contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from llm_server import TOKENIZERS, LlmServer

import rag
from rag.answers.context import merged, pack
from rag.errors import ModelError, UsageError
from rag.ingest.sync import add_documents
from rag.models.generators.http import HttpGenerator
from rag.prompts import render_answer_prompt
from rag.sampling import Sampling
from rag.testing.fakes import HashEmbedder
from rag.types import Document, Hit, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Message, Prompt

WORDS = ("tower", "garden", "rises", "34", "metres", "über", "塔は高い", "🎉", "ﷺ", "x" * 40, "\u0958", "<source", "[1]")
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)
TEXT = st.lists(SENTENCE | st.text(max_size=60), min_size=1, max_size=12).map(". ".join)
WINDOW = st.integers(40, 1000) | st.integers(1000, 9000)
EXACT = [f"{tokens}, counted by the server" for tokens in TOKENIZERS]
BOUND = [f"{tokens}, not told" for tokens in TOKENIZERS]
NO_ROOM = "--max-tokens"  # the way out that the message names


@contextmanager
def serving(kind: str) -> Iterator[LlmServer]:
    """A server with one of the tokenizers. Only some kinds count tokens for the client."""
    tokens, _, told = kind.partition(", ")
    with LlmServer(tokens=tokens) as server:
        server.tokenizes = told == "counted by the server"
        yield server


def opened(server: LlmServer) -> HttpGenerator:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return HttpGenerator(f"{server.url}/v1", backoff=0)


def hits_of(texts: list[str]) -> list[Hit]:
    return [Hit(n, 1 / n, f"{n}.txt", "", None, "", 0, len(text), text, n) for n, text in enumerate(texts, 1)]


def packed(question: str, texts: list[str], llm: HttpGenerator, max_tokens: int) -> Prompt:
    return pack(
        question,
        hits_of(texts),
        llm=llm,
        max_tokens=max_tokens,
        merge=lambda hits: merged(hits, between=lambda first, second: None),
        render=render_answer_prompt,
    )


def write(llm: HttpGenerator, prompt: Prompt, max_tokens: int) -> Usage:
    async def last() -> str | Usage:
        async with aclosing(llm.stream(prompt, Sampling(max_tokens=max_tokens))) as stream:
            return [part async for part in stream][-1]

    usage = asyncio.run(last())
    assert isinstance(usage, Usage)
    return usage


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXACT + BOUND)
def test_whatever_is_packed_fits(kind):
    with serving(kind) as server, opened(server) as llm:

        @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(TEXT, min_size=1, max_size=8), SENTENCE, WINDOW, st.integers(1, 600))
        @example(["The tower rises 34 metres."], "How tall?", 9000, 10)
        def overflows_never(texts: list[str], question: str, window: int, max_tokens: int) -> None:
            server.window = llm.window = window
            try:
                prompt = packed(question, texts, llm, max_tokens)
            except UsageError as error:
                if NO_ROOM not in str(error):
                    raise
                return
            usage = write(llm, prompt, max_tokens)
            assert usage.prompt_tokens <= llm.count_tokens(prompt.messages)
            assert usage.prompt_tokens + max_tokens <= window
            if kind in EXACT and len(prompt.passages) < len(texts):
                assert llm.count_tokens(_with_one_more(prompt, question, texts)) + max_tokens > window

        overflows_never()
        assert server.overflows == []
        assert server.chats()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EXACT[0], EXACT[2], BOUND[0], BOUND[2]])
def test_the_server_never_refuses_a_question(kind):
    with serving(kind) as server, opened(server) as llm:
        server.answer = ("The tower rises 34 metres [1]. ", "It has a garden.")

        @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(TEXT, min_size=1, max_size=6), WINDOW, st.integers(1, 400))
        @example(["It has a garden."], 9000, 10)
        def never_refused(texts: list[str], window: int, max_tokens: int) -> None:
            server.window = llm.window = window
            documents = [Document(f"The tower rises 34 metres. {text}", f"{n}.txt", "") for n, text in enumerate(texts)]
            sampling = Sampling(max_tokens=max_tokens)
            with TemporaryDirectory() as folder, rag.open_index(folder, create=True, embedder=HashEmbedder()) as index:
                add_documents(documents, index=index)
                try:
                    answer = rag.ask("How many metres does the tower rise?", index=index, llm=llm, sampling=sampling)
                except UsageError as error:
                    if NO_ROOM not in str(error):
                        raise
                else:
                    assert answer.usage.prompt_tokens == 0 or answer.usage.prompt_tokens + max_tokens <= window

        never_refused()
        assert server.overflows == []
        assert server.chats()


@pytest.mark.parametrize("kind", EXACT)
def test_the_last_token_of_the_window_is_used(kind):
    with serving(kind) as server:
        needed = _tokens_needed(server, max_tokens=20)
        server.window = needed
        with opened(server) as llm:
            prompt = packed("How tall?", ["The tower rises 34 metres."], llm, 20)
            assert write(llm, prompt, 20).prompt_tokens + 20 == server.window
        server.window = needed - 1
        with opened(server) as llm, pytest.raises(UsageError, match=NO_ROOM):
            packed("How tall?", ["The tower rises 34 metres."], llm, 20)


def test_the_server_does_refuse_an_overflow_by_one_token():
    with serving(EXACT[0]) as server:
        server.window = _tokens_needed(server, max_tokens=20)
        with opened(server) as llm:
            prompt = packed("How tall?", ["The tower rises 34 metres."], llm, 20)
            with pytest.raises(ModelError, match="maximum context length"):
                write(llm, prompt, 21)
        assert server.overflows


def _tokens_needed(server: LlmServer, *, max_tokens: int) -> int:
    messages = packed("How tall?", ["The tower rises 34 metres."], opened(server), max_tokens).messages
    return max_tokens + server.count([{"content": message.content} for message in messages])


def _with_one_more(prompt: Prompt, question: str, texts: list[str]) -> tuple[Message, ...]:
    passages = merged(hits_of(texts[: len(prompt.passages) + 1]), between=lambda first, second: None)
    return render_answer_prompt(question, passages)
