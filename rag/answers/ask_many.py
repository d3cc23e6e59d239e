"""Many questions at once: each finished answer is kept, and a run that was stopped goes on where it was.

Questions are prepared in windows, the first ones small so that the model starts early. Within a window, those that are
answered from the same passages stand together, so that a server which keeps the beginnings of prompts has to read them once.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Unpack

from rag.answers.answer import reader_of, write
from rag.answers.answer_file import AnswerFile, answer_keys
from rag.answers.evidence import texts_to_embed
from rag.answers.options import AskKeywords, AskOptions
from rag.answers.question import Prepared, prepare, retrieve_distinct
from rag.arguments import listed, require, require_call, require_path, takes
from rag.errors import RagError, UsageError
from rag.models.call_store import CallStore
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.identity import identity_of
from rag.models.kept import KeptGenerator
from rag.protocols import EmbedsQuestions
from rag.specs import using_llm, using_searchable
from rag.system.loops import run
from rag.types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rag.protocols import Generator, Searchable
    from rag.retrieval.retrieve import Retrieved

    OnAnswer = Callable[["Answer | FailedAnswer"], None]
    _Numbered = tuple[int, "str | FailedAnswer"]

EMBEDDED_TOGETHER = 32
FIRST_WINDOW, LARGEST_WINDOW = 4, 256
"""Questions that are prepared together; each window is twice as long as the one before it."""


@dataclass(frozen=True, slots=True)
class FailedAnswer:
    """A question that could not be answered for a reason that lies not in the documents; `error` says why and what next."""

    question: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """The failure as docs/reference/json.md describes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where answers and finished calls are kept, under which names, and whether those that are there count."""

    path: Path | str | None
    ids: Sequence[object]
    fresh: bool
    calls: Path | str | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """What all the questions of a run have in common. `writer` is `llm`, with its finished calls kept.

    `ready` is put a None for each worker at the end.
    """

    index: Searchable
    llm: Generator
    writer: Generator
    options: AskOptions
    keep: Callable[[int, Answer | FailedAnswer], None]
    ready: asyncio.Queue[tuple[int, Prepared | FailedAnswer] | None]


@takes(AskKeywords, AskOptions)
def ask_many(
    questions: Sequence[str | FailedAnswer],
    *,
    index: Searchable | str | Path,
    llm: Generator | str = "local",
    output: Path | str | None = None,
    ids: Sequence[object] = (),
    fresh: bool = False,
    calls: Path | str | None = None,
    on_answer: OnAnswer | None = None,
    **options: Unpack[AskKeywords],
) -> list[Answer | FailedAnswer]:
    """The answers in the order of the questions; a question that fails does not fail the others.

    As many are asked at once as the model takes (`llm.parallel`). With `output`, a file of JSON lines, each answer is
    written as it is there, and what a stopped run has answered is not asked again as long as index, model and options are
    the same; `fresh` asks all again. Answers to other questions that the file has stay in front.
    With `calls`, an SQLite file, each finished call of the model is kept there, as in `summarize`. It is not made again, even if
    the output is another one, or other options than those of the prompt have changed.
    `ids`, one a question, stand in its lines. A question that has failed before it is asked stays so. `on_answer` is
    called with each answer as it comes, in any order.
    """
    kept = Kept(output, ids, fresh, calls)
    return run(asked_many(questions, index, llm, AskOptions.of(options), kept, on_answer))


@takes(AskKeywords, AskOptions)
async def aask_many(
    questions: Sequence[str | FailedAnswer],
    *,
    index: Searchable | str | Path,
    llm: Generator | str = "local",
    output: Path | str | None = None,
    ids: Sequence[object] = (),
    fresh: bool = False,
    calls: Path | str | None = None,
    on_answer: OnAnswer | None = None,
    **options: Unpack[AskKeywords],
) -> list[Answer | FailedAnswer]:
    """`ask_many` for code that runs in an event loop."""
    kept = Kept(output, ids, fresh, calls)
    return await asked_many(questions, index, llm, AskOptions.of(options), kept, on_answer)


async def asked_many(
    questions: Sequence[str | FailedAnswer],
    index: Searchable | str | Path,
    llm: Generator | str,
    options: AskOptions,
    kept: Kept,
    on_answer: OnAnswer | None = None,
) -> list[Answer | FailedAnswer]:
    """The answers of `ask_many`, whose options are checked and opened."""
    questions = listed(questions, "questions", kinds=(str, FailedAnswer))
    ids = listed(kept.ids, "ids", kinds=(str, int, float, type(None)), of="ids, texts or numbers")
    if kept.path is not None:
        require_path(kept.path, "output", "the path of a file")
    if kept.calls is not None:
        require_path(kept.calls, "calls", "the path of a file")
    require_call(on_answer, "on_answer")
    _check_ids(ids, len(questions))
    with using_searchable(index) as opened, using_llm(llm) as generator, _store(generator, kept) as store:
        texts = [one.question if isinstance(one, FailedAnswer) else one for one in questions]
        keys = await asyncio.to_thread(answer_keys, texts, opened, generator, options)
        with AnswerFile(kept.path, texts, keys, ids=ids, fresh=kept.fresh) as file:
            done: dict[int, Answer | FailedAnswer] = {place: Answer.from_dict(told) for place, told in file.known.items()}
            left = [(place, question) for place, question in enumerate(questions) if place not in done]

            def keep(place: int, answer: Answer | FailedAnswer) -> None:
                done[place] = answer
                file.add(place, answer.to_dict())
                if on_answer:
                    on_answer(answer)

            writer = await _writer(generator, store, options, fresh=kept.fresh)
            ready: asyncio.Queue[tuple[int, Prepared | FailedAnswer] | None] = asyncio.Queue(2 * max(1, generator.parallel))
            await _answer_all(left, _Work(opened, generator, writer, options, keep, ready))
    return [done[place] for place in range(len(questions))]


def _store(llm: Generator, kept: Kept) -> AbstractContextManager[CallStore | None]:
    """The store of calls; None where none is named, or there is no model to call."""
    return nullcontext() if kept.calls is None or isinstance(llm, ExtractiveGenerator) else CallStore(kept.calls)


async def _writer(llm: Generator, store: CallStore | None, options: AskOptions, *, fresh: bool) -> Generator:
    if store is None:
        return llm
    identity = await asyncio.to_thread(identity_of, llm)  # may ask the server
    return KeptGenerator(llm, store, identity=identity, fresh=fresh, reader=reader_of(options))


def _check_ids(ids: Sequence[object], questions: int) -> None:
    """Raise UsageError unless each question has an id of its own (several may have None), or there are no ids."""
    if ids and len(ids) != questions:
        raise UsageError(f"There are {questions} questions and {len(ids)} ids. Give each question one, or none.")
    taken: dict[str, int] = {}
    for number, named in enumerate(ids, 1):
        is_name = isfinite(named) if isinstance(named, float) else not isinstance(named, bool)
        require(is_name, named, f"Number {number} of ids", "a text or a finite number")
        first = number if named is None else taken.setdefault(str(named), number)
        if first != number:
            raise UsageError(
                f"Number {number} of ids is {named!r}, which number {first} is already. Give each question its own."
            )


async def _answer_all(questions: Sequence[_Numbered], work: _Work) -> None:
    """An error that nobody expects ends the run; what was kept before stays."""
    workers = max(1, min(work.llm.parallel, len(questions)))
    tasks = [asyncio.create_task(_prepare_all(questions, work, workers))]
    tasks += [asyncio.create_task(_write_some(work)) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _prepare_all(questions: Sequence[_Numbered], work: _Work, workers: int) -> None:
    start, length = 0, FIRST_WINDOW
    while start < len(questions):
        prepared = await asyncio.to_thread(_prepared_window, questions[start : start + length], work)
        for one in sorted(prepared, key=_neighbours):
            await work.ready.put(one)
        start, length = start + length, min(2 * length, LARGEST_WINDOW)
    for _ in range(workers):
        await work.ready.put(None)


def _prepared_window(window: Sequence[_Numbered], work: _Work) -> list[tuple[int, Prepared | FailedAnswer]]:
    """Step by step for all of them, so that the embedder gets what a step needs of it together."""
    questions = [question for _, question in window if isinstance(question, str)]
    _embed_together(lambda: questions, work)
    found = [(place, question, _retrieved(question, work)) for place, question in window]
    _embed_together(lambda: [text for _, question, one in found for text in _to_embed(question, one, work)], work)
    return [(place, _prepared(question, one, work)) for place, question, one in found]


def _embed_together(texts: Callable[[], Sequence[str]], work: _Work) -> None:
    """So that the embedder knows them when it is asked for one by one. What fails is told of the question it fails for."""
    if work.options.mode == "keyword" or not len(work.index):
        return
    with suppress(RagError):
        embedder = work.index.embedder
        if isinstance(embedder, EmbedsQuestions):
            known = texts()
            for start in range(0, len(known), EMBEDDED_TOGETHER):  # others who need the embedder take their turn in between
                embedder.embed_questions(known[start : start + EMBEDDED_TOGETHER])


def _retrieved(question: str | FailedAnswer, work: _Work) -> Retrieved | FailedAnswer:
    if isinstance(question, FailedAnswer):
        return question
    try:
        return retrieve_distinct(question, work.index, work.options)
    except RagError as error:
        return FailedAnswer(question, str(error))


def _to_embed(question: str | FailedAnswer, found: Retrieved | FailedAnswer, work: _Work) -> list[str]:
    if isinstance(found, FailedAnswer) or isinstance(question, FailedAnswer):
        return []
    return texts_to_embed(question, found, work.index)


def _prepared(question: str | FailedAnswer, found: Retrieved | FailedAnswer, work: _Work) -> Prepared | FailedAnswer:
    if isinstance(found, FailedAnswer):
        return found
    assert isinstance(question, str)
    try:
        return prepare(question, index=work.index, llm=work.llm, options=work.options, retrieved=found)
    except RagError as error:
        return FailedAnswer(question, str(error))


def _neighbours(one: tuple[int, Prepared | FailedAnswer]) -> tuple[list[tuple[str, int]], int]:
    """Sorts prompts so that those that begin alike follow each other."""
    place, prepared = one
    prompt = prepared.prompt if isinstance(prepared, Prepared) else None
    return [(passage.source, passage.start) for passage in prompt.passages] if prompt else [], place


async def _write_some(work: _Work) -> None:
    while (one := await work.ready.get()) is not None:
        place, prepared = one
        if isinstance(prepared, FailedAnswer):
            work.keep(place, prepared)
            continue
        answer: Answer | FailedAnswer
        try:
            answer = await write(prepared, llm=work.writer, options=work.options)
        except RagError as error:
            answer = FailedAnswer(prepared.question, str(error))
        work.keep(place, answer)
