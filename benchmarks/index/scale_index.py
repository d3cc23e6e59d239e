"""Put the first passages of a corpus (see scale_corpus.py) into an index, with the vectors they have: nothing is embedded.

    python -m benchmarks.index.scale_index .bench/scale-index --chunks 100000

Each document is committed as `rag index` would, and the derived files are brought up to the catalog every 100,000 passages and at
the end. An index that has some of the documents already grows by the others. Prints a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import numpy as np

import rag
from benchmarks.harness.measure import note
from benchmarks.index.oracle import Vectors
from benchmarks.index.scale_corpus import SCALE, Text, read_documents
from rag.documents.loading.stamps import FileStamp
from rag.types import Chunk, Document

PASSAGES_A_REFRESH = 100_000
INDEXED_AT = "2026-11-21T00:00:00+00:00"


def grow(folder: Path, chunks: int, corpus: Path = SCALE) -> dict[str, float]:
    """Bring an index to about so many passages (whole documents); how many it gained and the seconds that took."""
    seconds = {"commit": 0.0, "refresh": 0.0}
    with rag.open_index(folder, create=True) as index, index.writing():
        if index.catalog.setting("chunks") is None:
            index.adopt_embedder(chunks=asdict(rag.ChunkSizes(230, 30)))
        before = waiting = len(index)
        for text, vectors in additions(before, chunks, corpus):
            began = time.perf_counter()
            add(index, text, vectors)
            seconds["commit"] += time.perf_counter() - began
            waiting += len(vectors)
            if waiting >= PASSAGES_A_REFRESH:
                seconds["refresh"] += refresh(index)
                waiting = 0
        seconds["refresh"] += refresh(index)
        return {"passages": len(index), "added": len(index) - before} | {key: round(value, 2) for key, value in seconds.items()}


def refresh(index: rag.Index) -> float:
    """Seconds that the derived files took to catch up."""
    began = time.perf_counter()
    index.refresh()
    note(f"{len(index):,} passages, refreshed in {time.perf_counter() - began:.1f} s")
    return time.perf_counter() - began


def additions(present: int, chunks: int, corpus: Path) -> Iterator[tuple[Text, Vectors]]:
    """The documents that an index with so many passages has not got yet, with their vectors, until there are `chunks`."""
    vectors = np.load(corpus / "vectors.npy", mmap_mode="r")
    if len(vectors) < chunks:
        raise SystemExit(
            f"{corpus} has {len(vectors):,} passages. Make more: benchmarks/index/scale_corpus.py --chunks {chunks}"
        )
    first = 0
    for text in read_documents(corpus, len(vectors)):
        if first >= chunks:
            return
        if first >= present:
            yield text, np.asarray(vectors[first : first + len(text.chunks)])
        first += len(text.chunks)


def add(index: rag.Index, text: Text, vectors: Vectors) -> None:
    """Commit one document."""
    document = Document(text.text, text.source, text.title, text.media_type, metadata=text.metadata)
    chunks = [Chunk(text.text[start:end], start, end, None, heading) for start, end, heading in text.chunks]
    hashes = [blake2b(f"{text.title}\n{chunk.text}".encode(), digest_size=16).digest() for chunk in chunks]
    rows = {key: vector.tobytes() for key, vector in zip(hashes, vectors, strict=True)}
    stamp = FileStamp(len(text.text), 0, blake2b(text.text.encode(), digest_size=16).hexdigest())
    index.catalog.replace_document(document, stamp, chunks, hashes, rows, indexed_at=INDEXED_AT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--chunks", type=int, required=True, metavar="N")
    parser.add_argument("--corpus", type=Path, default=SCALE, metavar="DIR")
    parser.add_argument("--verify", action="store_true", help="check everything that `rag verify` checks")
    arguments = parser.parse_args()
    print(json.dumps(grow(arguments.index, arguments.chunks, arguments.corpus)))
    if arguments.verify:
        with rag.open_index(arguments.index) as index:
            problems = index.verify()
        print(json.dumps({"problems": problems}))
        sys.exit(bool(problems))


if __name__ == "__main__":
    main()
