"""A generator that repeats no finished call."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from llm_server import LlmServer

from rag.errors import ModelError
from rag.models.call_store import CallStore
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.generators.http import HttpGenerator
from rag.models.kept import KeptGenerator, usual_calls
from rag.sampling import Sampling
from rag.testing.fakes import ScriptedGenerator
from rag.testing.generators import QUESTION, GeneratorContract, everything, prompt
from rag.types import Usage

ANSWER = ["The tower ", "is tall. ", "It is red."]


@pytest.fixture
def store(tmp_path):
    with CallStore(tmp_path / "calls.sqlite") as opened:
        yield opened


@pytest.fixture
def model():
    return ScriptedGenerator([ANSWER, ["Another answer."]])


class TestContract(GeneratorContract):
    @pytest.fixture(params=["a store", "no store"])
    def generator(self, request, store):
        with LlmServer() as server, HttpGenerator(f"{server.url}/v1") as inner:
            yield KeptGenerator(inner, store if request.param == "a store" else None)


def read(generator, asked=QUESTION, pieces=None, **sampling):
    """The text, and the usage if the stream was read to its end."""

    async def some():
        async with aclosing(generator.stream(asked, Sampling(**sampling))) as stream:
            return [await anext(stream) for _ in range(pieces)]

    parts = asyncio.run(some() if pieces else everything(generator, asked, Sampling(**sampling)))
    return "".join(part for part in parts if isinstance(part, str)), next((p for p in parts if isinstance(p, Usage)), None)


def test_a_finished_call_is_not_made_again(model, store):
    first = read(KeptGenerator(model, store))
    assert read(KeptGenerator(model, store)) == first == ("".join(ANSWER), first[1])
    assert len(model.prompts) == 1


def test_a_whole_answer_and_a_stream_are_the_same_call(model, store):
    text, usage = asyncio.run(KeptGenerator(model, store).complete(QUESTION, Sampling()))
    assert read(KeptGenerator(model, store)) == (text, usage)
    assert len(model.prompts) == 1


@pytest.mark.parametrize("other", ["identity", "messages", "sampling"])
def test_another_call_is_made(model, store, other):
    read(KeptGenerator(model, store))
    identity, asked = "another" if other == "identity" else "", prompt("Why?") if other == "messages" else QUESTION
    sampling = {"seed": 1} if other == "sampling" else {}
    assert read(KeptGenerator(model, store, identity=identity), asked, **sampling)[0] == "Another answer."


def test_a_fresh_run_makes_the_calls_of_earlier_runs_once(model, store):
    read(KeptGenerator(model, store))
    generator = KeptGenerator(model, store, fresh=True)
    assert [read(generator)[0] for _ in range(2)] == ["Another answer."] * 2
    assert read(KeptGenerator(model, store))[0] == "Another answer."


def test_without_a_store_each_call_is_made(model):
    generator = KeptGenerator(model, None)
    assert [read(generator)[0] for _ in range(2)] == ["".join(ANSWER), "Another answer."]


def test_a_failed_call_is_made_again(store):
    model = ScriptedGenerator([ModelError("gone"), ANSWER])
    with pytest.raises(ModelError):
        read(KeptGenerator(model, store))
    assert read(KeptGenerator(model, store))[0] == "".join(ANSWER)


def test_a_reply_that_a_reader_stopped_is_kept_for_that_reader(model, store):
    assert read(KeptGenerator(model, store, reader="strict"), pieces=2)[0] == "".join(ANSWER[:2])
    assert read(KeptGenerator(model, store, reader="strict"))[0] == "".join(ANSWER[:2])
    assert read(KeptGenerator(model, store, reader="lenient"))[0] == "Another answer."


def test_a_reply_that_nobody_in_particular_broke_off_is_not_kept(model, store):
    read(KeptGenerator(model, store), pieces=2)
    assert read(KeptGenerator(model, store))[0] == "Another answer."


@pytest.mark.parametrize(
    ("sampling", "is_kept"),
    [
        (Sampling(), True),
        (Sampling(temperature=1.0, seed=3), True),
        (Sampling(temperature=1.0), False),
        (Sampling(temperature=None), False),
    ],
    ids=["likeliest", "seed", "by chance", "the model's own"],
)
def test_commands_keep_only_calls_that_give_the_same_reply_again(model, sampling, is_kept, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    assert usual_calls(model, sampling) == (tmp_path / "cache" / "calls.sqlite" if is_kept else None)
    assert usual_calls(ExtractiveGenerator(), sampling) is None


def test_commands_keep_nothing_in_a_read_only_cache_folder(model, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    assert usual_calls(model, Sampling()) is None


@pytest.mark.parametrize("inner", [True, False])
def test_it_abstains_as_its_generator_does(model, store, inner):
    assert KeptGenerator(model, store).abstains
    model.abstains = inner
    assert KeptGenerator(model, store).abstains == inner


def test_a_generator_without_a_model_does_not_abstain(store):
    assert not KeptGenerator(ExtractiveGenerator(), store).abstains
