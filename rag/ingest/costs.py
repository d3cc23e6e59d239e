"""Count the pages, characters, tokens and chunks of files before they are indexed or summarised."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Unpack

from rag import documents as loaders
from rag.arguments import takes
from rag.documents.loading.find import find_files
from rag.documents.loading.workers import load_all
from rag.errors import UsageError
from rag.ingest.sync import split
from rag.reading import ChunkSizes, ReadKeywords, ReadOptions
from rag.text.counts import counted
from rag.types import Failure, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rag.protocols import Embedder, Generator
    from rag.types import Document

COUNTED_TOGETHER = 50_000
"""Characters that a tokenizer gets at once, up to the end of a line: fast enough, and small enough for any server."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The size of one file. `pages` is None for a format without pages, `llm_tokens` without a language model."""

    source: str
    pages: int | None
    characters: int
    tokens: int
    chunks: int
    llm_tokens: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The cost as docs/reference/json.md describes it."""
        record = asdict(self)
        if self.llm_tokens is None:
            del record["llm_tokens"]
        return record


@dataclass(frozen=True, slots=True)
class Costs:
    """The sizes of files in the order of the sources, and the files that could not be read."""

    files: tuple[Cost, ...]
    failed: tuple[Failure, ...]
    seconds: float

    @property
    def total(self) -> Cost:
        """The sum over all files. `pages` adds up the formats that have pages."""
        llm_tokens = [cost.llm_tokens for cost in self.files if cost.llm_tokens is not None]
        return Cost(
            source=counted(len(self.files), "file"),
            pages=sum(cost.pages or 0 for cost in self.files),
            characters=sum(cost.characters for cost in self.files),
            tokens=sum(cost.tokens for cost in self.files),
            chunks=sum(cost.chunks for cost in self.files),
            llm_tokens=sum(llm_tokens) if llm_tokens else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The costs as docs/reference/json.md describes them."""
        total = self.total.to_dict()
        del total["source"]
        return {
            "files": [cost.to_dict() for cost in self.files],
            "total": total,
            "failed": [failure.to_dict() for failure in self.failed],
            "seconds": round(self.seconds, 4),
        }


@takes(ReadKeywords, ReadOptions)
def count_costs(
    sources: Sequence[str | Path],
    *,
    embedder: Embedder,
    llm: Generator | None = None,
    sizes: ChunkSizes | None = None,
    documents: Sequence[Document] = (),
    **options: Unpack[ReadKeywords],
) -> Costs:
    """Count files and folders. Nothing is written or embedded. Raises UsageError if there are none.

    Files are found and read as by `rag.sync`. `documents` are counted before them.
    """
    reading = ReadOptions.of(options)
    return costs_of(sources, embedder=embedder, llm=llm, sizes=sizes, reading=reading, documents=documents)


def costs_of(
    sources: Sequence[str | Path],
    *,
    embedder: Embedder,
    llm: Generator | None,
    sizes: ChunkSizes | None,
    reading: ReadOptions,
    documents: Sequence[Document],
) -> Costs:
    """`count_costs` with options that are already checked."""
    started = time.perf_counter()
    found = find_files(sources, selection=reading)
    failed = found.failures()
    if not (found.files or failed or documents):
        looked = ", ".join(map(str, sources))
        raise UsageError(f"Nothing to read in {looked}. Documents are files such as {', '.join(loaders.EXAMPLE_SUFFIXES)}.")
    costs = [cost_of(document, embedder=embedder, llm=llm, sizes=sizes) for document in documents]
    with closing(load_all(list(found.files), jobs=reading.jobs, limits=reading.limits, passwords=reading.passwords)) as loaded:
        for file in loaded:
            if file.failure is not None:
                failed.append(file.failure)
            elif file.document is None:
                failed.append(Failure(file.source, "unreadable", f"{file.source} is not there any more."))
            if file.document is not None:
                costs.append(cost_of(file.document, embedder=embedder, llm=llm, sizes=sizes))
    return Costs(tuple(costs), tuple(failed), time.perf_counter() - started)


def cost_of(document: Document, *, embedder: Embedder, llm: Generator | None = None, sizes: ChunkSizes | None = None) -> Cost:
    """The size of a document. Tokens are those of its text, without titles, prompts and the overlap of chunks."""

    def of_embedder(text: str) -> int:
        return embedder.count_tokens([text])[0]

    return Cost(
        source=document.source,
        pages=len(document.page_starts) or None,
        characters=len(document.text),
        tokens=_count(document.text, of_embedder),
        chunks=len(split(document, embedder=embedder, sizes=sizes)),
        llm_tokens=None if llm is None else _count(document.text, _tokens_of(llm)),
    )


def _tokens_of(llm: Generator) -> Callable[[str], int]:
    """A function that counts a text's tokens: the prompt with the text minus the empty prompt, since templates count too."""

    def of_prompt(text: str) -> int:
        return llm.count_tokens([Message("user", text)])

    template = of_prompt("")
    return lambda text: of_prompt(text) - template


def _count(text: str, count: Callable[[str], int]) -> int:
    return sum(count(piece) for piece in _pieces(text) if piece.strip())


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + COUNTED_TOGETHER
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or text.rfind(" ", start, end) or end
            end = end if end > start else start + COUNTED_TOGETHER
        yield text[start:end]
        start = end
