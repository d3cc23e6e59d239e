"""Retrieval quality on test collections in BEIR layout: nDCG@10 of dense, keyword, hybrid, and of reciprocal rank fusion.

    python benchmarks/retrieval.py ../shared/data/scifact ../shared/data/cranfield

A document's score is that of its best passage. Metrics are computed by ir-measures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import ir_measures
from ir_measures import RR, R, nDCG

import rag
from rag.fusion import reciprocal_rank_fusion, weighted_sum
from rag.pipelines.ingest import add_documents
from rag.pipelines.retrieve import CANDIDATES
from rag.types import Document

MEASURES = [nDCG @ 10, RR @ 10, R @ 100]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", type=Path)
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"), help="built indexes are kept here")
    arguments = parser.parse_args()
    print("| collection | passages | search | " + " | ".join(map(str, MEASURES)) + " |")
    print("|---|---:|---|" + "---:|" * len(MEASURES))
    for collection in arguments.collections:
        with rag.open_index(arguments.indexes / collection.name, create=True) as index:
            build(index, collection)
            for name, values in evaluate(index, collection).items():
                print(
                    f"| {collection.name} | {len(index)} | {name} | " + " | ".join(f"{values[m]:.4f}" for m in MEASURES) + " |",
                    flush=True,
                )


def build(index: rag.Index, collection: Path) -> None:
    """Add the collection's documents, once."""
    rows = read_lines(collection / "corpus.jsonl")
    if index.catalog.counts()[0] == sum(1 for row in rows if row["text"].strip()):
        return
    started = time.perf_counter()
    add_documents((Document(row["text"], row["_id"], row.get("title", "")) for row in rows if row["text"].strip()), index=index)
    print(f"{collection.name}: {len(index)} passages in {time.perf_counter() - started:.0f} s", file=sys.stderr)


def evaluate(index: rag.Index, collection: Path) -> dict[str, dict[ir_measures.Measure, float]]:
    """Measures of each way to search, over the questions that have relevant documents."""
    qrels = read_qrels(collection / "qrels" / "test.tsv")
    wanted = {qrel.query_id for qrel in qrels}
    runs: dict[str, list[ir_measures.ScoredDoc]] = {name: [] for name in ("dense", "keyword", "hybrid", "rank fusion")}
    for query in read_lines(collection / "queries.jsonl"):
        if query["_id"] not in wanted:
            continue
        dense = index.search_vectors(index.embedder.embed_question(query["text"]), CANDIDATES)
        keyword = index.search_words(query["text"], CANDIDATES)
        rankings = {"dense": dense, "keyword": keyword, "hybrid": weighted_sum(dense, keyword)}
        rankings["rank fusion"] = reciprocal_rank_fusion(dense, keyword)
        for name, ranking in rankings.items():
            runs[name] += documents_of(ranking, query["_id"], index)
    return {name: ir_measures.calc_aggregate(MEASURES, qrels, run) for name, run in runs.items()}


def documents_of(ranking: list[tuple[int, float]], query: str, index: rag.Index) -> list[ir_measures.ScoredDoc]:
    """The best 100 documents of a ranking of passages."""
    best: dict[str, float] = {}
    for hit in index.hits(ranking[:400]):
        best.setdefault(hit.source, hit.score)
    return [ir_measures.ScoredDoc(query, document, score) for document, score in list(best.items())[:100]]


def read_lines(path: Path) -> list[dict]:
    """One JSON object a line."""
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def read_qrels(path: Path) -> list[ir_measures.Qrel]:
    """BEIR's query, document, relevance; the first line is a header."""
    rows = [line.rstrip("\n").split("\t") for line in path.open(encoding="utf-8")][1:]
    return [ir_measures.Qrel(query, document, int(relevance)) for query, document, relevance in rows if int(relevance) > 0]


if __name__ == "__main__":
    main()
