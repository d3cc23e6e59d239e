"""Fit the constants of `rag/evidence.py`: how likely do passages hold an answer, by cosine and by shared words?

Answerable questions of ClapNQ (development half) are asked twice: of all passages, and of all but their own. The second
must be refused. Prints the fitted constants, the area under the ROC curve of each measurement, and how many are refused
rightly and wrongly at the threshold.

    python benchmarks/evidence.py --data ../shared/data/clapnq_dev
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
    parser.add_argument("--data", type=Path, default=Path("../shared/data/clapnq_dev"))
    data = parser.parse_args().data
    corpus = [json.loads(line) for line in (data / "corpus.jsonl").open(encoding="utf-8")]
    questions = [json.loads(line) for line in (data / "qa.jsonl").open(encoding="utf-8")]
    with TemporaryDirectory() as folder, rag.open_index(Path(folder) / "index", create=True) as index:
        add_documents([Document(row["text"], row["_id"], row.get("title", "")) for row in corpus], index=index)
        rows = [measured for question in questions for measured in measure(question, index)]
    features, labels = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    weights = fit(features, labels)
    alone = fit(features[:, 1:], labels)
    print(f"questions {len(questions)}, cases {len(rows)}")
    print(f"cosine, coverage, bias:  {weights.round(2).tolist()}")
    print(f"coverage alone, bias:    {alone.round(2).tolist()}")
    built = np.array([row[3] for row in rows])
    measurements = {"cosine": features[:, 0], "coverage": features[:, 1], "fitted": features @ weights[:2], "as built": built}
    for name, scores in measurements.items():
        print(f"AUROC {name:9} {auroc(scores, labels):.3f}")
    for threshold in sorted({0.1, THRESHOLD, 0.5}):
        rightly, wrongly = (built[labels == label] < threshold for label in (0, 1))
        print(f"refused below {threshold}: {rightly.mean():.1%} of the unanswerable, {wrongly.mean():.1%} of the answerable")


def measure(question: dict, index: rag.Index) -> list[tuple[float, float, int, float]]:
    """(cosine, coverage, label, evidence as built) with the question's own document, and without it."""
    if not question["answerable"]:
        return []
    vector = index.embedder.embed_question(question["question"])
    ranked = index.hits(index.search_vectors(vector, 50))
    cases = []
    for label, hits in ((1, ranked), (0, [hit for hit in ranked if hit.source not in question["doc_ids"]])):
        share = coverage(question["question"], hits)
        cases.append((hits[0].score, share, label, evidence(question["question"], hits, hits[0].score, calibrated=True)))
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
