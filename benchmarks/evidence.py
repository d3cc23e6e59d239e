"""Fit the constants of `rag/evidence.py`, and measure them: do the documents hold an answer to this question?

    python benchmarks/evidence.py ../shared/data

Passages of ClapNQ, XQuAD, PubMedQA, Cranfield and SciFact stand in one index (kept in .bench). Questions of the first three are
asked twice: of all passages, and of all but their own, which must be refused; ClapNQ's unanswerable questions are asked of
all. Every second question is fitted on, the others are measured. PersianQA, which the packaged embedder cannot read, is asked
of its own passages by words alone.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import rag
from rag.evidence import THRESHOLD, coverage, evidence, question_words, rarity
from rag.fusion import weighted_sum
from rag.pipelines.ingest import add_documents
from rag.pipelines.retrieve import candidates
from rag.types import Document, EmbedderIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Hit

SETS = {"clapnq_dev": 1, "xquad/en": 1, "pubmedqa": 3, "cranfield": 3, "scifact": 6}
"""Each set, and that every so manieth passage of it is taken."""

QUESTIONS = {"clapnq_dev": 1, "xquad/en": 10, "pubmedqa": 12}
HITS = 5
KNOWN: dict[tuple[str, int], int] = {}
MEASUREMENTS = ("cosine", "coverage", "as built")


@dataclass(frozen=True, slots=True)
class Case:
    """A question asked in one way: "own" passage there, "removed", or "unanswerable"; and what was measured."""

    of: str
    kind: str
    fitted_on: bool
    values: tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"))
    arguments = parser.parse_args()
    with rag.open_index(arguments.indexes / "mixed", create=True) as index:
        if not len(index):
            for name, step in SETS.items():
                rows = read_lines(arguments.data / name / "corpus.jsonl")[::step]
                texts = (
                    Document(row["text"], f"{name}:{row['_id']}", row.get("title", "")) for row in rows if row["text"].strip()
                )
                add_documents(texts, index=index)
        cases = [case for name in QUESTIONS for case in cases_of(name, arguments.data, index)]
    print_fit(cases)
    print_areas(cases)
    print_refusals(cases)
    print_persian(arguments.data / "persianqa")


def cases_of(name: str, data: Path, index: rag.Index) -> Iterator[Case]:
    for number, (question, own, answerable) in enumerate(questions_of(name, data, index)):
        dense, keyword = candidates(question, index=index)
        hits = {hit.chunk: hit for hit in index.hits([*dense, *keyword])}
        for kind in ("own", "removed") if answerable else ("unanswerable",):
            kept = {chunk for chunk, hit in hits.items() if kind != "removed" or hit.source not in own}
            near, worded = ([pair for pair in ranking if pair[0] in kept] for ranking in (dense, keyword))
            best = [hits[chunk] for chunk, _ in weighted_sum(near, worded)[:HITS]]
            yield Case(name, kind, number % 2 == 0, measured(question, best, max(score for _, score in near), index))


def measured(question: str, hits: list[Hit], cosine: float, index: rag.Index) -> tuple[float, float, float]:
    words = question_words(question)
    weights = rarity(words, frequencies(words, index), len(index))
    return cosine, coverage(question, hits, weights), evidence(question, hits, cosine, calibrated=True, weights=weights)


def frequencies(words: list[str], index: rag.Index) -> dict[str, int]:
    """In how many passages each word stands."""
    for word in words:
        if (word, len(index)) not in KNOWN:
            KNOWN[word, len(index)] = len(index.search_words(word, len(index)))
    return {word: KNOWN[word, len(index)] for word in words}


def questions_of(name: str, data: Path, index: rag.Index) -> Iterator[tuple[str, set[str], bool]]:
    """(question, its own sources, whether it has an answer)."""
    folder, step = data / name, QUESTIONS[name]
    if name == "pubmedqa":
        texts = {row["_id"]: row["text"] for row in read_lines(folder / "queries.jsonl")}
        held = {row["_id"] for row in read_lines(folder / "corpus.jsonl")[:: SETS[name]]}
        pairs = [line.split("\t")[:2] for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
        yield from [(texts[query], {f"{name}:{document}"}, True) for query, document in pairs if document in held][:: step // 3]
        return
    for row in read_lines(folder / "qa.jsonl")[::step]:
        own = row.get("doc_ids") or [row["doc_id"]]
        yield row["question"], {f"{name}:{document}" for document in own}, row.get("answerable", not row.get("is_impossible"))


def print_fit(cases: list[Case]) -> None:
    """Constants fitted on every second question; ClapNQ's unanswerable ones count among those to refuse."""
    fitted = [case for case in cases if case.fitted_on]
    features, labels = np.array([case.values[:2] for case in fitted]), np.array([case.kind == "own" for case in fitted])
    for title, columns in (("cosine, coverage", [0, 1]), ("coverage alone", [1])):
        model = LogisticRegression(C=100, max_iter=1000).fit(features[:, columns], labels)
        print(f"{title}: {model.coef_[0].round(2).tolist()}, bias {model.intercept_[0]:.2f}")


def print_areas(cases: list[Case]) -> None:
    """Area under the ROC curve, on the questions that were not fitted on."""
    print(
        "\n| with an answer, against | questions | " + " | ".join(MEASUREMENTS) + " |\n|---|---:|" + "---:|" * len(MEASUREMENTS)
    )
    measured = [case for case in cases if not case.fitted_on]
    for name in QUESTIONS:
        for kind in ("removed", "unanswerable"):
            among = [case for case in measured if case.of == name and case.kind in ("own", kind)]
            labels = [case.kind == "own" for case in among]
            if all(labels):
                continue
            areas = [roc_auc_score(labels, [case.values[i] for case in among]) for i in range(len(MEASUREMENTS))]
            print(f"| {name}, {kind} | {len(among)} | " + " | ".join(f"{area:.3f}" for area in areas) + " |")


def print_refusals(cases: list[Case]) -> None:
    """Precision and recall of refusing below a threshold, before a model is asked."""
    print("\n| refused below | of | precision | recall | answerable ones refused |\n|---:|---|---:|---:|---:|")
    for threshold in sorted({0.05, 0.1, 0.2, 0.3, 0.5, THRESHOLD}):
        for kind in ("removed", "unanswerable"):
            among = [c for c in cases if not c.fitted_on and c.of == "clapnq_dev" and c.kind in ("own", kind)]
            refused = np.array([case.values[2] < threshold for case in among])
            wrong = np.array([case.kind == "own" for case in among])
            precision = (refused & ~wrong).sum() / max(1, refused.sum())
            print(
                f"| {threshold} | ClapNQ, {kind} | {precision:.2f} | {refused[~wrong].mean():.2f} | {refused[wrong].mean():.1%} |"
            )


class NoMeaning:
    """An embedder for which all texts are alike."""

    identity = EmbedderIdentity("none", "1", 2, 100_000)

    def count_tokens(self, texts):
        return [len(text.split()) for text in texts]

    def embed_passages(self, texts, *, on_progress=None):
        if on_progress:
            on_progress(len(texts))
        return np.tile(np.array([1, 0], np.float32), (len(texts), 1))

    def embed_question(self, text):
        return np.array([1, 0], np.float32)


def print_persian(folder: Path) -> None:
    """By words alone."""
    corpus, questions = read_lines(folder / "corpus.jsonl"), read_lines(folder / "qa.jsonl")
    scores = []
    with TemporaryDirectory() as place, rag.open_index(Path(place) / "i", create=True, embedder=NoMeaning()) as index:
        add_documents((Document(row["text"], row["_id"], row.get("title", "")) for row in corpus), index=index)
        for row in questions:
            hits = rag.search(row["question"], index=index, k=HITS, mode="keyword")
            words = question_words(row["question"])
            weights = rarity(words, frequencies(words, index), len(index))
            scores.append(evidence(row["question"], hits, 0.0, calibrated=False, weights=weights))
    refused, wrong = np.array(scores) < THRESHOLD, np.array([not row["is_impossible"] for row in questions])
    print(f"\nPersianQA, by words: AUROC {roc_auc_score(wrong, scores):.3f}; refused below {THRESHOLD}: ", end="")
    print(f"precision {(refused & ~wrong).sum() / max(1, refused.sum()):.2f}, recall {refused[~wrong].mean():.2f}")


def read_lines(path: Path) -> list[dict]:
    """One JSON object a line."""
    return [json.loads(line) for line in path.open(encoding="utf-8")]


if __name__ == "__main__":
    warnings.simplefilter("ignore", FutureWarning)
    main()
