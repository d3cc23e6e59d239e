"""Many questions at once: every finished answer is saved, and a stopped run resumes where it stopped.

Questions are prepared in windows. The first windows are small, so that the model starts early. Within a window, questions with
the same passages are neighbours, so that a server with a prefix cache reads those passages once.
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
"""Questions per window. Each window is twice as long as the one before it."""


@dataclass(frozen=True, slots=True)
class FailedAnswer:
    """A question without an answer, because something failed. `error` says what failed and what to do."""

    question: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """The failure as docs/reference/json.md describes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where answers and model calls are saved. `fresh` ignores earlier answers and calls."""

    path: Path | str | None
    ids: Sequence[object]
    fresh: bool
    calls: Path | str | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """What all questions of a run share. `writer` is `llm`, wrapped to save its finished calls.

    `ready` ends with one None for each worker.
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
    """Answer many questions, `llm.parallel` at a time. Returns one Answer or FailedAnswer per question, in their order.

    A question that fails does not stop the others. A FailedAnswer among `questions` is returned as it is.

    - `output`: a file of JSON lines. Each answer is saved there at once. A later run skips the questions it has answered, unless
      the index, the model, an option or a prompt has changed. Answers to other questions stay at the top of the file.
    - `ids`: one id per question, written to its line.
    - `calls`: an SQLite file for finished model calls, as in `summarize`. A saved call is reused even for another `output`, as
      long as its prompt and sampling are the same.
    - `fresh`: ask everything again, and ignore saved answers and calls.
    - `on_answer`: called with each result as soon as it is there, in any order.

    Raises UsageError for an invalid option, ids that repeat, or an `output` with other content.

        answers = rag.ask_many(["How tall is it?", "Who built it?"], index="indexes/handbook", output="answers.jsonl")
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
    """`ask_many` with options that are already checked and opened."""
    questions = listed(questions, "questions", kinds=(str, FailedAnswer))
    ids = listed(kept.ids, "ids", kinds=(str, int, float, type(None)), of="ids, texts or numbers")
    if kept.path is not None:
        require_path(kept.path, "output", "the path of a file")
    if kept.calls is not None:
        require_path(kept.calls, "calls", "the path of a file")
    require_call(on_answer, "on_answer")
    _check_ids(ids, len(questions))
    with using_searchable(index) as opened, using_llm(llm) as generator, _store(generator, kept) as store:
        texts = [entry.question if isinstance(entry, FailedAnswer) else entry for entry in questions]
        keys = await asyncio.to_thread(answer_keys, texts, opened, generator, options)
        with AnswerFile(kept.path, texts, keys, ids=ids, fresh=kept.fresh) as file:
            done: dict[int, Answer | FailedAnswer] = {place: Answer.from_dict(record) for place, record in file.known.items()}
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
    """The store of model calls; None without a path, or without a model to call."""
    if kept.calls is None or isinstance(llm, ExtractiveGenerator):
        return nullcontext()
    return CallStore(kept.calls)


async def _writer(llm: Generator, store: CallStore | None, options: AskOptions, *, fresh: bool) -> Generator:
    if store is None:
        return llm
    identity = await asyncio.to_thread(identity_of, llm)  # may ask the server
    return KeptGenerator(llm, store, identity=identity, fresh=fresh, reader=reader_of(options))


def _check_ids(ids: Sequence[object], questions: int) -> None:
    """Raise UsageError unless there are no ids, or one per question. Only None may repeat."""
    if ids and len(ids) != questions:
        raise UsageError(f"There are {questions} questions and {len(ids)} ids. Give each question one, or none.")
    taken: dict[str, int] = {}
    for number, identifier in enumerate(ids, 1):
        is_valid = isfinite(identifier) if isinstance(identifier, float) else not isinstance(identifier, bool)
        require(is_valid, identifier, f"Number {number} of ids", "a text or a finite number")
        if identifier is None:
            continue
        first = taken.setdefault(str(identifier), number)
        if first != number:
            raise UsageError(
                f"Number {number} of ids is {identifier!r}, which number {first} is already. Give each question its own id."
            )


async def _answer_all(questions: Sequence[_Numbered], work: _Work) -> None:
    """Prepare and answer concurrently. An unexpected error stops all tasks; saved answers stay saved."""
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
        for entry in sorted(prepared, key=_passages_of):
            await work.ready.put(entry)
        start, length = start + length, min(2 * length, LARGEST_WINDOW)
    for _ in range(workers):
        await work.ready.put(None)


def _prepared_window(window: Sequence[_Numbered], work: _Work) -> list[tuple[int, Prepared | FailedAnswer]]:
    """Prepare all questions one step at a time, so that the embedder gets large batches."""
    questions = [question for _, question in window if isinstance(question, str)]
    _embed_together(lambda: questions, work)
    found = [(place, question, _retrieved(question, work)) for place, question in window]
    _embed_together(lambda: [text for _, question, hits in found for text in _to_embed(question, hits, work)], work)
    return [(place, _prepared(question, hits, work)) for place, question, hits in found]


def _embed_together(texts: Callable[[], Sequence[str]], work: _Work) -> None:
    """Fill the embedder's cache in batches. Errors are ignored here: the question that needs the vector reports them."""
    if work.options.mode == "keyword" or not len(work.index):
        return
    with suppress(RagError):
        embedder = work.index.embedder
        if isinstance(embedder, EmbedsQuestions):
            batch = texts()
            for start in range(0, len(batch), EMBEDDED_TOGETHER):  # other threads use the embedder in between
                embedder.embed_questions(batch[start : start + EMBEDDED_TOGETHER])


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


def _passages_of(entry: tuple[int, Prepared | FailedAnswer]) -> tuple[list[tuple[str, int]], int]:
    """A sort key that makes prompts with the same first passages neighbours."""
    place, prepared = entry
    prompt = prepared.prompt if isinstance(prepared, Prepared) else None
    return [(passage.source, passage.start) for passage in prompt.passages] if prompt else [], place


async def _write_some(work: _Work) -> None:
    while (entry := await work.ready.get()) is not None:
        place, prepared = entry
        if isinstance(prepared, FailedAnswer):
            work.keep(place, prepared)
            continue
        answer: Answer | FailedAnswer
        try:
            answer = await write(prepared, llm=work.writer, options=work.options)
        except RagError as error:
            answer = FailedAnswer(prepared.question, str(error))
        work.keep(place, answer)
