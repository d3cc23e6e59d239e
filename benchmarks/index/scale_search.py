"""Ask an index real questions in this process: how long, in which parts, in how much memory, and how near to exact search.

    python -m benchmarks.index.scale_search .bench/scale-index

The questions are those of the corpus that the index was made of (see scale_corpus.py). Prints a line of JSON; times are in
milliseconds. Memory is looked at after the questions and before the exact search, which reads all vectors.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

import rag
from benchmarks.index.oracle import Vectors, nearest_rows
from benchmarks.index.scale_corpus import SCALE, SHELVES
from rag.index.catalog.filters import select_chunks
from rag.index.index import Index
from rag.retrieval.retrieve import CANDIDATES, hybrid

K = 10
WARM_UP = 30
FILTERED = 100
MODES = ("hybrid", "dense", "keyword")
TIE = 1e-5
"""Passages whose cosine is this near to the tenth best count as the tenth best: there are equal texts in a corpus."""


class CatalogVectors:
    """The vectors of an index as the catalog has them, in the order of `chunks`; read when a slice is taken."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.chunks = np.array(index.catalog.chunks_added_since(-1), np.int64)

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, rows: slice) -> Vectors:
        return self._index.vectors_of(self.chunks[rows].tolist())


# time


_passes = count(1)


def milliseconds(run: Callable[[Any], object], inputs: Iterable[Any]) -> list[float]:
    """How long each call took."""
    took = []
    for value in inputs:
        began = time.perf_counter()
        run(value)
        took.append(1000 * (time.perf_counter() - began))
    return took


def describe(took: Sequence[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(took, [50, 95, 99])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}


def anew(questions: Sequence[str]) -> list[str]:
    """The same questions as others, by blanks at their end: an embedder keeps the vectors of those that it has been asked before."""
    blanks = " " * next(_passes)
    return [question + blanks for question in questions]


def search_times(index: Index, questions: Sequence[str]) -> dict[str, dict[str, float]]:
    """Whole searches by mode, as a user calls them, the question's embedding included. What a question reads for the first time
    may have to come from the disk.
    """
    rounds = {"hybrid, asked for the first time": "hybrid"} | {mode: mode for mode in MODES}
    return {
        name: describe(
            milliseconds(lambda question, mode=mode: rag.search(question, index=index, k=K, mode=mode), anew(questions))
        )
        for name, mode in rounds.items()
    }


def part_times(index: Index, questions: Sequence[str]) -> dict[str, dict[str, float]]:
    """The parts of a hybrid search one after the other. In a search, dense and keyword search run side by side."""
    took: dict[str, list[float]] = {}

    def part(name: str, run: Callable[..., Any], *values: Any) -> Any:
        began = time.perf_counter()
        result = run(*values)
        took.setdefault(name, []).append(1000 * (time.perf_counter() - began))
        return result

    for question in anew(questions):
        vector = part("embed the question", index.embedder.embed_question, question)
        dense = part("dense search", index.search_vectors, vector, CANDIDATES)
        words = part("keyword search", index.search_words, question, CANDIDATES)
        by_words_only = sorted({chunk for chunk, _ in words} - {chunk for chunk, _ in dense})
        cosines = part("cosines of what only words found", index.cosines, vector, by_words_only)
        fused = part("fusion", partial(hybrid, index=index), question, [*dense, *cosines.items()], words)
        part("hits", index.first_hits, fused, K)
    return {name: describe(values) for name, values in took.items()}


def filters(index: Index) -> dict[str, dict[str, str]]:
    """From broad to one document."""
    rows = index.catalog.documents()
    return {
        "most": {"source": "*.txt"},
        "a tenth": {"media_type": "application/pdf"},
        "a hundredth": {"shelf": SHELVES[-1]},
        "one document": {"source": rows[len(rows) // 2].source},
    }


def filtered_times(index: Index, questions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Searches among the passages that a filter leaves, by mode. An index keeps its last choice, so `choosing` (ms) comes once."""
    found: dict[str, dict[str, Any]] = {}
    for name, where in filters(index).items():
        began = time.perf_counter()
        passages = len(select_chunks(index.catalog, where))
        chosen = 1000 * (time.perf_counter() - began)
        found[name] = {"where": where, "passages": passages, "choosing": round(chosen, 3), "too few": 0}
        for mode in MODES:
            counts: list[int] = []

            def ask(question: str, where: Any = where, mode: Any = mode, counts: list[int] = counts) -> None:
                counts.append(len(rag.search(question, index=index, k=K, mode=mode, where=where)))

            ask(questions[0])
            found[name][mode] = describe(milliseconds(ask, anew(questions)))
            if mode != "keyword":
                found[name]["too few"] += sum(count < min(K, passages) for count in counts)
    return found


# memory


def memory() -> dict[str, int]:
    """Megabytes that this process holds now."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(status[name].split()[0]) // 1024 for name in ("VmRSS", "RssAnon", "RssFile")}


# exactness


def recall(index: Index, asked: Vectors, collections: Sequence[str]) -> dict[str, float]:
    """The share of the ten nearest passages that dense search finds: asked for ten, for as many as hybrid search asks for, and
    then by the questions' collection."""
    everything = CatalogVectors(index)
    cosines, _ = nearest_rows(asked, everything, K)
    wanted = min(K, len(everything))
    shares: dict[str, float] = {}
    for n in (K, CANDIDATES):
        right = np.array([found_of(index, question, n, tenth) for question, tenth in zip(asked, cosines[:, -1], strict=True)])
        shares[f"recall@{K} of {n}"] = float(right.mean()) / wanted
    for name in dict.fromkeys(collections):
        own = np.array([collection == name for collection in collections])
        shares[f"– {name}"] = float(right[own].mean()) / wanted
    return shares


def found_of(index: Index, question: Vectors, n: int, tenth: float) -> int:
    """How many of the first ten of `n` are as near as the truly tenth."""
    found = [chunk for chunk, _ in index.search_vectors(question, n)[:K]]
    return int((index.vectors_of(found) @ question >= tenth - TIE).sum())


def measure(folder: Path, corpus: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (corpus / "questions.jsonl").open(encoding="utf-8")]
    questions = [row["text"] for row in rows]
    asked = np.load(corpus / "questions.npy")
    before = memory()
    with rag.open_index(folder) as index:
        for question in questions[:: len(questions) // WARM_UP]:
            rag.search(question, index=index, k=K)
        result: dict[str, Any] = {"passages": len(index), "questions": len(questions)}
        result["search"] = search_times(index, questions)
        result["memory"] = memory() | {"before": before["VmRSS"]}
        result["parts"] = part_times(index, questions)
        result["filtered"] = filtered_times(index, questions[:: max(len(questions) // FILTERED, 1)])
        result["memory after filters"] = memory()
        result["recall"] = recall(index, asked, [row["collection"] for row in rows])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--corpus", type=Path, default=SCALE, metavar="DIR")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.index, arguments.corpus)))


if __name__ == "__main__":
    main()
