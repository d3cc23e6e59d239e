"""Fit the constants of `rag/evidence.py`: how likely do passages hold an answer, by cosine and by shared words?

Answerable questions are asked twice: of all passages, and of all but their own. The second must be refused. Prints the
fitted constants, the area under the ROC curve of each measurement, and how many are refused rightly and wrongly.

    python benchmarks/evidence.py ../shared/data/clapnq_dev ../shared/data/xquad/en
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import rag
from rag.evidence import THRESHOLD, coverage, evidence
from rag.pipelines.ingest import add_documents
from rag.types import Document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", type=Path, help="folders with corpus.jsonl and qa.jsonl")
    rows = [row for collection in parser.parse_args().collections for row in cases_of(collection)]
    features, labels = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    weights = fit(features, labels)
    alone = fit(features[:, 1:], labels)
    print(f"cases {len(rows)}")
    print(f"cosine, coverage, bias:  {weights.round(2).tolist()}")
    print(f"coverage alone, bias:    {alone.round(2).tolist()}")
    built = np.array([row[3] for row in rows])
    measurements = {"cosine": features[:, 0], "coverage": features[:, 1], "fitted": features @ weights[:2], "as built": built}
    for name, scores in measurements.items():
        print(f"AUROC {name:9} {auroc(scores, labels):.3f}")
    for threshold in sorted({0.1, THRESHOLD, 0.5}):
        rightly, wrongly = (built[labels == label] < threshold for label in (0, 1))
        print(f"refused below {threshold}: {rightly.mean():.1%} of the unanswerable, {wrongly.mean():.1%} of the answerable")


def cases_of(collection: Path) -> list[tuple[float, float, int, float]]:
    """The cases of one collection; at most 400 questions of each, evenly chosen."""
    corpus = [json.loads(line) for line in (collection / "corpus.jsonl").open(encoding="utf-8")]
    questions = [json.loads(line) for line in (collection / "qa.jsonl").open(encoding="utf-8")]
    asked = [
        (q["question"], q.get("doc_ids") or [q["doc_id"]]) for q in questions if q.get("answerable", not q.get("is_impossible"))
    ]
    with TemporaryDirectory() as folder, rag.open_index(Path(folder) / "index", create=True) as index:
        add_documents([Document(row["text"], row["_id"], row.get("title", "")) for row in corpus], index=index)
        return [case for question, own in asked[:: max(1, len(asked) // 400)] for case in measure(question, own, index)]


def measure(question: str, own: list[str], index: rag.Index) -> list[tuple[float, float, int, float]]:
    """(cosine, coverage, label, evidence as built) with the question's own documents, and without them."""
    ranked = index.hits(index.search_vectors(index.embedder.embed_question(question), 50))
    cases = []
    for label, hits in ((1, ranked), (0, [hit for hit in ranked if hit.source not in own])):
        cosine = hits[0].score
        cases.append((cosine, coverage(question, hits), label, evidence(question, hits, cosine, calibrated=True)))
    return cases


def fit(features: np.ndarray, labels: np.ndarray, *, ridge: float = 0.01) -> np.ndarray:
    """Logistic regression by Newton's method; the last weight is the bias."""
    design = np.column_stack([features, np.ones(len(features))])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (labels - chance) - ridge * weights * np.r_[np.ones(len(weights) - 1), 0]
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + ridge * np.diag(
            np.r_[np.ones(len(weights) - 1), 1e-6]
        )
        weights = weights + np.linalg.solve(hessian, gradient)
    return weights


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """How often an answerable case scores above an unanswerable one (ties count half)."""
    positive, negative = scores[labels == 1][:, None], scores[labels == 0][None]
    return float(np.mean(positive > negative) + np.mean(positive == negative) / 2)


if __name__ == "__main__":
    main()
