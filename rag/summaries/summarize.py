"""Summaries of documents, one or very many, with the model kept busy.

Documents are loaded ahead by worker processes, and as many are in hand as it takes to have a call for every slot of the
model. Calls of documents that came first go first, so these finish first; calls of later ones fill what is free.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from rag import documents as loaders
from rag.arguments import PATH, listed, refuse_unknown, require, takes
from rag.documents.loading.find import find_files
from rag.documents.loading.workers import Loaded, load_all
from rag.errors import CallStoreError, DocumentError, RagError, UsageError
from rag.grounding.judges import Judges, usual_number
from rag.models.call_store import CallStore
from rag.models.calls import Calls
from rag.models.kept import KeptGenerator
from rag.protocols import Progress
from rag.reading import ReadKeywords, ReadOptions
from rag.specs import using_llm
from rag.summaries.document import Frame, summarize_document
from rag.summaries.options import SummaryKeywords, SummaryOptions
from rag.summaries.types import FailedSummary, Summary
from rag.system.loops import run, stream
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence

    from rag.protocols import Generator as Model
    from rag.types import Failure

    Source = str | Path | Document
    Outcome = Summary | FailedSummary

SLOTS_AHEAD = 2
"""While there are fewer calls than so many for each slot of the model, another document is begun."""

MOST_DOCUMENTS_A_SLOT = 4
MOST_CHARACTERS = 100_000_000


class ManyKeywords(SummaryKeywords, ReadKeywords, total=False):
    """The options of many summaries: how documents are summarised, and how they are read."""


@takes(SummaryKeywords, SummaryOptions)
def summarize(source: Source, *, llm: Model | str = "local", **options: Unpack[SummaryKeywords]) -> Summary:
    """The summary of one document of any length, a file or a loaded one; each sentence with the words that it cites.

    With the chain "auto", `reason` says which chain was chosen and why. Where the model writes much less than `words`,
    sentences of the document fill the summary. Finished calls are kept, and a second run does not make them again. Works
    inside a running event loop too, as in a notebook. Raises DocumentError, ModelError and UsageError.

        rag.summarize("book.pdf", llm="local", words=300, focus="the harbour").text
    """
    return run(summarized(source, llm=llm, options=SummaryOptions.of(options)))


@takes(SummaryKeywords, SummaryOptions)
async def asummarize(source: Source, *, llm: Model | str = "local", **options: Unpack[SummaryKeywords]) -> Summary:
    """`summarize` for code that runs in an event loop."""
    return await summarized(source, llm=llm, options=SummaryOptions.of(options))


async def summarized(source: Source, *, llm: Model | str, options: SummaryOptions) -> Summary:
    """The summary of `summarize`, whose options are checked and opened."""
    require(isinstance(source, (*PATH, Document)), source, "source", "the path of a file, or what rag.load gives")
    document = source if isinstance(source, Document) else await asyncio.to_thread(loaders.load, source)
    with using_llm(llm) as model, CallStore(options.calls) as store:
        frame = await asyncio.to_thread(Frame.of, options, model)
        calls = Calls(KeptGenerator(model, store, identity=frame.model, fresh=options.fresh))
        try:
            return await summarize_document(document, frame=frame, calls=calls)
        finally:
            await calls.close()


@takes(ManyKeywords, SummaryOptions, ReadOptions)
def summarize_many(
    sources: Sequence[Source],
    *,
    llm: Model | str = "local",
    progress: Progress | None = None,
    **options: Unpack[ManyKeywords],
) -> Generator[Outcome, None, None]:
    """Summaries of files, folders and loaded documents, as they finish; those that came first tend to finish first.

    A document that fails gives a FailedSummary, and the others go on. Finished calls are kept when the run is stopped.

        for outcome in rag.summarize_many(["minutes/"], llm="local", words=150):
            print(outcome.source)
    """
    yield from stream(asummarize_many(sources, llm=llm, progress=progress, **options))


@takes(ManyKeywords, SummaryOptions, ReadOptions)
async def asummarize_many(
    sources: Sequence[Source],
    *,
    llm: Model | str = "local",
    progress: Progress | None = None,
    **options: Unpack[ManyKeywords],
) -> AsyncGenerator[Outcome, None]:
    """`summarize_many` for code that runs in an event loop."""
    chosen, reading = _split(options)
    outcomes = asummarized_many(sources, llm=llm, options=chosen, reading=reading, progress=progress)
    async with aclosing(outcomes):
        async for outcome in outcomes:
            yield outcome


def summarized_many(
    sources: Sequence[Source],
    *,
    llm: Model | str,
    options: SummaryOptions,
    reading: ReadOptions,
    progress: Progress | None = None,
) -> Generator[Outcome, None, None]:
    """The summaries of `summarize_many`, whose options are checked and opened."""
    yield from stream(asummarized_many(sources, llm=llm, options=options, reading=reading, progress=progress))


async def asummarized_many(
    sources: Sequence[Source],
    *,
    llm: Model | str,
    options: SummaryOptions,
    reading: ReadOptions,
    progress: Progress | None = None,
) -> AsyncGenerator[Outcome, None]:
    """`summarized_many` for code that runs in an event loop."""
    is_progress = progress is None or isinstance(progress, Progress)
    require(is_progress, progress, "progress", "an object with the methods expect and advance")
    loading = _Loading(sources, reading)
    with using_llm(llm) as model, CallStore(options.calls) as store, Judges(usual_number()) as judges:
        if options.verifier is None and loading.count > 1:
            options = replace(options, verifier=judges)
        frame = await asyncio.to_thread(Frame.of, options, model)
        if progress:
            progress.expect("documents", loading.count)
        batch = _Batch(loading, frame, store, progress, fresh=options.fresh)
        async with aclosing(batch.outcomes()) as outcomes:
            async for outcome in outcomes:
                yield outcome


def _split(keywords: ManyKeywords) -> tuple[SummaryOptions, ReadOptions]:
    refuse_unknown(keywords, ManyKeywords)
    of_reading: dict[str, Any] = {name: value for name, value in keywords.items() if name in ReadKeywords.__annotations__}
    others: dict[str, Any] = {name: value for name, value in keywords.items() if name not in of_reading}
    return SummaryOptions.of(cast("SummaryKeywords", others)), ReadOptions.of(cast("ReadKeywords", of_reading))


class _Loading:
    """Documents in order: those that are given, then those in files, which are read by workers shortly before they are needed."""

    def __init__(self, sources: Sequence[Source], reading: ReadOptions) -> None:
        sources = listed(sources, "sources", kinds=(*PATH, Document), of="paths and documents")
        self._given = [source for source in sources if isinstance(source, Document)]
        named = [source for source in sources if not isinstance(source, Document)]
        found = find_files(named, selection=reading)
        self._failures = found.failures()
        self._files = list(found.files)
        self._load: Callable[[], Generator[Loaded, None, None]] = lambda: load_all(
            self._files, jobs=reading.jobs, limits=reading.limits, passwords=reading.passwords
        )
        if not self.count:
            looked = ", ".join(map(str, sources)) or "an empty list"
            raise UsageError(
                f"Nothing to sum up in {looked}. Documents are files such as {', '.join(loaders.EXAMPLE_SUFFIXES)}."
            )

    @property
    def count(self) -> int:
        """Documents and failures that will come."""
        return len(self._given) + len(self._failures) + len(self._files)

    async def documents(self) -> AsyncGenerator[Document | FailedSummary, None]:
        """Each when it is asked for, and a few files before that."""
        for failure in self._failures:
            yield _failed(failure)
        for document in self._given:
            yield document
        if not self._files:
            return
        loaded = self._load()
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        try:
            while (one := await loop.run_in_executor(thread, _next, loaded)) is not None:
                yield _document(one)
        finally:
            await asyncio.shield(loop.run_in_executor(thread, loaded.close))
            thread.shutdown()


def _next(loaded: Iterator[Loaded]) -> Loaded | None:
    return next(loaded, None)


def _document(one: Loaded) -> Document | FailedSummary:
    """A document whose side-car cannot be used is a document all the same."""
    if one.document is not None:
        return one.document
    if one.failure is not None:
        return _failed(one.failure)
    return FailedSummary(one.source, "unreadable", f"{one.source} is not there any more.")


def _failed(failure: Failure) -> FailedSummary:
    return FailedSummary(failure.source, failure.status, failure.message)


class _Batch:
    """Documents in hand, and how many more are worth having."""

    def __init__(self, loading: _Loading, frame: Frame, store: CallStore, progress: Progress | None, *, fresh: bool) -> None:
        self._loading, self._frame, self._progress = loading, frame, progress
        self._calls = Calls(
            KeptGenerator(frame.llm, store, identity=frame.model, fresh=fresh),
            aside=usual_number() + 1,
            on_reply=lambda _, __: self._changed.set(),
        )
        self._outcomes: asyncio.Queue[Outcome | BaseException | None] = asyncio.Queue()
        self._in_hand: dict[asyncio.Task[None], int] = {}
        self._before_their_calls = 0
        self._changed = asyncio.Event()

    async def outcomes(self) -> AsyncGenerator[Outcome, None]:
        """As they come; what is raised is what nobody expects, or would cost every document."""
        feeding = asyncio.create_task(self._feed())
        try:
            while (outcome := await self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                if self._progress:
                    self._progress.advance("documents")
                yield outcome
        finally:
            tasks = [feeding, *self._in_hand]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._calls.close()

    async def _feed(self) -> None:
        try:
            async with aclosing(self._loading.documents()) as documents:
                turn = 0
                async for document in documents:
                    if isinstance(document, FailedSummary):
                        self._outcomes.put_nowait(document)
                        continue
                    self._begin(document, turn)
                    turn += 1
                    await self._until(self._has_room)
            await self._until(lambda: not self._in_hand)
            self._outcomes.put_nowait(None)
        except Exception as error:  # noqa: BLE001 (raised by `outcomes`)
            self._outcomes.put_nowait(error)

    def _begin(self, document: Document, turn: int) -> None:
        task = asyncio.create_task(self._summarized(document, turn))
        self._in_hand[task] = len(document.text)
        self._before_their_calls += 1
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _has_room(self) -> bool:
        """Whether one more document would find work for the model. A document that is being cut counts as one call."""
        most = max(1, self._calls.llm.parallel)
        calls = self._calls.in_flight + self._before_their_calls
        return not self._in_hand or (
            calls < SLOTS_AHEAD * most
            and len(self._in_hand) < MOST_DOCUMENTS_A_SLOT * most
            and sum(self._in_hand.values()) < MOST_CHARACTERS
        )

    async def _summarized(self, document: Document, turn: int) -> None:
        was_cut = False

        def cut(tokens: int) -> None:
            nonlocal was_cut
            was_cut = True
            asyncio.get_running_loop().call_soon(self._counted)
            if self._progress:
                self._progress.expect("tokens", tokens)

        def read(tokens: int) -> None:
            if self._progress:
                self._progress.advance("tokens", tokens)

        outcome: Outcome | BaseException
        try:
            outcome = await summarize_document(
                document, frame=self._frame, calls=self._calls, turn=turn, on_cut=cut, on_read=read
            )
        except DocumentError as error:
            outcome = FailedSummary(document.source, error.status, str(error))
        except CallStoreError as error:
            outcome = error  # no document can be summed up without it
        except RagError as error:
            outcome = FailedSummary(document.source, "model", str(error))
        except Exception as error:  # noqa: BLE001 (raised by `outcomes`)
            outcome = error
        finally:
            if not was_cut:
                self._counted()
        self._outcomes.put_nowait(outcome)

    def _counted(self) -> None:
        self._before_their_calls -= 1
        self._changed.set()
