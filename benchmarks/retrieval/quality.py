"""Retrieval quality, as `rag eval retrieval` tells it, with one line for each way to search.

    python -m benchmarks.retrieval.quality ../shared/data/scifact ../shared/data/cranfield

An index is kept in .bench/quality for as long as the code that makes one stays the same, and made anew after it has changed, so
that a change to splitting, words or vectors is measured.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.corpus import BENCH
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import ROOT, digest_of, machine_facts, note, run_process
from benchmarks.harness.pages import Cell, page, publish, table

INDEXES = BENCH / "quality"
MODES = ("hybrid", "dense", "keyword")
MEASURES = {"ndcg@10": "nDCG@10", "mrr@10": "RR@10", "recall@100": "R@100"}
MAKES_INDEXES = (
    "documents/chunking.py",
    "text/**/*",
    "models/embedders/*.py",
    "index/**/*.py",
    "ingest/sync.py",
    "ingest/prepare.py",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", type=Path, help="folders that `rag eval retrieval --data` reads")
    parser.add_argument("--rag", type=Path, default=ROOT / ".venv" / "bin" / "rag", metavar="PATH", help="our command")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    facts = machine_facts({"groundtext": arguments.rag.parent / "python"})
    rows = [row for collection in arguments.collections for row in measured(collection, arguments.rag, arguments.limit)]
    header = ("collection, search", "questions", "passages", *MEASURES.values())
    intro = "Means over the questions [95 % of the means over questions drawn again]."
    publish(page("## Retrieval quality", intro, facts, table(header, rows)), arguments.output)


def measured(collection: Path, rag: Path, limit: int | None) -> Iterator[list[Cell]]:
    """A row for each way to search."""
    name = collection.name if len(collection.name) > 2 else f"{collection.parent.name}-{collection.name}"
    command = [rag, "eval", "retrieval", "--data", collection, "--index", index_of(name), "--json"]
    command += [option for mode in MODES for option in ("--mode", mode)]
    command += [option for measure in MEASURES for option in ("--metric", measure)]
    run = run_process([*command, *(["--limit", str(limit)] if limit else [])])
    note(f"{name}: {run.wall:.0f} s")
    for way in run.json["runs"]:
        cells = (cell(way[measure], way["intervals"][measure]) for measure in MEASURES)
        yield [f"{name}, {way['name']}", run.json["queries"], run.json["chunks"], *cells]


def cell(mean: float, interval: tuple[float, float] | None) -> Figure:
    low, high = interval or (mean, mean)
    return Figure(mean, low, high, ".4f")


def index_of(name: str) -> Path:
    """The index's folder, named after the code that makes it; those that other code made are removed."""
    made_by = digest_of(path for pattern in MAKES_INDEXES for path in (ROOT / "rag").glob(pattern) if path.is_file())
    kept = INDEXES / f"{name}-{made_by}"
    for other in INDEXES.glob(f"{name}-????????"):
        if other != kept:
            shutil.rmtree(other)
    return kept


if __name__ == "__main__":
    main()
