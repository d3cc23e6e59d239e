"""Fit and measure the constants of evidence: do the documents hold an answer to this question?

They are those of `rag/answers/evidence.json` and of minilm's calibration.

    python -m benchmarks.answers.evidence ../shared/data
    python -m benchmarks.answers.evidence ../shared/data --only xquad/en
    python -m benchmarks.answers.evidence ../shared/data --only financebench

Passages of ClapNQ, XQuAD, PubMedQA, Cranfield and SciFact stand in one index (kept in .bench). Questions of the first three are
asked of all passages, of all but their own, and of all but those of their own article; ClapNQ's unanswerable questions are asked
of all. The constants are fitted on ClapNQ: what is measured of it is measured of each half with those that the other half
gives, and as built. XQuAD and PubMedQA are never fitted on. XQuAD's questions are also asked of their own article alone, an index
of five paragraphs, with and without their own. FinanceBench's, long questions of long filings that are much alike, are asked of
all its filings, of all but those of their own company, of their own filing alone, and of two of other companies, each alone; only
the bias was chosen with an eye on them. PersianQA, which the packaged embedder cannot read, is asked of its own passages by words
alone.
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
from benchmarks.harness.measure import figure
from benchmarks.harness.pages import Table, page, publish, table
from rag.answers.context import distinct
from rag.answers.evidence import (
    THRESHOLD,
    compared,
    coverage,
    evidence,
    meaning_of,
    measured,
    question_words,
)
from rag.ingest.sync import add_documents
from rag.models.embedders.calibration import calibration_of
from rag.retrieval.retrieve import candidates, hybrid
from rag.text.rarity import rarity
from rag.text.words import stems
from rag.types import Document, EmbedderIdentity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rag.types import Hit

SETS = {"clapnq_dev": 1, "xquad/en": 1, "pubmedqa": 3, "cranfield": 3, "scifact": 6}
"""Each set, and that every so manieth passage of it is taken."""

QUESTIONS = {"clapnq_dev": 1, "xquad/en": 8, "pubmedqa": 12}
HITS = 5
FITTED_ON = "clapnq_dev"
CALIBRATION = calibration_of(EmbedderIdentity("minilm", "", 384, 256))
ALONE = "xquad/en, one article"
FILINGS, ONE_FILING = "financebench", "financebench, one filing"
MEASUREMENTS = (
    "cosine",
    "lead",
    "cosine of a sentence",
    "share of a sentence",
    "share of what is asked",
    "coverage",
    "as built",
)
AGAINST = ("removed", "article removed", "unanswerable")


@dataclass(frozen=True, slots=True)
class Case:
    """A question asked in one way: "own" passage there, or one of AGAINST; and what was measured. `half` is 0 or 1."""

    of: str
    kind: str
    half: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its own sources, the title of its article, and whether it has an answer."""

    question: str
    own: frozenset[str]
    title: str
    answerable: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"))
    parser.add_argument("--only", choices=[*QUESTIONS, FILINGS, "persianqa"])
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    names = [name for name in QUESTIONS if arguments.only in (None, name)]
    with rag.open_index(arguments.indexes / "mixed", create=True) as index:
        if not len(index):
            for name, step in SETS.items():
                rows = read_lines(arguments.data / name / "corpus.jsonl")[::step]
                texts = (
                    Document(row["text"], f"{name}:{row['_id']}", row.get("title", "")) for row in rows if row["text"].strip()
                )
                add_documents(texts, index=index)
        cases = [case for name in names for case in cases_of(name, arguments.data, index)]
    if arguments.only in (None, FILINGS):
        folder = arguments.data / "financebench" / "dev"
        with rag.open_index(arguments.indexes / "filings", create=True) as index:
            rag.sync([folder / "pdfs"], index=index)
            cases += cases_of_filings(read_lines(folder / "questions.jsonl"), index)
    blocks: list[str | Table] = []
    if FITTED_ON in names:
        blocks += ["\n".join(fit_lines(cases)), table_of_halves(cases)]
    if cases:
        blocks += [table_of_areas(cases), table_of_refusals(cases)]
    if arguments.only in (None, "persianqa"):
        blocks.append(table_of_persian(arguments.data / "persianqa"))
    publish(page("## Evidence", *blocks), arguments.output)


def cases_of(name: str, data: Path, index: rag.Index) -> Iterator[Case]:
    for number, asked in enumerate(questions_of(name, data, index)):
        dense, keyword = candidates(asked.question, index=index)
        hits = {hit.chunk: hit for hit in index.hits([*dense, *keyword])}
        words = question_words(asked.question)
        weights = rarity(words, index.word_frequencies(words), len(index))
        own = {chunk for chunk, hit in hits.items() if hit.source in asked.own}
        article = own | {chunk for chunk, hit in hits.items() if hit.title == asked.title}
        without = {"own": set(), "removed": own, "article removed": article} if asked.answerable else {"unanswerable": set()}
        for kind, left_out in without.items():
            kept = set(hits) - left_out
            yield Case(name, kind, number % 2, values_of(asked.question, dense, keyword, kept, hits, weights, index))
        if name == "xquad/en":
            yield from cases_of_one_article(asked, number % 2, index)


def cases_of_one_article(asked: Asked, half: int, index: rag.Index) -> Iterator[Case]:
    of_article = {"title": asked.title.replace("[", "[[]")}
    yield Case(ALONE, "own", half, values_among(asked.question, index, of_article))
    yield Case(ALONE, "removed", half, values_among(asked.question, index, of_article, without=asked.own))


def cases_of_filings(rows: list[dict], index: rag.Index) -> Iterator[Case]:
    sources = {Path(document.source).stem: document.source for document in index.catalog.documents()}
    filings = sorted({row["doc_name"] for row in rows})
    for number, row in enumerate(rows):
        question, name, half = row["question"], row["doc_name"], number % 2
        company = {source for other, source in sources.items() if company_of(other) == company_of(name)}
        yield Case(FILINGS, "own", half, values_among(question, index))
        yield Case(FILINGS, "article removed", half, values_among(question, index, without=company))
        yield Case(ONE_FILING, "own", half, values_among(question, index, {"source": sources[name]}))
        strangers = [other for other in filings if company_of(other) != company_of(name)]
        for other in (strangers[(3 * number + step) % len(strangers)] for step in (1, 4)):
            yield Case(ONE_FILING, "article removed", half, values_among(question, index, {"source": sources[other]}))


def company_of(filing: str) -> str:
    return filing.split("_")[0].upper()


def values_among(
    question: str, index: rag.Index, where: dict[str, str] | None = None, *, without: Collection[str] = ()
) -> tuple[float, ...]:
    """MEASUREMENTS of the passages that `where` names, as if they were the whole index, without some sources."""
    dense, keyword = candidates(question, index=index, where=where)
    hits = {hit.chunk: hit for hit in index.hits([*dense, *keyword])}
    words = question_words(question)
    frequencies, passages = index.word_frequencies(words), len(index)
    if where:
        held = [set(stems(hit.text)) for hit in hits.values()]
        frequencies, passages = {word: sum(word in one for one in held) for word in words}, len(hits)
    kept = {chunk for chunk, hit in hits.items() if hit.source not in without}
    return values_of(question, dense, keyword, kept, hits, rarity(words, frequencies, passages), index)


def values_of(
    question: str,
    dense: list[tuple[int, float]],
    keyword: list[tuple[int, float]],
    kept: set[int],
    hits: dict[int, Hit],
    weights: dict[str, float],
    index: rag.Index,
) -> tuple[float, ...]:
    """MEASUREMENTS of the passages that are kept."""
    near, worded = ([pair for pair in ranking if pair[0] in kept] for ranking in (dense, keyword))
    best = distinct([hits[chunk] for chunk, _ in hybrid(question, near, worded, index=index)[: 4 * HITS]], HITS)
    meaning = meaning_of(
        question, compared([(score, hits[chunk].source) for chunk, score in near]), index.embedder, CALIBRATION
    )
    return (
        *measured(question, best, meaning, weights),
        coverage(question, best, weights),
        evidence(question, best, meaning=meaning, weights=weights),
    )


def questions_of(name: str, data: Path, index: rag.Index) -> Iterator[Asked]:
    folder, step = data / name, QUESTIONS[name]
    corpus = {row["_id"]: row for row in read_lines(folder / "corpus.jsonl")[:: SETS[name]]}
    if name == "pubmedqa":
        texts = {row["_id"]: row["text"] for row in read_lines(folder / "queries.jsonl")}
        pairs = [line.split("\t")[:2] for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
        held = [(query, document) for query, document in pairs if document in corpus][:: step // 3]
        for query, document in held:
            yield Asked(texts[query], frozenset({f"{name}:{document}"}), corpus[document].get("title", ""), True)
        return
    for row in read_lines(folder / "qa.jsonl")[::step]:
        own = row.get("doc_ids") or [row["doc_id"]]
        answerable = row.get("answerable", not row.get("is_impossible"))
        sources = frozenset(f"{name}:{document}" for document in own)
        yield Asked(row["question"], sources, corpus[own[0]].get("title", ""), answerable)


def fitted(cases: list[Case]) -> LogisticRegression:
    """The five measurements of ClapNQ's questions; those with an answer count as much in sum as those without."""
    among = [case for case in cases if case.of == FITTED_ON and case.kind != "removed"]
    features, labels = np.array([case.values[:5] for case in among]), np.array([case.kind == "own" for case in among])
    return LogisticRegression(C=1000, max_iter=5000, class_weight="balanced").fit(features, labels)


def fit_lines(cases: list[Case]) -> Iterator[str]:
    """The constants, as built and as fitted."""
    fitted_before = CALIBRATION.evidence.values
    yield f"- as built: {fitted_before['weights']}, bias {fitted_before['bias']}"
    for title, among in (("all", cases), *((f"half {half}", [c for c in cases if c.half == half]) for half in (0, 1))):
        model = fitted(among)
        yield f"- fitted on {title}: {model.coef_[0].round(2).tolist()}, bias {model.intercept_[0]:.2f}"


def table_of_halves(cases: list[Case]) -> Table:
    """Area under the ROC curve, each half with the constants of the other."""
    scores = {}
    for half in (0, 1):
        model = fitted([case for case in cases if case.half != half])
        measured_on = [case for case in cases if case.half == half and case.of == FITTED_ON]
        scores |= {id(case): model.decision_function([case.values[:5]])[0] for case in measured_on}
    rows = []
    for kind in AGAINST:
        among = [case for case in cases if case.of == FITTED_ON and case.kind in ("own", kind)]
        area = roc_auc_score([case.kind == "own" for case in among], [scores[id(case)] for case in among])
        rows.append((kind, figure(float(area), 3)))
    return table(("each half with the constants of the other, against", "AUROC"), rows)


def table_of_areas(cases: list[Case]) -> Table:
    """Area under the ROC curve."""
    rows = []
    for name in dict.fromkeys(case.of for case in cases):
        for kind in AGAINST:
            among = [case for case in cases if case.of == name and case.kind in ("own", kind)]
            labels = [case.kind == "own" for case in among]
            if all(labels):
                continue
            areas = [roc_auc_score(labels, [case.values[i] for case in among]) for i in range(len(MEASUREMENTS))]
            rows.append((f"{name}, {kind}", len(among), *(figure(float(area), 3) for area in areas)))
    return table(("with an answer, against", "questions", *MEASUREMENTS), rows)


def table_of_refusals(cases: list[Case]) -> Table:
    """Precision and recall of refusing below a threshold, before a model is asked."""
    rows = []
    for threshold in sorted({0.05, 0.1, 0.2, 0.3, 0.5, THRESHOLD}):
        for name, kind in dict.fromkeys((case.of, case.kind) for case in cases if case.kind != "own"):
            among = [case for case in cases if case.of == name and case.kind in ("own", kind)]
            refused = np.array([case.values[-1] < threshold for case in among])
            wrong = np.array([case.kind == "own" for case in among])
            precision = (refused & ~wrong).sum() / max(1, refused.sum())
            recall, lost = refused[~wrong].mean(), refused[wrong].mean()
            shares = (figure(float(precision), 2), figure(float(recall), 2), figure(100 * float(lost), 1, " %"))
            rows.append((f"{threshold}", f"{name}, {kind}", *shares))
    return table(("refused below", "of", "precision", "recall", "answerable ones refused"), rows)


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


def table_of_persian(folder: Path) -> Table:
    """By words alone."""
    corpus, questions = read_lines(folder / "corpus.jsonl"), read_lines(folder / "qa.jsonl")
    scores = []
    with TemporaryDirectory() as place, rag.open_index(Path(place) / "i", create=True, embedder=NoMeaning()) as index:
        add_documents((Document(row["text"], row["_id"], row.get("title", "")) for row in corpus), index=index)
        for row in questions:
            hits = rag.search(row["question"], index=index, k=HITS, mode="keyword")
            words = question_words(row["question"])
            weights = rarity(words, index.word_frequencies(words), len(index))
            scores.append(evidence(row["question"], hits, weights=weights))
    refused, wrong = np.array(scores) < THRESHOLD, np.array([not row["is_impossible"] for row in questions])
    area = float(roc_auc_score(wrong, scores))
    precision, recall = (refused & ~wrong).sum() / max(1, refused.sum()), refused[~wrong].mean()
    header = ("", "AUROC", f"precision of refusals below {THRESHOLD}", "recall")
    return table(header, [("PersianQA, by words", figure(area, 3), figure(float(precision), 2), figure(float(recall), 2))])


def read_lines(path: Path) -> list[dict]:
    """One JSON object a line."""
    return [json.loads(line) for line in path.open(encoding="utf-8")]


if __name__ == "__main__":
    warnings.simplefilter("ignore", FutureWarning)
    main()
