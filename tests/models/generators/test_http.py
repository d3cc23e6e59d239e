"""The generator over HTTP, against a server that fails in many ways."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from email.utils import formatdate
from time import time
from typing import TYPE_CHECKING

import httpx
import pytest
from clocks import SteppedLoop
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_server import ANSWER, Broken, LlmServer, Refused

import rag
from rag.errors import ModelError, SpecError, UsageError
from rag.models import servers
from rag.models.generators import http_stream
from rag.models.generators.http import CAUTIOUS_WINDOW, HttpGenerator, only_numbers_of
from rag.models.generators.http_served import most_bytes, plain
from rag.models.generators.http_stream import Gate, Streams, event_data
from rag.sampling import Sampling
from rag.specs import open_llm
from rag.types import Message, Passage, Prompt, Usage

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

MESSAGES = (Message("system", "Be brief."), Message("user", "What is the capital of France?"))
ASKED = Prompt("What is the capital of France?", (), MESSAGES)
WITH_SOURCES = Prompt("Why?", tuple(Passage(number, "text", "a.txt") for number in (1, 2, 12)), MESSAGES)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer() as running:
        yield running


def opened(server: LlmServer, model: str | None = None, **options: object) -> HttpGenerator:
    return HttpGenerator(f"{server.url}/v1", model, **{"backoff": 0, **options})


def reticent(server: LlmServer) -> LlmServer:
    """The server tells nothing but its answers."""
    server.models = [{"id": "double"}]
    server.tokenizes = server.tells_window = server.tells_usage = False
    return server


def while_time_flies(server: LlmServer, work: Coroutine[object, object, object]) -> object:
    """The outcome of `work`, for which a minute goes by every 10 ms in which the server lets it wait."""
    loop = SteppedLoop()
    server.while_waiting = lambda: loop.put_forward(60)
    return loop.run(work)


async def parts(generator: HttpGenerator, prompt: Prompt = ASKED, **sampling: object) -> list[str | Usage]:
    async with aclosing(generator.stream(prompt, Sampling(**sampling))) as stream:
        return [part async for part in stream]


def write(generator: HttpGenerator, prompt: Prompt = ASKED, **sampling: object) -> str:
    return "".join(str(part) for part in asyncio.run(parts(generator, prompt, **sampling))[:-1])


def complete(generator: HttpGenerator, prompt: Prompt = ASKED, **sampling: object) -> tuple[str, Usage]:
    return asyncio.run(generator.complete(prompt, Sampling(**sampling)))


class TestOpening:
    def test_the_only_model_is_used_with_its_window(self, server):
        server.window = 777
        with opened(server) as generator:
            assert (generator.name, generator.window) == ("double", 777)
            assert generator.description == f"double at {server.url} (vLLM 0.32.0)"

    @pytest.mark.parametrize(("asked", "window"), [(500, 500), (9000, 777)])
    def test_a_window_can_be_smaller_than_the_servers_not_larger(self, server, asked, window):
        server.window = 777
        assert opened(server, window=asked).window == window

    def test_of_several_models_one_has_to_be_named(self, server):
        server.models = [{"id": "small", "owned_by": "vllm"}, {"id": "large", "owned_by": "vllm"}]
        with pytest.raises(SpecError, match=r"small, large\..*/v1#small$"):
            opened(server)
        assert opened(server, "large").name == "large"

    def test_an_unserved_model_is_refused_with_the_nearest_name(self, server):
        with pytest.raises(SpecError, match=r"duoble.* mean 'double'"):
            opened(server, "duoble")

    def test_an_adapter_has_the_window_of_its_base(self, server):
        server.tells_window = False
        server.models = [
            {"id": "base", "owned_by": "vllm", "max_model_len": 900},
            {"id": "adapter", "owned_by": "vllm", "parent": "base", "max_model_len": None},
        ]
        assert opened(server, "adapter").window == 900

    def test_a_server_that_lists_no_models_needs_a_name(self, server):
        server.routes["/v1/models"] = lambda _: Refused(404, "no")
        with pytest.raises(servers.RefusedError, match=r"/v1/models .*address.* /v1") as caught:
            opened(server)
        assert caught.value.status == 404
        server.models = []
        del server.routes["/v1/models"]
        with pytest.raises(SpecError, match=rf"{server.url}/v1#MODEL"):
            opened(server)

    @pytest.mark.parametrize("data", [5, {"id": "double"}, [5], None, "double"])
    def test_another_list_of_models_lists_none(self, server, data):
        server.routes["/v1/models"] = lambda _: {"data": data}
        with pytest.raises(SpecError, match="#MODEL"):
            opened(server)

    @pytest.mark.parametrize("settings", [None, 5, {}, {"n_ctx": None}])
    def test_llama_cpp_may_keep_its_window_to_itself(self, server, settings):
        server.models, server.tells_window = [{"id": "double", "owned_by": "llamacpp"}], False
        server.routes["/props"] = lambda _: {"default_generation_settings": settings}
        with pytest.warns(RuntimeWarning, match="window"):
            assert opened(server).window == CAUTIOUS_WINDOW

    @pytest.mark.parametrize("answer", [b"<html>Welcome</html>", b"{nonsense", b"", b"[" * 100_000])
    def test_a_server_whose_answer_is_not_json_is_refused(self, server, answer):
        server.routes["/v1/models"] = lambda _: answer
        with pytest.raises(ModelError, match=r"/v1/models.* JSON"):
            opened(server)

    def test_a_server_that_is_not_there_is_named(self, server):
        gone = f"http://127.0.0.1:{_free_port()}"
        with pytest.raises(ModelError, match=gone):
            HttpGenerator(f"{gone}/v1", backoff=0)

    @pytest.mark.parametrize("option", ["window", "parallel"])
    def test_an_option_below_one_is_refused(self, option):
        with pytest.raises(UsageError, match=f"{option} .* 0"):
            HttpGenerator("http://127.0.0.1:1/v1", **{option: 0})

    def test_timeouts_must_be_over_zero(self):
        with pytest.raises(UsageError, match="timeout"):
            HttpGenerator("http://127.0.0.1:1/v1", timeout=0)


class TestSpecs:
    def test_an_address_opens_a_generator_with_and_without_the_model(self, server):
        for spec in (f"{server.url}/v1", f"{server.url}/v1/", f"{server.url}/v1#double"):
            assert open_llm(spec).name == "double"

    def test_an_address_can_set_the_window_and_parallel_streams(self, server):
        generator = open_llm(f"{server.url}/v1?window=512&parallel=3#double")
        assert (generator.window, generator.parallel) == (512, 3)

    @pytest.mark.parametrize(
        ("tail", "message"),
        [
            ("?windw=5", "windw.* mean 'window'"),
            ("?window=", "window .*''"),
            ("?window=0", "window .*'0'"),
        ],
    )
    def test_a_mistake_in_the_address_is_refused(self, tail, message):
        with pytest.raises(SpecError, match=message):
            open_llm(f"http://127.0.0.1:1/v1{tail}")

    @pytest.mark.parametrize("spec", ["http://", "https:///v1", "http://[::1/v1"])
    def test_an_address_without_a_server_is_refused(self, spec):
        with pytest.raises(SpecError, match="http://HOST:PORT/v1"):
            open_llm(spec)

    def test_the_key_of_the_environment_is_sent(self, server, monkeypatch):
        monkeypatch.setenv("RAG_API_KEY", "secret-123")
        server.key = "secret-123"
        assert write(open_llm(f"{server.url}/v1")) == "".join(ANSWER)


class TestRequests:
    def test_a_request_has_the_chosen_options_and_no_others(self, server):
        write(opened(server), max_tokens=9, temperature=0.5, top_p=0.9, top_k=4, repetition_penalty=1.1, seed=7, stop=("x",))
        write(opened(server), temperature=None)
        first, second = server.chats()
        assert first == {
            "model": "double",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": MESSAGES[1].content}],
            "stream": True,
            "stream_options": {"include_usage": True},
            **{
                "max_tokens": 9,
                "temperature": 0.5,
                "top_p": 0.9,
                "top_k": 4,
                "repetition_penalty": 1.1,
                "seed": 7,
                "stop": ["x"],
            },
        }
        assert second.keys() == {"model", "messages", "stream", "stream_options", "max_tokens"}

    @pytest.mark.parametrize("option", [{"top_k": 5}, {"repetition_penalty": 1.2}])
    def test_options_outside_openais_api_are_for_vllm_alone(self, server, option):
        server.models = [{"id": "double", "owned_by": "openai"}]
        with pytest.raises(UsageError, match=f"double .*{next(iter(option))}"):
            write(opened(server), **option)
        assert server.chats() == []

    def test_an_answer_ends_before_a_stop_string(self, server):
        assert write(opened(server), stop=("capital",)) == "Paris is the "

    def test_tokens_that_the_server_had_cached_are_counted(self, server):
        server.cached_tokens = 6
        assert asyncio.run(parts(opened(server)))[-1] == Usage(opened(server).count_tokens(MESSAGES), 8, 6)

    def test_text_that_is_not_well_formed_is_counted_and_sent_alike(self, server):
        broken = Prompt("", (), (Message("user", "a \ud800 b"),))
        generator = opened(server)
        *_, usage = asyncio.run(parts(generator, broken))
        assert usage.prompt_tokens == generator.count_tokens(broken.messages)
        assert server.chats()[0]["messages"][0]["content"] == "a ? b"

    def test_a_prompt_is_counted_once(self, server):
        generator = opened(server)
        before = len(server.requests)
        assert len({generator.count_tokens(list(MESSAGES)) for _ in range(3)}) == 1
        assert len(server.requests) == before + 1


class TestKey:
    def test_a_wrong_key_is_not_tried_again_and_never_shown(self, server):
        server.key = "right"
        with pytest.raises(ModelError, match="RAG_API_KEY") as caught:
            opened(server, api_key="secret-123")
        assert len(server.requests) == 1
        assert "secret-123" not in str(caught.value)
        server.key = "secret-123"
        generator = opened(server, api_key="secret-123")
        server.key = "changed"
        with pytest.raises(ModelError, match=r"401.* 'wrong key Bearer …'") as caught:
            write(generator)
        assert "secret-123" not in str(caught.value)

    def test_a_key_that_no_header_can_carry_is_refused(self):
        with pytest.raises(UsageError, match="RAG_API_KEY") as caught:
            HttpGenerator("http://127.0.0.1:1/v1", api_key="secret\n1")
        assert "secret" not in str(caught.value)

    def test_a_password_in_the_address_is_never_shown(self, server):
        generator = HttpGenerator(f"{server.url.replace('//', '//me:secret@')}/v1")
        server.faults = [Refused(403, "no"), Broken("reset")]
        messages = [generator.description]
        for _ in range(2):
            with pytest.raises(ModelError) as caught:
                write(generator)
            messages.append(str(caught.value))
        assert not any("secret" in message for message in messages)

    def test_a_proxy_is_not_asked_for_a_server_on_this_machine(self, server, monkeypatch):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert write(opened(server)) == "".join(ANSWER)


class TestFailures:
    @pytest.mark.parametrize(
        "faults",
        [
            [Refused(500, "boom"), Refused(503, "busy"), Refused(429, "slow")],
            [Refused(429, "slow", {"Retry-After": "0"})] * 4,
            [Refused(429, "slow", {"Retry-After": formatdate(0)}), Refused(408)],
        ],
    )
    def test_a_call_that_fails_before_its_answer_is_repeated(self, server, faults):
        generator = opened(server)
        server.faults = [*faults]
        assert write(generator) == "".join(ANSWER)
        assert len(server.chats()) == len(faults) + 1

    def test_after_five_attempts_the_servers_own_words_are_shown(self, server):
        generator = opened(server)
        server.faults = [Refused(500, {"error": {"message": "out of memory"}})] * 9
        with pytest.raises(ModelError, match=r"/v1/chat/completions .*500.* 'out of memory'"):
            write(generator)
        assert len(server.chats()) == 5

    def test_a_server_that_asks_for_a_long_wait_is_not_asked_again(self, server):
        generator = opened(server)
        server.faults = [Refused(429, "quota", {"Retry-After": "3600"})]
        with pytest.raises(ModelError, match="3600 seconds"):
            write(generator)
        assert len(server.chats()) == 1

    @pytest.mark.parametrize(
        ("fault", "shown"),
        [
            (Broken("reset"), "lost"),
            (Broken("end"), "stopped"),
            (Broken("error"), "the engine is dead"),
            (Broken(b'data: {"choices": [{"del\n\n'), "JSON"),
            (Broken(b"data: 17\n\n"), "17"),
            (Broken(b'data: {"choices": [{"delta": "text"}]}\n\n'), '"delta": "text"'),
            (Broken(b'data: {"choices": [{"delta": {"content": 5}}]}\n\n'), '"content": 5'),
            (Broken(b'data: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n'), '"prompt_tokens": 1'),
            (Broken(b"data: [DONE]\n\n"), "stopped"),
            (Broken(b"data: " + b"[" * 100_000 + b"\n\n"), "JSON"),
            (Broken(b"data: [DONE]\n\n", pieces=0), "stopped"),
        ],
        ids=["reset", "end", "error", "half", "number", "delta", "content", "usage", "done", "deep", "nothing"],
    )
    def test_a_broken_answer_is_an_error_and_is_not_repeated(self, server, fault, shown):
        generator = opened(server)
        server.faults = [fault]
        received = []

        async def read() -> None:
            async for part in generator.stream(ASKED, Sampling()):
                received.append(part)

        with pytest.raises(ModelError, match=rf"{server.url}.*{shown}"):
            asyncio.run(read())
        assert received == list(ANSWER[: fault.pieces])
        assert len(server.chats()) == 1
        assert write(generator) == "".join(ANSWER)

    @pytest.mark.parametrize("ask", [write, complete], ids=["stream", "whole"])
    @pytest.mark.parametrize("reason", ["content_filter", "abort", "error"])
    def test_an_answer_that_the_server_cut_short_is_an_error(self, server, ask, reason):
        server.finish_reason = reason
        with pytest.raises(ModelError, match=reason):
            ask(opened(server))

    def test_an_answer_that_reached_max_tokens_is_complete(self, server):
        server.finish_reason = "length"
        assert write(opened(server), max_tokens=3) == "Paris is the "

    def test_silence_in_the_middle_is_an_error(self, server):
        generator = opened(server)
        server.faults = [Broken("silence")]
        with pytest.raises(ModelError, match="silent"):
            while_time_flies(server, parts(generator))
        assert len(server.chats()) == 1

    def test_a_server_that_does_not_begin_is_asked_twice(self, server):
        generator = opened(server)
        server.faults = [Refused(500)] * 5
        server.goes_on.clear()
        with pytest.raises(ModelError, match=server.url):
            while_time_flies(server, parts(generator))
        assert len(server.chats()) == 2

    def test_an_answer_in_one_piece_is_accepted(self, server):
        generator = opened(server)
        whole = {
            "choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        }
        server.routes["/v1/chat/completions"] = lambda _: whole
        assert write(generator) == "Paris"

    @pytest.mark.parametrize("sent", [{"object": "list"}, {"choices": []}, ["Paris"]])
    def test_neither_a_stream_nor_an_answer_is_an_error(self, server, sent):
        generator = opened(server)
        server.routes["/v1/chat/completions"] = lambda _: sent
        with pytest.raises(ModelError, match=r"list|choices|Paris"):
            write(generator)

    def test_a_server_that_stops_counting_tokens_is_an_error(self, server):
        generator = opened(server)
        server.routes["/tokenize"] = lambda _: {"count": None}
        with pytest.raises(ModelError, match="/tokenize"):
            generator.count_tokens(MESSAGES)

    def test_it_can_be_used_after_it_was_closed(self, server):
        generator = opened(server)
        generator.close()
        generator.close()
        assert generator.count_tokens(MESSAGES) > 0
        assert write(generator) == "".join(ANSWER)


class TestCancelling:
    def test_the_server_sees_that_nobody_waits_for_a_stream(self, server):
        generator = opened(server)
        server.goes_on.clear()

        async def leave() -> None:
            stream = generator.stream(ASKED, Sampling())
            first = asyncio.ensure_future(anext(stream))
            await asyncio.to_thread(server.wait_until_running, 1)
            assert not first.done()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await stream.aclose()

        asyncio.run(leave())
        assert server.hung_up.wait(60)
        server.goes_on.set()
        assert write(generator) == "".join(ANSWER)

    def test_a_stream_that_is_left_hangs_up_at_once(self, server):
        generator = opened(server)
        server.answer, server.window = ["word "] * 10_000, 100_000

        async def leave() -> bool:
            async with aclosing(generator.stream(ASKED, Sampling(max_tokens=20_000))) as stream:
                await anext(stream)
                server.goes_on.clear()
            return await asyncio.to_thread(server.hung_up.wait, 60)

        assert asyncio.run(leave())
        server.goes_on.set()
        server.answer = ANSWER
        assert write(generator) == "".join(ANSWER)

    def test_the_server_sees_that_nobody_waits_for_a_whole_answer(self, server):
        generator = opened(server)
        server.goes_on.clear()

        async def leave() -> None:
            task = asyncio.create_task(generator.complete(ASKED, Sampling()))
            await asyncio.to_thread(server.wait_until_running, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(leave())
        assert server.hung_up.wait(60)

    def test_an_event_loop_that_has_ended_is_forgotten(self, server):
        generator = opened(server)

        async def leave() -> weakref.ref[asyncio.AbstractEventLoop]:
            async with aclosing(generator.stream(ASKED, Sampling())) as stream:
                await anext(stream)
            await generator.complete(ASKED, Sampling())
            return weakref.ref(asyncio.get_running_loop())

        loop = asyncio.run(leave())
        gc.collect()
        assert loop() is None


class TestManyStreams:
    def test_no_more_are_sent_at_once_than_asked_for(self, server):
        generator = opened(server, parallel=3)

        async def many() -> list[list[str | Usage]]:
            return await asyncio.gather(*(parts(generator) for _ in range(12)))

        answers = asyncio.run(many())
        assert all(answer == answers[0] for answer in answers)
        assert server.most_running <= 3

    def test_as_many_run_at_once_as_asked_for(self, server):
        generator = opened(server, parallel=4)
        server.goes_on.clear()

        async def many() -> None:
            running = [asyncio.create_task(parts(generator)) for _ in range(6)]
            await asyncio.to_thread(server.wait_until_running, 4)
            server.goes_on.set()
            await asyncio.gather(*running)

        asyncio.run(asyncio.wait_for(many(), 20))
        assert server.most_running == 4

    def test_a_busy_server_gets_fewer_at_once_until_it_does_well(self, server, monkeypatch):
        limits = []

        class WatchedGate(Gate):
            def push_back(self, started: float) -> None:
                super().push_back(started)
                limits.append(self.limit)

            def went_well(self) -> None:
                super().went_well()
                limits.append(self.limit)

        monkeypatch.setattr(http_stream, "Gate", WatchedGate)
        generator = opened(server, parallel=8)
        server.faults = [Refused(429)] * 8

        async def many() -> None:
            await asyncio.gather(*(parts(generator) for _ in range(40)))

        asyncio.run(many())
        assert min(limits) <= 4
        assert limits[-1] == 8

    def test_a_stream_that_fails_does_not_disturb_the_others(self, server):
        generator = opened(server)
        server.faults = [None, Broken("reset"), None, Refused(403, "no"), None]

        async def many() -> list[object]:
            return await asyncio.gather(*(parts(generator) for _ in range(5)), return_exceptions=True)

        outcomes = asyncio.run(many())
        assert sum(isinstance(outcome, ModelError) for outcome in outcomes) == 2
        assert sum(isinstance(outcome, list) and outcome[:-1] == list(ANSWER) for outcome in outcomes) == 3

    def test_event_loops_of_several_threads_share_it(self, server):
        generator = opened(server)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: write(generator), range(8))) == {"".join(ANSWER)}


def until_looked_at(server: LlmServer, looks: int) -> list[int]:
    """The looks at a busy server, which answers after so many of them."""
    seen = []

    def metrics(_: object) -> bytes:
        seen.append(len(seen))
        if len(seen) == looks:
            server.goes_on.set()
        return b'vllm:prompt_tokens_total{engine="0"} 5.0\nvllm:generation_tokens_total{engine="0"} %d\n' % len(seen)

    server.routes["/metrics"] = metrics
    server.goes_on.clear()
    return seen


def impatient(server: LlmServer, seconds: float) -> Streams:
    """Calls that look at a silent server after so many seconds; opening and counting may take longer, as on a busy machine."""
    return Streams(f"{server.url}/v1/chat/completions", api_key=None, timeout=seconds, connect=seconds, backoff=0, most=32)


async def whole(streams: Streams, server: LlmServer) -> str:
    request = {"model": "double", "messages": plain(MESSAGES), "max_tokens": 50}
    answer = await streams.whole(request, metrics=f"{server.url}/metrics")
    return str(answer["choices"][0]["message"]["content"])


class TestWholeAnswers:
    def test_they_are_what_a_stream_is(self, server):
        generator = opened(server)
        server.cached_tokens = 3
        *pieces, usage = asyncio.run(parts(generator, WITH_SOURCES, top_k=7))
        assert complete(generator, WITH_SOURCES, top_k=7) == ("".join(pieces), usage)
        streamed, whole = server.chats()
        assert {**whole, "stream": True, "stream_options": {"include_usage": True}} == streamed

    def test_other_servers_than_vllm_stream_them(self, server):
        server.models = [{"id": "double", "owned_by": "openai"}]
        generator = opened(server)
        assert not generator.gives_whole_answers
        assert complete(generator)[0] == "".join(ANSWER)
        assert server.chats()[0]["stream"]

    def test_options_and_windows_are_refused_as_in_a_stream(self, server):
        server.window = 20
        with pytest.raises(ModelError, match="maximum context length is 20 tokens"):
            complete(opened(server), max_tokens=19)

    def test_what_a_server_does_not_know_is_left_out(self, server):
        server.refuses = {"structured_outputs"}
        assert complete(opened(server), WITH_SOURCES)[0] == "".join(ANSWER)

    @pytest.mark.parametrize("fault", [Refused(503, "busy"), Broken("reset")])
    def test_a_call_is_repeated_though_the_connection_breaks(self, server, fault):
        generator = opened(server)
        server.faults = [fault] * 4
        assert complete(generator)[0] == "".join(ANSWER)
        assert len(server.chats()) == 5

    @pytest.mark.parametrize(
        ("body", "shown"),
        [
            (b'{"choices": [{"mess', "JSON"),
            (b"17", "17"),
            (b'{"choices": [{"message": "text"}]}', '"message": "text"'),
            (b'{"choices": [{"message": {"content": 5}}]}', '"content": 5'),
            (b'{"choices": []}', "stopped"),
            (b'{"error": {"message": "the engine is dead"}}', "the engine is dead"),
        ],
    )
    def test_an_incomplete_answer_is_an_error(self, server, body, shown):
        server.faults = [Broken(body)]
        with pytest.raises(ModelError, match=rf"{server.url}.*{shown}"):
            complete(opened(server))

    def test_an_answer_without_text_is_empty(self, server):
        server.faults = [Broken(b'{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}')]
        assert complete(opened(server))[0] == ""

    def test_a_server_that_gets_on_with_others_is_waited_for(self, server):
        looks = until_looked_at(server, 4)
        assert asyncio.run(whole(impatient(server, 0.05), server)) == "".join(ANSWER)
        assert len(looks) >= 4

    @pytest.mark.parametrize(
        "metrics", [b'vllm:generation_tokens_total{engine="0"} 7.0\n', b"process_cpu_seconds_total 1\n", Refused(404, "no")]
    )
    def test_a_server_that_does_nothing_any_more_is_given_up(self, server, metrics):
        server.routes["/metrics"] = lambda _: metrics
        server.faults = [Broken("silence")]
        with pytest.raises(ModelError, match="silent"):
            while_time_flies(server, opened(server).complete(ASKED, Sampling()))
        assert server.hung_up.wait(60)

    @pytest.mark.parametrize("status", [504, 524, 408])
    def test_after_a_gateway_timeout_answers_are_streamed(self, server, status):
        generator = opened(server)
        server.faults = [Refused(status, "gateway timeout")]
        assert [complete(generator)[0] for _ in range(2)] == ["".join(ANSWER)] * 2
        assert [chat.get("stream", False) for chat in server.chats()] == [False, True, True]
        assert not generator.gives_whole_answers

    def test_many_calls_look_at_a_busy_server_together(self, server):
        looks = until_looked_at(server, 3)

        async def many() -> list[str]:
            streams = impatient(server, 0.2)
            return await asyncio.gather(*(whole(streams, server) for _ in range(20)))

        assert set(asyncio.run(many())) == {"".join(ANSWER)}
        assert len(looks) < 10

    def test_without_usage_a_whole_answer_still_counts_its_tokens(self, server):
        server.tells_usage = False
        assert complete(opened(server))[1].completion_tokens > 3

    def test_a_batch_asks_for_whole_answers_and_a_person_for_streams(self, server, index, folder):
        rag.sync([folder], index=index)
        server.answer = ("The tower is 34 metres tall [1].",)
        llm = opened(server)
        (batched,) = rag.ask_many(["How tall is the tower?"], index=index, llm=llm)
        watched = rag.ask("How tall is the tower?", index=index, llm=llm, on_sentence=lambda *_: None)
        assert batched.text == watched.text == "The tower is 34 metres tall [1]."
        assert [chat.get("stream", False) for chat in server.chats()] == [False, True]


class TestGate:
    def test_refusals_of_concurrent_calls_halve_the_limit_once(self):
        async def limits() -> list[int]:
            gate, seen = Gate(32), []
            began = gate.now()
            for started in (began, began, gate.now() + 1000, gate.now() + 2000):
                gate.push_back(started)
                seen.append(gate.limit)
            return seen

        assert asyncio.run(limits()) == [16, 16, 8, 4]

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["enter", "leave", "cancel", "busy", "well"]), max_size=60), st.integers(1, 5))
    def test_nobody_is_let_in_over_the_limit_and_no_place_is_lost(self, steps, most):
        async def walk() -> None:
            gate, calls, inside, time = Gate(most), [], 0, 0.0
            for step in steps:
                entered = [call for call in calls if call.done()]
                if step == "enter":
                    calls.append(asyncio.create_task(gate.__aenter__()))
                elif step == "leave" and entered:
                    calls.remove(entered[0])
                    await gate.__aexit__()
                elif step == "cancel" and calls and not calls[-1].done():
                    calls.pop().cancel()
                elif step == "busy":
                    time += 1e9
                    gate.push_back(time)
                elif step == "well":
                    gate.went_well()
                before, limit = inside, gate.limit
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                inside = sum(call.done() for call in calls)
                assert inside <= max(limit, before)
            while waiting := [call for call in calls if not call.done()]:
                assert sum(call.done() for call in calls) >= gate.limit
                calls.remove(next(call for call in calls if call.done()))
                await gate.__aexit__()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert not waiting

        asyncio.run(walk())


class TestUnknownServers:
    def test_a_server_that_tells_nothing_gets_bounds_and_a_warning(self, server):
        with pytest.warns(RuntimeWarning, match=r"window.* tokens .*window=32768#MODEL") as caught:
            generator = opened(reticent(server))
        assert len(caught) == 1
        assert generator.window == CAUTIOUS_WINDOW
        assert generator.description == f"double at {server.url}"
        assert generator.count_tokens(MESSAGES) >= server.count([{"content": message.content} for message in MESSAGES])
        *text, usage = asyncio.run(parts(generator))
        assert "".join(text) == "".join(ANSWER)
        assert usage == Usage(generator.count_tokens(MESSAGES), len(ANSWER))

    def test_with_a_window_only_the_count_is_warned_of(self, server):
        with pytest.warns(RuntimeWarning, match="tokens"):
            assert opened(reticent(server), window=9000).window == 9000

    @pytest.mark.parametrize("name", ["context_length", "context_window", "max_context_length"])
    def test_a_window_is_known_by_other_names(self, server, name):
        reticent(server).models[0][name] = 5000
        with pytest.warns(RuntimeWarning):
            assert opened(server).window == 5000

    def test_a_server_that_counts_something_else_is_not_trusted(self, server):
        server.routes["/tokenize"] = lambda _: {"tokens": [1, 2]}
        with pytest.warns(RuntimeWarning, match="tokens"):
            assert opened(server).count_tokens(MESSAGES) > 128

    def test_a_server_that_tells_all_gets_no_warning(self, server):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            opened(server).close()

    @settings(deadline=None)
    @given(st.text())
    def test_the_bound_on_bytes_holds_in_every_normal_form(self, text):
        from unicodedata import normalize

        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            assert len(normalize(form, text).encode("utf-8", "replace")) <= most_bytes(text)

    def test_one_character_may_become_many(self):
        assert most_bytes("ﷺ") == len("صلى الله عليه وسلم".encode()) > len("ﷺ".encode())


class TestNumbersInBrackets:
    def test_vllm_is_asked_for_numbers_of_sources_only(self, server):
        write(opened(server), WITH_SOURCES)
        assert server.chats()[0]["structured_outputs"] == {"regex": only_numbers_of(WITH_SOURCES.passages)}

    def test_without_sources_or_on_another_server_nothing_is_asked(self, server):
        write(opened(server))
        write(opened(server, constrain=False), WITH_SOURCES)
        server.models = [{"id": "double", "owned_by": "openai"}]
        write(opened(server), WITH_SOURCES)
        assert not any("structured_outputs" in chat for chat in server.chats())

    def test_a_server_that_refuses_it_is_asked_without_from_then_on(self, server):
        generator = opened(server)
        server.refuses = {"structured_outputs"}
        assert [write(generator, WITH_SOURCES) for _ in range(2)] == ["".join(ANSWER)] * 2
        assert [("structured_outputs" in chat, "stream_options" in chat) for chat in server.chats()] == [
            (True, True),
            (False, True),
            (False, True),
        ]

    def test_a_server_that_knows_no_stream_options_is_asked_without(self, server):
        generator = opened(server)
        server.refuses, server.tells_usage = {"stream_options"}, False
        *text, usage = asyncio.run(parts(generator))
        assert ("".join(text), usage) == ("".join(ANSWER), Usage(generator.count_tokens(MESSAGES), len(ANSWER)))

    def test_a_refusal_that_has_another_reason_changes_nothing(self, server):
        generator = opened(server)
        server.window = 20
        with pytest.raises(ModelError, match="maximum context length is 20 tokens"):
            write(generator, WITH_SOURCES, max_tokens=19)
        server.window = 4096
        write(generator, WITH_SOURCES)
        assert "structured_outputs" in server.chats()[-1]

    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ("", True),
            ("It is tall [1]. So is that [2][12].\n«Ja»", True),
            ("a ] b", True),
            ("It is tall [3].", False),
            ("It is tall [1, 2].", False),
            ("[source 1]", False),
            ("It is tall [1", False),
            ("[[1]]", False),
        ],
    )
    def test_the_expression_allows_any_text_and_only_known_numbers(self, text, fits):
        assert bool(re.fullmatch(only_numbers_of(WITH_SOURCES.passages), text)) == fits


class TestEvents:
    @settings(deadline=None)
    @given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n"), min_size=1), max_size=5), st.data())
    def test_events_are_read_however_the_network_cuts_them(self, texts, data):
        end = data.draw(st.sampled_from([b"\n", b"\r\n"]))
        events = [text.encode("utf-8", "replace") for text in texts]
        stream = b": ping" + end * 2 + b"".join(b"event: x" + end + b"data: " + event + end * 2 for event in events)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        blocks = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert asyncio.run(self._read(blocks)) == events

    def test_the_last_event_counts_without_its_blank_line(self):
        assert asyncio.run(self._read([b"data:one\n\ndata: t", b"wo"])) == [b"one", b"two"]

    def test_an_event_of_several_lines_is_one(self):
        assert asyncio.run(self._read([b"data: one\ndata: two\n\n"])) == [b"one\ntwo"]

    async def _read(self, blocks: list[bytes]) -> list[bytes]:
        async def arriving():
            for block in blocks:
                yield block

        return [data async for data in event_data(arriving())]

    @pytest.mark.parametrize("block", [b"x" * 5000, b"data: x\n" * 600])
    def test_an_event_that_never_ends_is_no_part_of_an_answer(self, block):
        read = []

        async def endless():
            yield b"data: "
            while True:
                read.append(len(block))
                yield block

        async def first():
            return [data async for data in event_data(endless(), "http://h:1/v1")]

        with pytest.raises(ModelError, match=r"http://h:1 .*1,000,000 bytes"):
            asyncio.run(first())
        assert sum(read) < 5_000_000

    @pytest.mark.parametrize(
        "delta", [{"content": "It is tall, very tall. "}, {"content": "x" * 9000}, {"reasoning_content": "Hm."}]
    )
    def test_a_server_that_exceeds_max_tokens_is_hung_up_on(self, server, delta):
        generator = opened(server)
        event = b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"
        server.faults = [Broken(event * 5000, pieces=0)]  # and then no end, which would be an error
        *pieces, usage = asyncio.run(parts(generator, max_tokens=10))
        assert usage.completion_tokens == len(pieces) < 200

    def test_an_answer_that_comes_a_character_at_a_time_is_not_cut(self, server):
        event = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'
        end = b'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\ndata: [DONE]\n\n'
        server.faults = [Broken(event * 1000 + end, pieces=0)]
        assert write(opened(server), max_tokens=200) == "x" * 1000

    def test_characters_that_events_tear_apart_are_whole_again(self, server):
        server.answer = ("a \ud83d", "\ude00 b", " \ud83d")
        pieces = asyncio.run(parts(opened(server)))[:-1]
        assert pieces == ["a ", "😀 b", " ", "\ufffd"]


class TestRetryRules:
    @pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("", 0), ("soon", 0), ("-3", 0), ("a date", 500)])
    def test_retry_after_is_a_number_or_a_date(self, header, seconds):
        header = formatdate(time() + 500) if header == "a date" else header
        response = httpx.Response(429, headers={"Retry-After": header}, request=httpx.Request("POST", "http://h/v1"))
        assert servers.refusal(response).wait == pytest.approx(seconds, abs=60)

    def test_a_slow_server_gets_two_attempts_and_an_absent_one_more(self):
        slow, absent = httpx.ReadTimeout("slow"), httpx.ConnectError("refused")
        assert [servers.unreachable("http://h/v1", slow, attempt=attempt).again for attempt in (1, 2)] == [True, False]
        assert [servers.unreachable("http://h/v1", absent, attempt=attempt).again for attempt in (1, 2)] == [True, True]

    def test_waits_double_with_chance(self):
        failures = [servers.RefusedError("busy", status=503)] * (servers.ATTEMPTS - 1)
        for number, waits in enumerate(zip(*(waits_after(failures) for _ in range(50)), strict=True)):
            assert 2**number / 2 <= min(waits) < max(waits) <= 2**number

    def test_a_wait_is_never_shorter_than_the_server_asks_for(self):
        assert waits_after([servers.RefusedError("busy", status=429, wait=9.0)]) == [9]

    def test_the_last_failure_is_raised(self):
        failures = [servers.RefusedError(f"busy {number}", status=503) for number in range(servers.ATTEMPTS)]
        with pytest.raises(servers.RefusedError) as raised:
            waits_after(failures)
        assert raised.value is failures[-1]

    def test_an_error_that_no_attempt_can_help_is_raised_at_once(self):
        with pytest.raises(servers.RefusedError):
            waits_after([servers.RefusedError("no such model", status=404)])

    def test_other_errors_are_not_caught(self):
        with pytest.raises(ZeroDivisionError), servers.Attempts("http://h/v1", backoff=1.0):
            raise ZeroDivisionError


def waits_after(failures):
    """The waits between attempts that fail in turn."""
    attempts, waits = servers.Attempts("http://h/v1", backoff=1.0), []
    for failure in failures:
        with attempts:
            raise failure
        waits.append(attempts.seconds_before_next())
    return waits


def test_an_answer_names_the_model(server, index, folder):
    rag.sync([folder], index=index)
    server.answer = ("The tower is 34 metres tall [1]. ", "It was built in 1872 [9].")
    answer = rag.ask("How tall is the tower?", index=index, llm=f"{server.url}/v1")
    assert answer.model == "double"
    assert [sentence.support for sentence in answer.sentences] == ["full", "full"]
    assert answer.usage.prompt_tokens > 50


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
