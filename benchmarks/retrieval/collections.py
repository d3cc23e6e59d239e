"""Retrieval quality on test collections: dense, keyword and hybrid search, and reciprocal rank fusion to compare with.

    python -m benchmarks.retrieval.collections ../shared/data/scifact ../shared/data/xquad/en ../shared/data/financebench

A collection is a folder with `corpus.jsonl` and either `queries.jsonl` and `qrels/*.tsv` (BEIR's layout) or `qa.jsonl`; or
one with `questions.jsonl` over PDFs, where pages are to be found. A document's or page's score is that of its best
passage. Metrics are computed by ir-measures. Rank fusion gets 1000 candidates from each search, with which it is best.
The last column is the gain of hybrid search over rank fusion in nDCG@10, with the range that holds 95 of 100 means over
questions drawn again (paired bootstrap).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ir_measures
import numpy as np
from ir_measures import RR, Qrel, R, ScoredDoc, nDCG

import rag
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import figure, note
from benchmarks.harness.pages import Cell, page, publish, table
from rag.ingest.sync import add_documents
from rag.retrieval.fusion import reciprocal_rank_fusion
from rag.retrieval.retrieve import candidates, hybrid
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Hit

    Run = list[ScoredDoc]

MEASURES = [nDCG @ 10, RR @ 10, R @ 100]
RANK_FUSION_DEPTH = 1000
DOCUMENTS_A_QUESTION = 100
PASSAGES_A_QUESTION = 400
SAMPLES = 5000


@dataclass(frozen=True, slots=True)
class Task:
    """Questions by id, and what is relevant to them: sources, or `SOURCE#PAGE` where pages are to be found."""

    name: str
    questions: dict[str, str]
    relevant: list[Qrel]
    by_page: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", type=Path)
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"), help="built indexes are kept here")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table here too")
    arguments = parser.parse_args()
    found: list[list[Cell]] = []
    for collection in arguments.collections:
        with rag.open_index(arguments.indexes / name_of(collection), create=True) as index:
            build(index, collection)
            for task in tasks_of(collection):
                for row in rows(index, task):
                    note(" | ".join(map(str, row)))
                    found.append(row)
    header = ("collection", "questions", "passages", "search", *map(str, MEASURES), "over rank fusion")
    publish(page(table(header, found)), arguments.output)


def rows(index: rag.Index, task: Task) -> Iterator[list[Cell]]:
    """A row for each way to search."""
    runs = search(index, task)
    for name, run in runs.items():
        values = ir_measures.calc_aggregate(MEASURES, task.relevant, run)
        gain = gain_over(runs["rank fusion"], run, task) if name == "hybrid" else ""
        figures = [figure(values[measure], 4) for measure in MEASURES]
        yield [task.name, len(task.questions), len(index), name, *figures, gain]


def search(index: rag.Index, task: Task) -> dict[str, Run]:
    """What each way to search finds for all questions."""
    runs: dict[str, Run] = {name: [] for name in ("dense", "keyword", "hybrid", "rank fusion")}
    for number, question in task.questions.items():
        dense, keyword = candidates(question, index=index)
        deep_dense, _ = candidates(question, index=index, depth=RANK_FUSION_DEPTH, mode="dense")
        _, deep_keyword = candidates(question, index=index, depth=RANK_FUSION_DEPTH, mode="keyword")
        rankings = {
            "dense": deep_dense,
            "keyword": deep_keyword,
            "hybrid": hybrid(question, dense, keyword, index=index),
            "rank fusion": reciprocal_rank_fusion(deep_dense, deep_keyword),
        }
        for name, ranking in rankings.items():
            hits = index.hits(ranking[:PASSAGES_A_QUESTION])
            runs[name] += [ScoredDoc(number, unit, score) for unit, score in best_units(hits, by_page=task.by_page)]
    return runs


def best_units(hits: list[Hit], *, by_page: bool) -> list[tuple[str, float]]:
    """Documents, or pages, with the score of their best passage, best first."""
    best: dict[str, float] = {}
    for hit in hits:
        first, last = hit.pages if by_page and hit.pages else (0, 0)
        for number in range(first, last + 1):
            best.setdefault(f"{Path(hit.source).stem}#{number}" if by_page else hit.source, hit.score)
    return list(best.items())[:DOCUMENTS_A_QUESTION]


def gain_over(baseline: Run, run: Run, task: Task) -> Figure:
    """Mean gain in nDCG@10, and the range of that mean."""
    scores = [
        {value.query_id: value.value for value in ir_measures.iter_calc([nDCG @ 10], task.relevant, one)}
        for one in (baseline, run)
    ]
    gains = np.array([scores[1].get(number, 0.0) - scores[0].get(number, 0.0) for number in task.questions])
    drawn = np.random.default_rng(0).integers(0, len(gains), (SAMPLES, len(gains)))
    low, high = np.percentile(gains[drawn].mean(axis=1), [2.5, 97.5])
    return Figure(float(gains.mean()), float(low), float(high), "+.4f")


def build(index: rag.Index, collection: Path) -> None:
    """Add the collection's documents, once."""
    started, before = time.perf_counter(), len(index)
    if (collection / "corpus.jsonl").is_file():
        rows = [row for row in read_lines(collection / "corpus.jsonl") if row["text"].strip()]
        if index.catalog.counts()[0] != len(rows):
            add_documents((Document(row["text"], row["_id"], row.get("title", "")) for row in rows), index=index)
    else:
        rag.sync(sorted(collection.rglob("*.pdf")), index=index)
    if len(index) != before:
        print(f"{index.path.name}: {len(index)} passages in {time.perf_counter() - started:.0f} s", file=sys.stderr)


def tasks_of(collection: Path) -> Iterator[Task]:
    """One for each file of relevance judgements."""
    name = name_of(collection)
    if (collection / "qrels").is_dir():
        texts = {row["_id"]: row["text"] for row in read_lines(collection / "queries.jsonl")}
        for file in sorted((collection / "qrels").glob("*.tsv")):
            rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()[1:]]
            relevant = [Qrel(query, document, int(level)) for query, document, level in rows if int(level) > 0]
            asked = {qrel.query_id: texts[qrel.query_id] for qrel in relevant}
            yield Task(name if file.stem == "test" else f"{name} ({file.stem})", asked, relevant)
    elif (collection / "qa.jsonl").is_file():
        rows = [row for row in read_lines(collection / "qa.jsonl") if not row["is_impossible"]]
        relevant = [Qrel(row["id"], row["doc_id"], 1) for row in rows]
        yield Task(name, {row["id"]: row["question"] for row in rows}, relevant)
    else:
        yield page_task(name, read_lines(next(collection.rglob("questions.jsonl"))))


def page_task(name: str, rows: list[dict]) -> Task:
    """Pages are counted from 0 in the collection and from 1 in an index."""
    pages = {
        (row["financebench_id"], f"{evidence['doc_name']}#{evidence['evidence_page_num'] + 1}")
        for row in rows
        for evidence in row["evidence"]
    }
    relevant = [Qrel(question, page, 1) for question, page in sorted(pages)]
    return Task(name, {row["financebench_id"]: row["question"] for row in rows}, relevant, by_page=True)


def name_of(collection: Path) -> str:
    """The folder's name; with its parent's where it is only a language."""
    return collection.name if len(collection.name) > 2 else f"{collection.parent.name}-{collection.name}"


def read_lines(path: Path) -> list[dict]:
    """One JSON object a line."""
    return [json.loads(line) for line in path.open(encoding="utf-8")]


if __name__ == "__main__":
    main()
