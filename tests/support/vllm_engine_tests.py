"""vLLM's engine in the process, for real. tests/models/generators/test_vllm.py runs this file in the environment that holds vLLM."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paths import ROOT
from vllm_server import MODEL

from rag.errors import ModelError, UsageError
from rag.models.generators.vllm import VllmGenerator
from rag.protocols import Generator
from rag.sampling import Sampling
from rag.testing.generators import LONG_PROMPT, PASSAGE, QUESTION, STORY, GeneratorContract, everything, prompt, write
from rag.types import Message, Prompt, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = {"kv_cache_memory_bytes": 2**30}


@pytest.fixture(scope="module")
def generator() -> Iterator[Generator]:
    with VllmGenerator(str(MODEL), window=2048, engine=SMALL) as opened:
        yield opened


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=200)), max_size=4), st.text())
def test_counts_exactly_what_the_model_reads(generator, turns, last):
    asked = Prompt("", (), (*(Message(role, text) for role, text in turns), Message("user", last)))
    assert write(generator, asked, max_tokens=1)[1].prompt_tokens == generator.count_tokens(asked.messages)


def test_whole_answers_are_those_that_are_streamed(generator):
    assert asyncio.run(generator.complete(QUESTION, Sampling(max_tokens=24)))[0] == write(generator, QUESTION)[0]


def test_says_how_much_of_a_prompt_it_knew(generator):
    asked = prompt("Who painted it?", system="You answer briefly. " * 100)
    write(generator, asked, max_tokens=1)
    for usage in (write(generator, asked, max_tokens=1)[1], asyncio.run(generator.complete(asked, Sampling(max_tokens=1)))[1]):
        assert usage.prompt_tokens > usage.cached_tokens > usage.prompt_tokens / 2


def test_writes_only_numbers_of_passages_in_brackets(generator):
    asked = prompt("Repeat this exactly: The tower is tall [7]. It is in Paris [8][9]. The river is long [12].")
    assert "[" in write(generator, Prompt("", (), asked.messages), max_tokens=40)[0]
    assert set(re.findall(r"\[.?", write(generator, asked, max_tokens=60)[0])) <= {f"[{PASSAGE.number}"}


def test_a_prompt_that_fills_the_window_is_refused(generator):
    with pytest.raises(ModelError, match=r"has \d+ tokens and \S+ reads 2048, answer included"):
        write(generator, LONG_PROMPT)


def test_what_vllm_refuses_is_told_in_its_words(generator):
    with pytest.raises(UsageError, match=r"vLLM refuses the request: temperature must be in \[0, 2\]"):
        write(generator, temperature=5.0)


def test_a_seed_makes_chance_repeatable(generator):
    first, second, other = (write(generator, STORY, temperature=1.0, seed=seed, max_tokens=30)[0] for seed in (1, 1, 2))
    assert first == second != other


def test_an_answer_ends_before_a_stop_string(generator):
    whole = write(generator, QUESTION)[0]
    assert write(generator, QUESTION, stop=(whole[8:12],))[0] == whole[: whole.index(whole[8:12])]


def test_closing_a_stream_frees_the_engine(generator):
    async def one_piece() -> None:
        async with aclosing(generator.stream(STORY, Sampling(max_tokens=1800))) as stream:
            await anext(stream)

    asyncio.run(one_piece())
    processor = generator._loaded()._engine.output_processor
    ends = time.monotonic() + 10
    while processor.get_num_unfinished_requests():
        assert time.monotonic() < ends


def test_one_failed_answer_does_not_fail_those_beside_it(generator):
    async def several() -> list[object]:
        asked = [QUESTION, LONG_PROMPT, QUESTION]
        return await asyncio.gather(
            *(everything(generator, one, Sampling(max_tokens=8)) for one in asked), return_exceptions=True
        )

    first, failed, last = asyncio.run(several())
    assert isinstance(failed, ModelError)
    assert isinstance(first[-1], Usage)
    assert first == last


PROGRAM = f"""
import asyncio, json, os, sys
from rag.models.generators.vllm import VllmGenerator
from rag.sampling import Sampling
from rag.types import Message, Prompt

story = Prompt("", (), (Message("user", "Write a long story about a tower."),))

async def pieces(stream, count=None):
    async for piece in stream:
        print("piece", flush=True)

if __name__ == "__main__":
    generator = VllmGenerator({str(MODEL)!r}, window=2048, engine={SMALL!r})
    try:
        asyncio.run(pieces(generator.stream(story, Sampling(max_tokens=1900))))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    asyncio.run(pieces(generator.stream(story, Sampling(max_tokens=3))))
    print("answered", flush=True)

    async def closed_in_the_middle():
        stream = generator.stream(story, Sampling(max_tokens=1900))
        await anext(stream)
        closing = asyncio.create_task(asyncio.to_thread(generator.close))
        try:
            async for _ in stream:
                pass
        finally:
            await closing

    try:
        asyncio.run(closed_in_the_middle())
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


class TestContract(GeneratorContract):
    """Over the fixture `generator`."""


class TestAWholeProgram:
    def test_control_c_stops_an_answer_and_not_the_model_and_closing_stops_all(self, tmp_path):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM, encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, str(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "piece\n"
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            said, errors = process.communicate(timeout=120)
        last = [line for line in said.splitlines() if line != "piece"]
        assert last == ["interrupted", "answered", f"ModelError {MODEL.name} was closed before its answer was complete."], (
            errors
        )
        assert process.returncode == 0
        assert "Traceback" not in errors
        assert "never retrieved" not in errors
        assert [
            line for line in errors.splitlines() if f"{ROOT}/rag/" in line
        ] == []  # libraries may warn as they end; we do not
