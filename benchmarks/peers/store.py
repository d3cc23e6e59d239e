"""Measure one library's vector store: `build`, `search` and `delete`, each in a process of its own, one JSON line each.

    build EXPORT --out STORE                   fill a store with the passages and vectors of an export (see ../stores.py)
    search STORE --questions DIR               load it and ask; with the question's embedding and without
    delete STORE --passages 7,8,9              remove passages and make that durable

The libraries differ in what `Store` does; how they are timed is the same.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

K = 10
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Passage:
    """`row` is its place in the export's vectors."""

    row: int
    source: str
    text: str


class Store(Protocol):
    """One library's store. Passages are named by their rows; vectors are float32 and have length 1."""

    name: str
    modes: Sequence[str]
    """"dense", and "hybrid" where the library offers it over this store."""

    def build(self, passages: Sequence[Passage], vectors: Any, out: Path) -> None:
        """Fill a new store and leave it on disk."""

    def load_model(self) -> None:
        """Import the library and load what embeds questions; comes first, and is not counted."""

    def load(self, folder: Path) -> None:
        """Make a store that is on disk ready to be asked."""

    def embed(self, question: str) -> Any:
        """The question's vector."""

    def find(self, question: str, vector: Any, mode: str) -> list[int]:
        """The best `K` passages for a question whose vector is known already; their texts are at hand then."""

    def search(self, question: str, mode: str) -> list[int]:
        """The same from the question alone, as the library documents it."""

    def delete(self, rows: Sequence[int]) -> None:
        """Remove passages. When this returns, the store on disk has lost them."""

    def __len__(self) -> int:
        """Passages in the store."""


def build(store: Store, arguments: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    export = Path(arguments.export)
    with (export / "passages.jsonl").open(encoding="utf-8") as lines:
        passages = [Passage(**json.loads(line)) for line in lines]
    vectors = np.load(export / "vectors.npy")
    store.load_model()
    began = time.perf_counter()
    store.build(passages, vectors, Path(arguments.out))
    return {"passages": len(passages), "build": time.perf_counter() - began}


def search(store: Store, arguments: argparse.Namespace) -> dict[str, Any]:
    folder = Path(arguments.questions)
    with (folder / "questions.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(line)["text"] for line in lines][:: arguments.every]
    store.load_model()
    first = store.embed(questions[0])
    gc.collect()
    without = resident_mb()
    began = time.perf_counter()
    store.load(Path(arguments.store))
    store.find(questions[0], first, store.modes[0])
    loaded = time.perf_counter() - began
    result: dict[str, Any] = {"passages": len(store), "load": loaded, "questions": len(questions)}
    for mode in store.modes:
        result[mode] = ask(store, questions, mode)
    return result | {"resident_mb": resident_mb(), "before_mb": without}


def ask(store: Store, questions: Sequence[str], mode: str) -> dict[str, Any]:
    """Milliseconds of each question with its embedding and without, and the passages found."""
    for question in questions[:: max(len(questions) // WARM_UP, 1)]:
        store.search(question, mode)
    whole, found, alone = [], [], []
    for question in questions:
        milliseconds, rows = timed(store.search, question, mode)
        whole.append(milliseconds)
        found.append(rows)
        vector = store.embed(question)
        alone.append(timed(store.find, question, vector, mode)[0])
    return {"whole": percentiles(whole), "alone": percentiles(alone), "found": found}


def delete(store: Store, arguments: argparse.Namespace) -> dict[str, Any]:
    rows = [int(row) for row in arguments.passages.split(",")]
    store.load_model()
    store.load(Path(arguments.store))
    before = len(store)
    began = time.perf_counter()
    store.delete(rows)
    took = time.perf_counter() - began
    if before - len(store) != len(rows):
        raise SystemExit(f"{store.name} removed {before - len(store)} passages, not {len(rows)}.")
    return {"delete": took}


def timed(call: Callable[..., Any], *values: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    result = call(*values)
    return 1000 * (time.perf_counter() - began), result


def percentiles(values: Sequence[float]) -> dict[str, float]:
    return {"p50": statistics.median(values), "p95": statistics.quantiles(values, n=20)[-1]}


def resident_mb() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


def main(store: Store) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    building = commands.add_parser("build")
    building.add_argument("export")
    building.add_argument("--out", required=True, metavar="DIR")
    building.set_defaults(run=build)
    searching = commands.add_parser("search")
    searching.add_argument("store")
    searching.add_argument("--questions", required=True, metavar="DIR")
    searching.add_argument("--every", type=int, default=1, metavar="N", help="ask every Nth question")
    searching.set_defaults(run=search)
    deleting = commands.add_parser("delete")
    deleting.add_argument("store")
    deleting.add_argument("--passages", required=True, metavar="ROWS")
    deleting.set_defaults(run=delete)
    arguments = parser.parse_args()
    print(json.dumps({"name": store.name} | arguments.run(store, arguments)))
