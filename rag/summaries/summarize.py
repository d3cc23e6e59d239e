"""Summaries of one document or of very many, with the model kept busy.

Worker processes load documents ahead. Enough documents are in progress to have a call for every slot of the model. Calls of
earlier documents go first, so these finish first; calls of later documents fill the free slots.
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
"""Calls for each slot of the model. While there are fewer, another document is started."""

MOST_DOCUMENTS_A_SLOT = 4
MOST_CHARACTERS = 100_000_000


class ManyKeywords(SummaryKeywords, ReadKeywords, total=False):
    """The options of `summarize_many`: how documents are read, and how they are summarised."""


@takes(SummaryKeywords, SummaryOptions)
def summarize(source: Source, *, llm: Model | str = "local", **options: Unpack[SummaryKeywords]) -> Summary:
    """Summarise one document of any length: a file, or a document from `rag.load`. Each sentence cites the document.

    With the chain "auto", `Summary.reason` says which chain was chosen and why. If the model writes much less than `words`,
    sentences of the document fill the summary. Finished calls are kept, so a second run does not repeat them. Works inside
    a running event loop too, as in a notebook. Raises DocumentError, ModelError and UsageError.

        summary = rag.summarize("book.pdf", llm="local", words=300, focus="the harbour")
        print(summary.text, summary.citations[0].quote)
    """
    return run(summarized(source, llm=llm, options=SummaryOptions.of(options)))


@takes(SummaryKeywords, SummaryOptions)
async def asummarize(source: Source, *, llm: Model | str = "local", **options: Unpack[SummaryKeywords]) -> Summary:
    """`summarize` for code that runs in an event loop."""
    return await summarized(source, llm=llm, options=SummaryOptions.of(options))


async def summarized(source: Source, *, llm: Model | str, options: SummaryOptions) -> Summary:
    """`summarize` with options that are checked and opened."""
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
    """Summarise files, folders and loaded documents. Yields each summary when it finishes, roughly in the order of `sources`.

    A document that fails yields a FailedSummary, and the others continue. A stopped run keeps its finished calls.
    `progress` counts "documents" and "tokens". Raises UsageError, for instance if there is no document.

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
    """`summarize_many` with options that are checked and opened."""
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
    """Documents in order: loaded ones first, then files, which worker processes read shortly before they are needed."""

    def __init__(self, sources: Sequence[Source], reading: ReadOptions) -> None:
        sources = listed(sources, "sources", kinds=(*PATH, Document), of="paths and documents")
        self._documents = [source for source in sources if isinstance(source, Document)]
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
        """Number of documents, with those that cannot be read."""
        return len(self._documents) + len(self._failures) + len(self._files)

    async def documents(self) -> AsyncGenerator[Document | FailedSummary, None]:
        """Yields each document when the caller needs it. A few files are read ahead."""
        for failure in self._failures:
            yield _failed(failure)
        for document in self._documents:
            yield document
        if not self._files:
            return
        loaded = self._load()
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        try:
            while (outcome := await loop.run_in_executor(thread, _next, loaded)) is not None:
                yield _document(outcome)
        finally:
            await asyncio.shield(loop.run_in_executor(thread, loaded.close))
            thread.shutdown()


def _next(loaded: Iterator[Loaded]) -> Loaded | None:
    return next(loaded, None)


def _document(outcome: Loaded) -> Document | FailedSummary:
    """The document, even if it has a failure too: only its side-car is unusable then."""
    if outcome.document is not None:
        return outcome.document
    if outcome.failure is not None:
        return _failed(outcome.failure)
    return FailedSummary(outcome.source, "unreadable", f"{outcome.source} no longer exists.")


def _failed(failure: Failure) -> FailedSummary:
    return FailedSummary(failure.source, failure.status, failure.message)


class _Batch:
    """The documents in progress. Starts another one when the model has room for its calls."""

    def __init__(self, loading: _Loading, frame: Frame, store: CallStore, progress: Progress | None, *, fresh: bool) -> None:
        self._loading, self._frame, self._progress = loading, frame, progress
        self._calls = Calls(
            KeptGenerator(frame.llm, store, identity=frame.model, fresh=fresh),
            aside=usual_number() + 1,
            on_reply=lambda _, __: self._changed.set(),
        )
        self._outcomes: asyncio.Queue[Outcome | BaseException | None] = asyncio.Queue()
        self._in_progress: dict[asyncio.Task[None], int] = {}
        self._without_calls = 0
        self._changed = asyncio.Event()

    async def outcomes(self) -> AsyncGenerator[Outcome, None]:
        """Yields outcomes as they finish. Raises unexpected errors, and those that would fail every document."""
        feeding = asyncio.create_task(self._feed())
        try:
            while (outcome := await self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                if self._progress:
                    self._progress.advance("documents")
                yield outcome
        finally:
            tasks = [feeding, *self._in_progress]
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
                    self._start(document, turn)
                    turn += 1
                    await self._until(self._has_room)
            await self._until(lambda: not self._in_progress)
            self._outcomes.put_nowait(None)
        except Exception as error:  # noqa: BLE001 (raised by `outcomes`)
            self._outcomes.put_nowait(error)

    def _start(self, document: Document, turn: int) -> None:
        task = asyncio.create_task(self._summarized(document, turn))
        self._in_progress[task] = len(document.text)
        self._without_calls += 1
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._in_progress[task]
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _has_room(self) -> bool:
        """Whether the model can take calls of one more document. A document that is still being cut counts as one call."""
        most = max(1, self._calls.llm.parallel)
        calls = self._calls.in_flight + self._without_calls
        return not self._in_progress or (
            calls < SLOTS_AHEAD * most
            and len(self._in_progress) < MOST_DOCUMENTS_A_SLOT * most
            and sum(self._in_progress.values()) < MOST_CHARACTERS
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
            outcome = error  # without the store, every document fails
        except RagError as error:
            outcome = FailedSummary(document.source, "model", str(error))
        except Exception as error:  # noqa: BLE001 (raised by `outcomes`)
            outcome = error
        finally:
            if not was_cut:
                self._counted()
        self._outcomes.put_nowait(outcome)

    def _counted(self) -> None:
        self._without_calls -= 1
        self._changed.set()
