"""Compare exported vectors with float32 torch (sentence-transformers' default) on a sample; one JSON line.

    .bench/langchain/bin/python benchmarks/peers/check_vectors.py EXPORT --sample 200

Runs in a peer's environment and imports nothing of groundtext. See index/export.py for the format.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
from peer import model_folder, prepare_process


def cosines(export: Path, sample: int) -> list[float]:
    """The cosine of each sampled vector to torch's vector of the same text."""
    prepare_process()
    from sentence_transformers import SentenceTransformer

    vectors = np.load(export / "vectors.npy")
    with (export / "chunks.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(line)["embedded"] for line in lines]
    if len(texts) != len(vectors):
        raise SystemExit(f"{export}: {len(texts)} texts but {len(vectors)} vectors. Make the export again.")
    chosen = random.Random(0).sample(range(len(texts)), min(sample, len(texts)))
    model = SentenceTransformer(model_folder(), device="cpu")
    theirs = np.asarray(model.encode([texts[row] for row in chosen], normalize_embeddings=True), dtype=np.float64)
    ours = vectors[chosen].astype(np.float64)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    return [float(cosine) for cosine in (ours * theirs).sum(axis=1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--sample", type=int, default=200, metavar="N")
    arguments = parser.parse_args()
    found = cosines(arguments.export, arguments.sample)
    print(json.dumps({"sample": len(found), "min": round(min(found), 6), "mean": round(sum(found) / len(found), 6)}))


if __name__ == "__main__":
    main()
