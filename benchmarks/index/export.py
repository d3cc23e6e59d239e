"""Write an index's passages and vectors where another toolkit can read them. Runs in groundtext's own environment.

    .venv/bin/python -m benchmarks.index.export INDEX OUT

OUT/chunks.jsonl  one line a passage: {"chunk", "source", "text", "embedded"}; `embedded` is the text that the vector is of
OUT/vectors.npy   float32, shape (passages, dimension), in the same order, each of length 1
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import rag
from rag.documents.chunking import embedded_text


def export(index_folder: Path, out: Path) -> int:
    """The number of passages written."""
    out.mkdir(parents=True, exist_ok=True)
    with rag.open_index(str(index_folder)) as index:
        chunks = index.catalog.chunks_added_since(-1)
        np.save(out / "vectors.npy", index.vectors_of(chunks))
        with (out / "chunks.jsonl").open("w", encoding="utf-8") as lines:
            for hit in index.hits([(chunk, 0.0) for chunk in chunks]):
                line = {"chunk": hit.chunk, "source": hit.source, "text": hit.text, "embedded": what_was_embedded(index, hit)}
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(chunks)


def what_was_embedded(index: rag.Index, hit: rag.Hit) -> str:
    """The passage as ingest gave it to the embedder: with the document's title and headings in front."""
    chunk = rag.Chunk(hit.text, hit.start, hit.end, hit.pages, hit.heading)
    embedder = index.embedder
    return embedded_text(chunk, hit.title, count_tokens=embedder.count_tokens, max_tokens=embedder.identity.max_tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    print(f"{arguments.out}: {export(arguments.index, arguments.out)} passages")


if __name__ == "__main__":
    main()
