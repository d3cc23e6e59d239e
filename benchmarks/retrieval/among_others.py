"""A collection among passages of others: the same questions, more to find them in.

    python -m benchmarks.retrieval.among_others ../shared/data/clapnq_dev --others ../shared/data/{xquad/en,pubmedqa,cranfield,scifact}
    python -m benchmarks.retrieval.quality .bench/among-others/clapnq_dev-10000

Documents of the others are taken in turn, one of each at a time, until they have this many passages. Prints the new folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import rag
from benchmarks.harness.corpus import BENCH
from benchmarks.harness.measure import note
from benchmarks.retrieval.collections import name_of, read_lines
from rag.documents.chunking import split_text
from rag.types import Document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path, help="a folder in BEIR's layout")
    parser.add_argument("--others", type=Path, nargs="+", required=True, help="folders with a corpus.jsonl")
    parser.add_argument("--passages", type=int, default=10_000, metavar="N", help="of the others (default: %(default)s)")
    arguments = parser.parse_args()
    folder = BENCH / "among-others" / f"{name_of(arguments.collection)}-{arguments.passages}"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for kept in ("queries.jsonl", "qrels/test.tsv"):
        shutil.copyfile(arguments.collection / kept, folder / kept)
    own = read_lines(arguments.collection / "corpus.jsonl")
    others = list(distractors(arguments.others, arguments.passages))
    rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (*own, *others))
    (folder / "corpus.jsonl").write_text(rows, encoding="utf-8")
    note(f"{len(own)} documents among {len(others)} of others")
    print(folder)


def distractors(collections: Sequence[Path], passages: int) -> Iterator[dict[str, str]]:
    """Documents of the others with at least that many passages together. Raises SystemExit where they have fewer."""
    embedder = rag.open_embedder("minilm")
    named = [
        [row | {"_id": f"{name_of(other)}-{row['_id']}"} for row in read_lines(other / "corpus.jsonl")] for other in collections
    ]
    left = passages
    for row in filter(None, chain.from_iterable(zip_longest(*named))):
        if left <= 0:
            return
        left -= len(split_text(Document(row["text"], row["_id"], row.get("title", "")), count_tokens=embedder.count_tokens))
        yield row
    if left > 0:
        raise SystemExit(
            f"These collections have {passages - left} passages, fewer than {passages}. Name more, or ask for fewer."
        )


if __name__ == "__main__":
    main()
