"""Add 100 documents to a large index and take some out again, one by one. Prints a line of JSON, in seconds.

    python -m benchmarks.index.scale_change .bench/scale-index

The documents are new ones of about 26 passages. What embedding would cost is left out: the embedder counts tokens as `minilm`
does, and gives passages vectors that were drawn before. At the end the index holds what it held before.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import rag
from benchmarks.index.oracle import Vectors
from benchmarks.index.scale_corpus import SCALE, read_documents
from rag.index.index import Index
from rag.ingest.sync import add_documents
from rag.specs import open_embedder
from rag.types import Document

DOCUMENTS = 100
REMOVED_ALONE = 5
KNOWN_VECTORS = 10_000
QUESTION = "Which form of government came before the revolution?"


class DrawnEmbedder:
    """minilm's identity and tokens, vectors from a corpus; the seconds spent in making them up, and in counting, are kept."""

    def __init__(self, vectors: Vectors) -> None:
        self._minilm = open_embedder("minilm")
        self.identity = self._minilm.identity
        self._vectors = vectors
        self._rng = np.random.default_rng(1)
        self.seconds = 0.0
        self.seconds_counting = 0.0
        self.passages = 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        began = time.perf_counter()
        counts = self._minilm.count_tokens(texts)
        self.seconds_counting += time.perf_counter() - began
        return counts

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        began = time.perf_counter()
        left, right = (self._vectors[self._rng.integers(len(self._vectors), size=len(texts))] for _ in range(2))
        mixed = left + 0.5 * right
        self.passages += len(texts)
        self.seconds += time.perf_counter() - began
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)

    def embed_question(self, text: str) -> Vectors:
        return self._minilm.embed_question(text)


def new_documents(corpus: Path) -> list[Document]:
    """Drawn documents under new names and with new texts: every passage is one that the index has not got."""
    drawn = (text for text in read_documents(corpus, 10**9) if text.source.startswith("/drawn/"))
    return [
        Document(text.text.replace(". ", ", "), f"/added/{number:03}.txt", f"Added {number}")
        for number, text in enumerate(islice(drawn, DOCUMENTS))
    ]


def remove(index: Index, sources: Sequence[str]) -> float:
    """Seconds until the documents are gone from the catalog and from what is derived."""
    began = time.perf_counter()
    with index.writing():
        for source in sources:
            index.catalog.remove_document(source)
        index.refresh()
    return time.perf_counter() - began


def seconds_of_a_search(index: Index) -> float:
    began = time.perf_counter()
    rag.search(QUESTION, index=index)
    return time.perf_counter() - began


def measure(folder: Path, corpus: Path) -> dict[str, Any]:
    embedder = DrawnEmbedder(np.array(np.load(corpus / "vectors.npy", mmap_mode="r")[:KNOWN_VECTORS]))
    documents = new_documents(corpus)
    with rag.open_index(folder) as reader, rag.open_index(folder, embedder=embedder) as index:
        seconds_of_a_search(reader)
        began = time.perf_counter()
        add_documents(documents, index=index)
        added = time.perf_counter() - began - embedder.seconds
        seen = seconds_of_a_search(reader)
        alone = [remove(index, [document.source]) for document in documents[:REMOVED_ALONE]]
        together = remove(index, [document.source for document in documents[REMOVED_ALONE:]])
    return {
        "documents": DOCUMENTS,
        "passages": embedder.passages,
        "added": added,
        "counting tokens": embedder.seconds_counting,
        "first search of an open reader": seen,
        "removed one": alone,
        "removed the rest": together,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--corpus", type=Path, default=SCALE, metavar="DIR")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.index, arguments.corpus)))


if __name__ == "__main__":
    main()
