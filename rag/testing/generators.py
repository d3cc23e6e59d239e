"""The contract of a generator, and prompts to ask it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest

from rag.errors import UsageError
from rag.protocols import Generator
from rag.sampling import Sampling
from rag.types import Message, Passage, Prompt, Usage

SYSTEM = "You answer briefly."


PASSAGE = Passage(
    1, "The capital of France is Paris. The tower in Paris is 330 metres tall. Paris is on the Seine.", "paris.txt"
)


def prompt(question: str, *, system: str = SYSTEM) -> Prompt:
    return Prompt(question, (PASSAGE,), (Message("system", system), Message("user", f"{PASSAGE.text}\n\n{question}")))


QUESTION = prompt("What is the capital of France, and how tall is the tower in Paris?")


STORY = prompt("Write a story of a thousand words about the tower.")


LONG_PROMPT = prompt("dog tree house " * 2400)


async def everything(generator: Generator, asked: Prompt, sampling: Sampling) -> list[str | Usage]:
    async with aclosing(generator.stream(asked, sampling)) as stream:
        return [part async for part in stream]


def write(generator: Generator, asked: Prompt = QUESTION, **sampling: Any) -> tuple[str, Usage]:
    *pieces, usage = asyncio.run(everything(generator, asked, Sampling(**{"max_tokens": 24, **sampling})))
    assert all(isinstance(piece, str) for piece in pieces)
    assert isinstance(usage, Usage)
    return "".join(map(str, pieces)), usage


class GeneratorContract:
    """Subclass it, name the class Test…, and give it a fixture `generator` whose answer to QUESTION names Paris."""

    def test_fits_the_protocol_and_has_a_name_and_a_window(self, generator: Generator) -> None:
        assert isinstance(generator, Generator)
        assert generator.name
        assert generator.window >= 1024
        assert generator.parallel >= 1

    def test_streams_text_in_pieces_and_one_usage_at_the_end(self, generator: Generator) -> None:
        *pieces, usage = asyncio.run(everything(generator, QUESTION, Sampling(max_tokens=40)))
        assert len(pieces) > 1
        assert all(isinstance(piece, str) and piece for piece in pieces)
        assert isinstance(usage, Usage)
        assert "Paris" in "".join(map(str, pieces))

    def test_reports_the_prompt_tokens_that_it_counts_or_none_where_no_model_reads_them(self, generator: Generator) -> None:
        _, usage = write(generator)
        assert usage.prompt_tokens in (0, generator.count_tokens(QUESTION.messages))

    def test_counts_more_tokens_for_more_text_and_for_more_messages(self, generator: Generator) -> None:
        once = generator.count_tokens(QUESTION.messages)
        longer = Message("user", QUESTION.messages[1].content + " And the river?")
        assert generator.count_tokens([QUESTION.messages[0], longer]) > once
        assert generator.count_tokens([*QUESTION.messages, Message("assistant", "Paris"), Message("user", "Why?")]) > once

    @pytest.mark.parametrize("room", [1, 3, 12])
    def test_never_writes_more_tokens_than_asked_for(self, generator: Generator, room: int) -> None:
        assert write(generator, max_tokens=room)[1].completion_tokens <= room

    def test_can_be_asked_again_after_a_stream_was_closed_in_the_middle(self, generator: Generator) -> None:
        async def first_piece_only() -> str | Usage:
            async with aclosing(generator.stream(QUESTION, Sampling())) as stream:
                return await anext(stream)

        first = asyncio.run(first_piece_only())
        text, _ = write(generator, max_tokens=40)
        assert text.startswith(str(first))

    def test_writes_the_same_answer_in_another_event_loop_and_another_thread(self, generator: Generator) -> None:
        here = write(generator)
        assert write(generator) == here
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(write, generator).result() == here
        with ThreadPoolExecutor(2) as pool:  # beside each other, an engine that computes in bfloat16 may round otherwise
            together = list(pool.map(lambda _: write(generator), range(2)))
        assert all(text and usage.prompt_tokens == here[1].prompt_tokens for text, usage in together)

    def test_serves_several_streams_of_one_event_loop(self, generator: Generator) -> None:
        async def several() -> list[list[str | Usage]]:
            return await asyncio.gather(*(everything(generator, QUESTION, Sampling(max_tokens=8)) for _ in range(5)))

        answers = asyncio.run(several())
        assert all(answer == answers[0] and isinstance(answer[-1], Usage) for answer in answers)

    def test_refuses_an_option_that_it_does_not_obey_and_takes_those_that_it_does(self, generator: Generator) -> None:
        chosen: dict[str, Any] = {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "repetition_penalty": 1.1,
            "seed": 1,
            "stop": ("###",),
        }
        assert "max_tokens" in generator.options
        for name, value in chosen.items():
            if name in generator.options:
                assert write(generator, max_tokens=2, **{name: value})[1].completion_tokens <= 2
            else:
                with pytest.raises(UsageError, match=f"{generator.name} cannot do {name}"):
                    write(generator, **{name: value})
