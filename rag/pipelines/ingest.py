"""find files → load each (in worker processes) → split → embed in length-sorted batches → commit a document at a time."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag import documents as loaders
from rag.chunking import CHUNK_TOKENS, OVERLAP_TOKENS, check_sizes, embedded_text, split_text
from rag.errors import DocumentError, UsageError
from rag.indexes.rows import FileStamp
from rag.pipelines.find import Found, Plan, find_files, plan_sync
from rag.pipelines.workers import load_all
from rag.specs import open_embedder, using_index
from rag.types import Failure, SyncReport

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from rag.indexes.index import Index
    from rag.protocols import Embedder
    from rag.types import Chunk, Document

WINDOW_CHUNKS = 256
"""Small documents are embedded together until they make up so many chunks: enough to fill batches of equal length, few
enough that a kill loses only seconds of work."""


class Progress(Protocol):
    """Told of what goes on; all numbers are increments."""

    def found(self, documents: int) -> None:
        """So many documents have to be loaded."""

    def advance(self, *, documents: int = 0, chunks: int = 0, expected_chunks: int = 0) -> None:
        """More documents are committed, more chunks embedded, more chunks known."""


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """Tokens of a chunk, overlap included, and of the overlap. None: what the index has, or the defaults."""

    chunk_tokens: int | None = None
    overlap_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that is ready to be committed once its texts are embedded."""

    document: Document
    stamp: FileStamp
    chunks: list[Chunk]
    texts: list[str]
    hashes: list[bytes]


def sync(
    sources: Sequence[str | Path],
    *,
    index: Index | str | Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int | None = None,
    retry_failed: bool = False,
    sizes: ChunkSizes | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Make the index mirror the sources: add, update, rename, remove; what is unchanged is not read.

    Documents outside the sources stay. Files that cannot be read are reported in `failed` and tried again when they
    change, or with `retry_failed`. `jobs` is the number of loading processes (default: one a core).
    """
    started = time.perf_counter()
    with using_index(index, create=True) as opened, opened.writing():
        opened.forget_embedder_of_nothing()
        opened.check_embedder_spec()
        sizes = _settle_sizes(opened, sizes or ChunkSizes())
        plan, found = plan_for(sources, index=opened, include=include, exclude=exclude, retry_failed=retry_failed)
        for source in plan.touched:
            opened.catalog.touch(source, found.files[source])
        for source in plan.removed:
            opened.catalog.remove_document(source)
        for source in plan.no_longer_failing:
            opened.catalog.forget_failure(source)
        failures = [
            Failure(name, "unreadable", f"{name} has a name that is not UTF-8. Rename it.") for name in found.unnameable
        ]
        failures += [
            Failure(name, "unreadable", f"The folder {name} cannot be looked into; what was indexed of it stays.")
            for name in found.unlisted
        ]
        known_failures = opened.catalog.failures()
        failures += [known_failures[source][1] for source in plan.still_failing]
        if plan.load:
            _adopt(opened, sizes)
            with closing(_loaded(plan, found, jobs)) as loaded:  # an error or Ctrl-C ends the worker processes at once
                failures += _add(
                    loaded,
                    index=opened,
                    sizes=sizes,
                    renamed_from=plan.renamed_from,
                    progress=progress,
                    expected=len(plan.load),
                )
        opened.refresh()
        return _report(opened, plan, failures, skipped=sum(found.skipped.values()), seconds=time.perf_counter() - started)


def plan_for(
    sources: Sequence[str | Path],
    *,
    index: Index,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    retry_failed: bool = False,
) -> tuple[Plan, Found]:
    """What `sync` would do with these sources, and the files that it would look at. Raises UsageError if there are none."""
    indexed = index.catalog.stamps()
    failed = {source: stamp for source, (stamp, _) in index.catalog.failures().items()}
    found = find_files(sources, is_supported=loaders.is_supported, include=include, exclude=exclude, known=[*indexed, *failed])
    plan = plan_sync(found, indexed, failed, retry_failed=retry_failed)
    if not (found.files or found.unnameable or found.unlisted or plan.removed or plan.no_longer_failing):
        looked = ", ".join(str(source) for source in sources)
        others = f" ({found.left_out} files left out by --include or --exclude)" if found.left_out else ""
        if found.skipped:
            others += f" ({sum(found.skipped.values())} files of other kinds: {', '.join(sorted(found.skipped))})"
        raise UsageError(
            f"Nothing to index in {looked}{others}. Documents are files such as {', '.join(loaders.EXAMPLE_SUFFIXES)}."
        )
    return plan, found


def add_documents(documents: Iterable[Document], *, index: Index, sizes: ChunkSizes | None = None) -> None:
    """Add documents that are in memory; one with the same source is replaced. The index then stands as after `sync`."""
    with index.writing():
        settled = _settle_sizes(index, sizes or ChunkSizes())
        _adopt(index, settled)
        stamped = ((document, FileStamp(len(document.text), 0, _hash(document.text).hex())) for document in documents)
        _add(stamped, index=index, sizes=settled, renamed_from={}, progress=None, expected=0)
        index.refresh()


def split(document: Document, *, embedder: Embedder | str = "minilm", sizes: ChunkSizes | None = None) -> list[Chunk]:
    """The chunks that an index with this embedder would make of the document; see `rag.chunking.split_text`."""
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


def _loaded(plan: Plan, found: Found, jobs: int | None) -> Generator[tuple[Document | Failure, FileStamp], None, None]:
    with closing(load_all(plan.load, jobs=jobs)) as outcomes:
        for source, outcome, content_hash in outcomes:
            stamp = replace(found.files[source], content_hash=content_hash)
            if isinstance(outcome, DocumentError):
                yield Failure(source, outcome.status, str(outcome), outcome.page), stamp
            else:
                yield outcome, stamp


def _add(
    loaded: Iterable[tuple[Document | Failure, FileStamp]],
    *,
    index: Index,
    sizes: ChunkSizes,
    renamed_from: dict[str, str],
    progress: Progress | None,
    expected: int,
) -> list[Failure]:
    """Split, embed and commit documents as they come; failures are recorded and returned."""
    failures: list[Failure] = []
    window: list[Prepared] = []
    if progress:
        progress.found(expected)
    for outcome, stamp in loaded:
        if isinstance(outcome, Failure):
            index.catalog.record_failure(outcome, stamp)
            failures.append(outcome)
            if progress:
                progress.advance(documents=1)
            continue
        window.append(_prepare(outcome, stamp, index, sizes))
        if progress:
            progress.advance(expected_chunks=len(window[-1].chunks))
        if sum(len(prepared.chunks) for prepared in window) >= WINDOW_CHUNKS:
            _commit(window, index, renamed_from, progress)
            window = []
    _commit(window, index, renamed_from, progress)
    return failures


def _prepare(document: Document, stamp: FileStamp, index: Index, sizes: ChunkSizes) -> Prepared:
    embedder = index.embedder
    chunk_tokens, overlap_tokens = sizes.chunk_tokens or CHUNK_TOKENS, sizes.overlap_tokens or 0
    chunks = split_text(document, count_tokens=embedder.count_tokens, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)
    limit = embedder.identity.max_tokens
    texts = [embedded_text(chunk, document.title, count_tokens=embedder.count_tokens, max_tokens=limit) for chunk in chunks]
    return Prepared(document, stamp, chunks, texts, [_hash(text) for text in texts])


def _adopt(index: Index, sizes: ChunkSizes) -> None:
    """Fix embedder and chunk sizes of an index that has no documents yet, after making sure that they can work."""
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


def _commit(window: list[Prepared], index: Index, renamed_from: dict[str, str], progress: Progress | None) -> None:
    """Embed what the catalog has no vector for, all documents of the window together; then commit each document."""
    wanted = {h: text for prepared in window for h, text in zip(prepared.hashes, prepared.texts, strict=True)}
    vectors = index.catalog.vectors_by_hash(wanted)  # held until all are committed: one document may drop what another needs
    fresh = [h for h in wanted if h not in vectors]
    if fresh:
        report: Callable[[int], None] | None = (lambda n: progress.advance(chunks=n)) if progress else None
        embedded = index.embedder.embed_passages([wanted[h] for h in fresh], on_progress=report)
        vectors |= {h: vector.tobytes() for h, vector in zip(fresh, embedded, strict=True)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for prepared in window:
        former = renamed_from.get(prepared.document.source)
        index.catalog.replace_document(
            prepared.document,
            prepared.stamp,
            prepared.chunks,
            prepared.hashes,
            vectors,
            indexed_at=now,
            replaces=[former] if former else [],
        )
        if progress:
            progress.advance(documents=1)


def _report(index: Index, plan: Plan, failures: list[Failure], *, skipped: int, seconds: float) -> SyncReport:
    failed = {failure.source for failure in failures}
    documents, chunks = index.catalog.counts()
    return SyncReport(
        index=str(index.path),
        added=len([source for source in plan.added if source not in failed]),
        changed=len([source for source in plan.changed if source not in failed]),
        renamed=len([source for source in plan.renamed_from if source not in failed]),
        removed=len(plan.removed),
        unchanged=len(plan.unchanged) + len(plan.touched),
        skipped=skipped,
        failed=tuple(sorted(failures, key=lambda failure: failure.source)),
        documents=documents,
        chunks=chunks,
        seconds=seconds,
    )


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
