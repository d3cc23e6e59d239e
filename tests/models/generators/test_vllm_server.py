"""A real vLLM behind `rag llm start`, with the generator over HTTP and the commands."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from vllm_server import MODEL, WINDOW, Command, warm_vllm

from rag.errors import ModelError
from rag.models.generators.http import HttpGenerator
from rag.models.generators.vllm_server import recorded_server
from rag.sampling import Sampling
from rag.testing.generators import LONG_PROMPT, PASSAGE, QUESTION, STORY, GeneratorContract, prompt, write
from rag.types import Message, Prompt, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Command, dict[str, Any]]]:
    """The command `rag`, and what `rag llm start` told of the server."""
    with warm_vllm(tmp_path_factory.mktemp("state")) as started:
        yield started


@pytest.fixture(scope="module")
def rag_command(warm: tuple[Command, dict[str, Any]]) -> Command:
    return warm[0]


@pytest.fixture(scope="module")
def started(warm: tuple[Command, dict[str, Any]]) -> dict[str, Any]:
    return warm[1]


@pytest.fixture(scope="module")
def key(rag_command: Command) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_STATE", rag_command.environment["RAG_STATE"])
        return recorded_server().api_key


@pytest.fixture(scope="module")
def generator(started: dict[str, Any], key: str) -> Iterator[HttpGenerator]:
    with HttpGenerator(started["url"], api_key=key) as opened:
        yield opened


@pytest.fixture(scope="module")
def small_index(rag_command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "tower.txt").write_text(
        "The Vereen tower is 34 metres tall. It was built in 1872 by Ada Brandt.", encoding="utf-8"
    )
    rag_command.run("index", str(folder), "--index", str(folder / "index"))
    return folder / "index"


class TestContract(GeneratorContract):
    """Over the fixture `generator`."""


class TestTheServer:
    def test_tells_its_window_and_what_it_is(self, generator):
        assert generator.window == WINDOW
        assert generator.name == MODEL.name
        assert re.fullmatch(rf"{MODEL.name} at http://127\.0\.0\.1:\d+ \(vLLM \d[\w.]*\)", generator.description)

    @pytest.mark.parametrize(
        "text", ["", " \n\n ", "日本語の質問", "👨‍👩‍👧 family", "e\u0301 \u2028 \x85", "<|im_end|>", "x" * 2000]
    )
    def test_counts_exactly_what_it_reads(self, generator, text):
        asked = Prompt("", (), (Message("system", text), Message("user", text)))
        assert write(generator, asked, max_tokens=1)[1].prompt_tokens == generator.count_tokens(asked.messages)

    def test_reads_up_to_its_last_token_and_refuses_one_more(self, generator):
        def words(count: int) -> Prompt:
            return prompt("dog " * count)

        fits = 1000 + WINDOW - 8 - generator.count_tokens(words(1000).messages)
        assert write(generator, words(fits), max_tokens=8)[1].prompt_tokens == WINDOW - 8
        with pytest.raises(ModelError, match=str(WINDOW)):
            write(generator, LONG_PROMPT, max_tokens=8)

    def test_writes_only_numbers_of_passages_in_brackets(self, generator):
        asked = prompt("Repeat this exactly: The tower is tall [7]. It is in Paris [8][9]. The river is long [12].")
        assert "[" in write(HttpGeneratorWithout(generator), asked, max_tokens=40)[0]
        assert set(re.findall(r"\[.?", write(generator, asked, max_tokens=60)[0])) <= {f"[{PASSAGE.number}"}

    def test_says_how_much_of_a_prompt_it_knew(self, generator):
        asked = prompt("Who painted it?", system="You answer briefly. " * 100)
        write(generator, asked, max_tokens=1)
        usage = write(generator, asked, max_tokens=1)[1]
        assert usage.cached_tokens > usage.prompt_tokens / 2

    def test_a_stream_that_is_closed_stops_the_server(self, generator, rag_command):
        async def one_piece() -> None:
            async with aclosing(generator.stream(STORY, Sampling(max_tokens=1800))) as stream:
                await anext(stream)

        started = time.perf_counter()
        asyncio.run(one_piece())
        while rag_command.json("llm", "status")["running"]:
            assert time.perf_counter() - started < 20
        assert write(generator, QUESTION, max_tokens=1)

    def test_many_streams_are_answered_together(self, generator):
        begun: set[int] = set()
        begun_before_one_ended: list[int] = []

        async def one(number: int) -> None:
            asked = prompt(f"Question {number}: how tall is the tower?")
            async for piece in generator.stream(asked, Sampling(max_tokens=48)):
                if isinstance(piece, Usage):
                    begun_before_one_ended.append(len(begun))
                begun.add(number)

        async def all_of_them() -> None:
            await asyncio.gather(*(one(number) for number in range(8)))

        asyncio.run(all_of_them())
        assert begun_before_one_ended[0] > 1

    def test_without_its_key_it_answers_nobody(self, started):
        with pytest.raises(ModelError, match="401"):
            HttpGenerator(started["url"], api_key="another")


class HttpGeneratorWithout:
    """The same generator, free to write any number."""

    def __init__(self, generator: HttpGenerator) -> None:
        self._generator = generator

    def stream(self, asked: Prompt, sampling: Sampling) -> Any:
        return self._generator.stream(Prompt(asked.question, (), asked.messages), sampling)


class TestTheCommands:
    def test_ask_finds_the_server_without_a_flag(self, rag_command, small_index):
        told = rag_command.json("ask", "How tall is the Vereen tower?", "--index", str(small_index))
        assert told["model"] == MODEL.name

    @pytest.mark.parametrize("suffix", ["", f"#{MODEL.name}"])
    def test_ask_answers_from_the_documents_over_http(self, rag_command, started, small_index, suffix):
        url = f"{started['url']}{suffix}"
        told = rag_command.json("ask", "How tall is the Vereen tower?", "--index", str(small_index), "--llm", url)
        assert (told["model"], told["answerable"]) == (MODEL.name, True)
        assert "34" in told["answer"]
        assert told["citations"][0]["quote"].startswith("The Vereen tower is 34 metres tall.")
        assert told["usage"]["prompt_tokens"] > 50

    def test_starting_it_again_does_nothing(self, rag_command, started):
        again = rag_command.json("llm", "start", str(MODEL))
        assert (again["pid"], again["since"]) == (started["pid"], started["since"])

    def test_status_tells_how_much_of_the_prompts_was_known(self, rag_command, generator):
        asked = prompt("Who built it?", system="You answer briefly. " * 100)  # a CPU build knows prompts by 128 tokens
        write(generator, asked, max_tokens=1)
        write(generator, asked, max_tokens=1)
        status = rag_command.json("llm", "status")
        assert (status["state"], status["waiting"]) == ("ready", 0)
        assert 0 < status["cached_tokens"] < status["prompt_tokens"]
        assert status["options"] == {"max_model_len": WINDOW}

    def test_it_sends_nobody_what_it_serves(self, started):
        with open(f"/proc/{started['pid']}/environ", "rb") as file:  # noqa: PTH123
            environment = dict(entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry)
        assert environment[b"VLLM_NO_USAGE_STATS"] == b"1"
        assert json.dumps(started).find("api_key") == -1
