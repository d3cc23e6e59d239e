"""Make an index mirror files: find → load in worker processes → split → embed in batches → commit one document at a time."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Unpack

from rag import documents as loaders
from rag.arguments import PATH, listed, require, takes
from rag.documents.chunking import CHUNK_TOKENS, OVERLAP_TOKENS, check_sizes, split_text
from rag.documents.loading.find import Found, find_files
from rag.documents.loading.stamps import FileStamp
from rag.documents.loading.workers import Loaded, load_all
from rag.errors import UsageError
from rag.ingest.plan import Plan, is_worth_a_retry, limits_had, plan_sync, remember_limits
from rag.ingest.prepare import Prepared, commit, hash_text, prepare
from rag.ingest.reports import SyncReport
from rag.protocols import Progress
from rag.reading import DEFAULT_LIMITS, DEFAULT_READING, ChunkSizes, Limits, ReadKeywords, ReadOptions
from rag.specs import open_embedder, using_index
from rag.text.counts import counted
from rag.types import Document, Failure

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from rag.index.index import Index
    from rag.protocols import Embedder
    from rag.types import Chunk

WINDOW_CHUNKS = 256
"""Small documents are embedded together until they have this many chunks. That fills batches of equal length, and a kill
loses only seconds of work."""

SECONDS_BETWEEN_REFRESHES = 10.0
"""How often the derived files catch up with the catalog during a run."""

NO_STAMP = FileStamp(-1, -1)
"""A stamp that differs from that of every file."""


@dataclass(slots=True)
class Run:
    """One run of indexing: its index, sizes and plan, and the files that failed or vanished so far."""

    index: Index
    sizes: ChunkSizes
    plan: Plan
    found: Found
    progress: Progress | None = None
    limits: Limits = DEFAULT_LIMITS
    failures: list[Failure] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


@takes(ReadKeywords, ReadOptions)
def sync(
    sources: Sequence[str | Path],
    *,
    index: Index | str | Path,
    retry_failed: bool = False,
    wait: float = 2.0,
    sizes: ChunkSizes | None = None,
    progress: Progress | None = None,
    **options: Unpack[ReadKeywords],
) -> SyncReport:
    """Make the index mirror the sources: add, update, rename, remove. Unchanged files are not read.

    Documents outside the sources stay. Files that cannot be read are reported in `failed`. They are tried again when they
    change, or with `retry_failed`. Encrypted files are also tried again when there are `passwords`, and files that took too
    long or too much memory when `limits` are larger than before. Another writer gets `wait` seconds to finish. Raises
    IndexLockedError after that, and UsageError if there is nothing to index.

        report = rag.sync(["docs/"], index="indexes/handbook", exclude=["drafts/*"])
        report.added, report.failed
    """
    return synced(
        sources,
        index=index,
        reading=ReadOptions.of(options),
        retry_failed=retry_failed,
        wait=wait,
        sizes=sizes,
        progress=progress,
    )


def synced(
    sources: Sequence[str | Path],
    *,
    index: Index | str | Path,
    reading: ReadOptions = DEFAULT_READING,
    retry_failed: bool = False,
    wait: float = 2.0,
    sizes: ChunkSizes | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """`sync` with options that are already checked."""
    sources = listed(sources, "sources", kinds=PATH, of="paths")
    started = time.perf_counter()
    with using_index(index, create=True) as opened, opened.writing(patience=wait):
        opened.forget_embedder_of_nothing()
        opened.check_embedder_spec()
        settled = _settle_sizes(opened, sizes or ChunkSizes())
        plan, found = plan_for(
            sources,
            index=opened,
            reading=reading,
            retry_failed=retry_failed,
        )
        run = Run(opened, settled, plan, found, progress, reading.limits)
        _do_without_reading(run)
        if plan.load:
            _adopt(opened, settled)
            if progress:
                progress.expect("documents", len(plan.load))
            # An error or Ctrl-C ends the worker processes at once.
            with closing(_load(plan, reading)) as loaded:
                _add(loaded, run)
        opened.refresh()
        return _report(run, seconds=time.perf_counter() - started)


def plan_for(
    sources: Sequence[str | Path],
    *,
    index: Index,
    reading: ReadOptions = DEFAULT_READING,
    retry_failed: bool = False,
) -> tuple[Plan, Found]:
    """The plan of `sync` for these sources, and the files that it found. Raises UsageError if there are none.

    Encrypted files are tried again with passwords, and files that exceeded their limits with larger ones.
    """
    indexed = index.catalog.stamps()
    failed = _failed_stamps(index, reading)
    found = find_files(
        sources,
        selection=reading,
        known=[*indexed, *failed],
        index_folder=index.path,
    )
    plan = plan_sync(found, indexed, failed, retry_failed=retry_failed)
    if not (found.files or found.unnameable or found.unlisted or plan.removed or plan.no_longer_failing):
        looked = ", ".join(str(source) for source in sources)
        others = f" ({counted(found.left_out, 'file')} left out by --include or --exclude)" if found.left_out else ""
        if found.skipped:
            skipped = counted(sum(found.skipped.values()), "file")
            others += f" ({skipped} of other kinds: {', '.join(sorted(found.skipped))})"
        raise UsageError(
            f"Nothing to index in {looked}{others}. Documents are files such as {', '.join(loaders.EXAMPLE_SUFFIXES)}."
        )
    return plan, found


def _failed_stamps(index: Index, reading: ReadOptions) -> dict[str, FileStamp]:
    """The stamps of failed files. A file that may succeed now has a stamp that no file has, so it is read again."""
    earlier, with_passwords = limits_had(index.catalog), bool(reading.passwords)
    stamps: dict[str, FileStamp] = {}
    for source, (stamp, failure) in index.catalog.failures().items():
        had = earlier.get(source, DEFAULT_LIMITS)
        retry = is_worth_a_retry(failure, had=had, limits=reading.limits, with_passwords=with_passwords)
        stamps[source] = NO_STAMP if retry else stamp
    return stamps


def _load(plan: Plan, reading: ReadOptions) -> Generator[Loaded, None, None]:
    return load_all(plan.load, jobs=reading.jobs, limits=reading.limits, passwords=reading.passwords)


def add_documents(documents: Iterable[Document], *, index: Index, sizes: ChunkSizes | None = None) -> None:
    """Add documents that are in memory. A document with the same source is replaced. The index is then as after `sync`."""
    with index.writing():
        settled = _settle_sizes(index, sizes or ChunkSizes())
        _adopt(index, settled)
        loaded = (Loaded(document.source, document, stamp=_stamp_in_memory(document)) for document in documents)
        _add(loaded, Run(index, settled, Plan(), Found()))
        index.refresh()


def _stamp_in_memory(document: Document) -> FileStamp:
    """The stamp of a document in memory. Its title counts as content, since somebody chose it."""
    content = hash_text(f"{document.title}\0{document.text}").hex()
    return FileStamp(len(document.text), 0, content)


def split(document: Document, *, embedder: Embedder | str = "minilm", sizes: ChunkSizes | None = None) -> list[Chunk]:
    """The chunks that an index with this embedder makes of the document; see `rag.documents.chunking.split_text`.

    Raises UsageError for chunks longer than the embedder reads.

        document = rag.load("report.pdf")
        chunks = rag.split(document)
        document.text[chunks[0].start : chunks[0].end] == chunks[0].text
    """
    require(isinstance(document, Document), document, "document", "what rag.load gives")
    opened = open_embedder(embedder) if isinstance(embedder, str) else embedder
    wanted = sizes or ChunkSizes()
    chunk_tokens = CHUNK_TOKENS if wanted.chunk_tokens is None else wanted.chunk_tokens
    overlap_tokens = OVERLAP_TOKENS if wanted.overlap_tokens is None else wanted.overlap_tokens
    _check_limit(chunk_tokens, opened)
    return split_text(document, count_tokens=opened.count_tokens, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)


def _settle_sizes(index: Index, wanted: ChunkSizes) -> ChunkSizes:
    """The chunk sizes of the index, which are fixed when its first document is added."""
    stored = index.catalog.setting("chunks")
    if stored is None:
        return ChunkSizes(
            CHUNK_TOKENS if wanted.chunk_tokens is None else wanted.chunk_tokens,
            OVERLAP_TOKENS if wanted.overlap_tokens is None else wanted.overlap_tokens,
        )
    for name, value in (("chunk_tokens", wanted.chunk_tokens), ("overlap_tokens", wanted.overlap_tokens)):
        if value is not None and value != stored[name]:
            raise UsageError(
                f"The index {index.path} was made with {name.replace('_', ' ')} {stored[name]}, not {value}. "
                "Leave the option out, or index the sources into a new folder with --index."
            )
    return ChunkSizes(**stored)


def _do_without_reading(run: Run) -> None:
    """Record new times, removed documents and files that cannot be read.

    A renamed document stays under its former name until the new one is committed.
    """
    plan, catalog = run.plan, run.index.catalog
    renamed = set(plan.former.values())
    for source in plan.touched:
        catalog.touch(source, run.found.files[source])
    for source in plan.removed:
        if source not in renamed:
            catalog.remove_document(source)
    for source in plan.no_longer_failing:
        catalog.forget_failure(source)
    known = catalog.failures()
    run.failures += [known[source][1] for source in plan.still_failing]
    run.failures += run.found.failures()


def _add(loaded: Iterable[Loaded], run: Run) -> None:
    """Split, embed and commit documents as they arrive. Searches find them during the run, not only at its end."""
    window: list[Prepared] = []
    refreshed = time.monotonic()
    for file in loaded:
        if file.failure is not None:
            run.failures.append(file.failure)
            run.index.catalog.record_failure(file.failure, file.stamp or run.found.files[file.source])
            remember_limits(run.index.catalog, file.failure, run.limits)
        if file.document is None:
            _drop(file, run)
            continue
        window.append(_prepare(file, file.document, run, window))
        if run.progress:
            run.progress.expect("chunks", len(window[-1].chunks))
        if sum(len(prepared.chunks) for prepared in window) >= WINDOW_CHUNKS:
            commit(window, run.index, progress=run.progress)
            window = []
            if time.monotonic() - refreshed >= SECONDS_BETWEEN_REFRESHES:
                run.index.refresh()
                refreshed = time.monotonic()
    commit(window, run.index, progress=run.progress)


def _drop(file: Loaded, run: Run) -> None:
    """Remove a file that failed or vanished from the index, with its former name and the failures of its side-car."""
    ended = [*run.plan.bad_sidecars.get(file.source, []), *filter(None, [run.plan.former.get(file.source)])]
    if file.failure is None:
        run.gone.append(file.source)
        ended.append(file.source)
    for source in ended:
        if source in run.plan.known:
            run.index.catalog.remove_document(source)
        else:
            run.index.catalog.forget_failure(source)
    if run.progress:
        run.progress.advance("documents")


def _prepare(file: Loaded, document: Document, run: Run, window: Sequence[Prepared]) -> Prepared:
    """The document to commit. Its commit also removes its former name and the failure of a side-car that now works."""
    failing = file.failure.source if file.failure else ""
    mended = [sidecar for sidecar in run.plan.bad_sidecars.get(file.source, []) if sidecar != failing]
    return prepare(
        document,
        file.stamp or NO_STAMP,
        index=run.index,
        chunk_tokens=run.sizes.chunk_tokens or CHUNK_TOKENS,
        overlap_tokens=run.sizes.overlap_tokens or 0,
        window=window,
        replaces=[*filter(None, [run.plan.former.get(file.source)]), *mended],
    )


def _adopt(index: Index, sizes: ChunkSizes) -> None:
    """Check the embedder and chunk sizes of an empty index, then record them."""
    if index.catalog.setting("chunks") is None:
        check_sizes(sizes.chunk_tokens or CHUNK_TOKENS, sizes.overlap_tokens or 0)
        _check_limit(sizes.chunk_tokens or CHUNK_TOKENS, index.embedder)
        index.adopt_embedder(chunks=asdict(sizes))


def _check_limit(chunk_tokens: int, embedder: Embedder) -> None:
    limit = embedder.identity.max_tokens
    if not 1 <= chunk_tokens <= limit:
        raise UsageError(
            f"Chunks of {chunk_tokens} tokens do not fit the embedder {embedder.identity.name}, which reads 1 to {limit} tokens."
        )


def _report(run: Run, *, seconds: float) -> SyncReport:
    plan = run.plan
    missing = {failure.source for failure in run.failures} | set(run.gone)
    documents, chunks = run.index.catalog.counts()
    ended = [source for source in run.gone if source in plan.known]
    ended += [plan.former[source] for source in plan.renamed if source in missing]
    return SyncReport(
        index=str(run.index.path),
        added=len([source for source in plan.added if source not in missing]),
        changed=len([source for source in plan.changed if source not in missing]),
        renamed=len([source for source in plan.renamed if source not in missing]),
        removed=len(plan.removed) + len(ended),
        unchanged=len(plan.unchanged) + len(plan.touched),
        skipped=sum(run.found.skipped.values()),
        failed=tuple(sorted(run.failures, key=lambda failure: failure.source)),
        documents=documents,
        chunks=chunks,
        seconds=seconds,
        skipped_kinds=dict(run.found.skipped.most_common()),
    )
