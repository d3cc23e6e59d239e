"""Embed the texts that are at hand, once, into .bench/indexes/NAME: what the large benchmarks are made of and around.

    python -m benchmarks.index.real_passages --minutes 35
    python -m benchmarks.index.real_passages --only clapnq_dev,python

A second run goes on where the first one stopped. Collections that are not here are passed over.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import rag
from benchmarks.harness.corpus import BENCH, BOOK, paragraphs, python_texts
from benchmarks.harness.measure import note
from rag.ingest.sync import add_documents
from rag.types import Document

DATA = BOOK.parent.parent
INDEXES = BENCH / "indexes"
BOOK_PART = 20_000
"""Characters of the book that make one document."""


def beir(folder: str) -> Iterator[Document]:
    """The documents of a collection in BEIR layout."""
    for row in lines(DATA / folder / "corpus.jsonl"):
        yield Document(row["text"], row["_id"], row.get("title", "").replace("_", " "))


def squality() -> Iterator[Document]:
    for row in lines(DATA / "squality" / "dev.jsonl"):
        yield Document(row["document"], row["metadata"]["passage_id"], row["document"].strip().partition("\n")[0])


def qmsum() -> Iterator[Document]:
    """Meetings, a line a turn."""
    for number, row in enumerate(lines(DATA / "qmsum" / "val.jsonl"), 1):
        turns = [f"{turn['speaker']}: {turn['content']}" for turn in row["meeting_transcripts"]]
        yield Document("\n".join(turns), f"meeting-{number:02}", f"Meeting {number}")


def leval() -> Iterator[Document]:
    for path in sorted((DATA / "leval" / "Open-ended-tasks").glob("*.jsonl")):
        for number, row in enumerate(lines(path), 1):
            yield Document(row["input"], f"{path.stem}-{number:02}", path.stem.replace("_", " "))


def book() -> Iterator[Document]:
    """War and Peace in parts of whole paragraphs."""
    part: list[str] = []
    number = 1
    for paragraph in chain(paragraphs(BOOK.read_text(encoding="utf-8")) if BOOK.is_file() else [], [""]):
        part.append(paragraph)
        if sum(map(len, part)) >= BOOK_PART or (not paragraph and "".join(part).strip()):
            yield Document("".join(part), f"war-and-peace-{number:03}", "War and Peace")
            part, number = [], number + 1


def python() -> Iterator[Document]:
    """The documentation of Python's library, a document a module."""
    for number, text in enumerate(python_texts(), 1):
        yield Document(text, f"python-{number:03}", "Python's library")


COLLECTIONS: dict[str, Callable[[], Iterable[Document]]] = {
    "scifact": lambda: beir("scifact"),
    "cranfield": lambda: beir("cranfield"),
    "clapnq_dev": lambda: beir("clapnq_dev"),
    "xquad-en": lambda: beir("xquad/en"),
    "pubmedqa": lambda: beir("pubmedqa"),
    "xquad-de": lambda: beir("xquad/de"),
    "leval": leval,
    "squality": squality,
    "qmsum": qmsum,
    "python": python,
    "book": book,
}


def embed(name: str, *, until: float) -> int:
    """Add what the collection's index has not got yet, until the clock shows `until`; the number of its passages."""
    with rag.open_index(INDEXES / name, create=True) as index:
        known = set(index.catalog.stamps())
        try:
            documents = [d for d in COLLECTIONS[name]() if d.text.strip() and d.source not in known]
        except SystemExit as missing:
            note(str(missing))
            documents = []
        if documents:
            add_documents((d for d in documents if time.monotonic() < until), index=index)
        return len(index)


def lines(path: Path) -> list[dict]:
    """One JSON object a line; none where the file is missing."""
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=35.0, metavar="X")
    parser.add_argument("--only", default=",".join(COLLECTIONS), metavar="NAMES")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    for name in arguments.only.split(","):
        started = time.monotonic()
        passages = embed(name, until=until)
        note(f"{name}: {passages:,} passages, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
