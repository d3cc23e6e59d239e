"""Does evidence tell questions that the documents answer from others, on sets, wear and languages that nobody tuned for?

    python -m benchmarks.trust.refusal ../shared/data
    python -m benchmarks.trust.refusal ../shared/data --write   # and write what all sets give into the data files

Every question is asked of an index with its own passage, without it, and without its whole article. The constants of a row are
fitted on the other sets; "as built" are the shipped ones, which have seen all sets. Beside them stand plain baselines: the best
passage's cosine, the best sentence's cosine, and the share of the question's words in the first passages.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import rag
from benchmarks.harness.pages import Page, Table, page, publish, table
from benchmarks.trust.baselines import shared_words
from benchmarks.trust.lacking import KeptEmbedder, Lacking
from benchmarks.trust.perturb import perturbed
from benchmarks.trust.scores import auroc_figure
from benchmarks.trust.sets import drawn, nda_questions, read_lines
from benchmarks.trust.vectors import Vectors
from rag.answers.evidence import THRESHOLD, WORDS, Measured, measurements_of
from rag.answers.options import AskOptions
from rag.answers.question import retrieve_distinct
from rag.evaluation.calibrate import Sample, sample_of, sentences_of
from rag.evaluation.mirror import Silent
from rag.ingest.sync import add_documents
from rag.models.embedders.calibration import calibration_of
from rag.retrieval.retrieve import Retrieved
from rag.text.sentences import sentence_spans
from rag.types import Document, EmbedderIdentity, Hit

SCRIPT = "benchmarks/trust/refusal.py"
MIXED = {"clapnq_dev": 1, "xquad/en": 1, "pubmedqa": 3, "cranfield": 3, "scifact": 6}
"""Sets whose passages stand in one index, and that every so manieth of each is taken."""

LANGUAGES = ("de", "ar", "zh", "hi")
HITS = 5
WORN, OFF_TOPIC = 50, 60
REFUSED = 0.05
"""Share of the answerable questions of a set that may be refused, in the mean of the sets of a fit, where cosines count."""

REFUSED_BY_WORDS = 0.08
"""The same where only words count: the price of refusing questions off the topic in languages that the embedder cannot read."""

PENALTY = 0.1
COMPARED_KINDS = ("own", "removed", "article removed", "unanswerable", "absent")
"""Ways of asking whose scores are held beside the baselines."""

CALIBRATION = calibration_of(EmbedderIdentity("minilm", "", 384, 256))
CODES = (
    "What is the total of invoice INV-{0}-{1}?",
    "Who signed record {1}{0}?",
    "What does error E{1} mean?",
    "When was order no. {0}{1}{0} shipped?",
    "What is the status of ticket AB{1}-{0}?",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A question asked in one way, its measurements part by part, and the scores of the baselines.

    `by_words` are the measurements as for an embedder without a calibration.
    """

    of: str
    kind: str
    answerable: bool
    measured: tuple[Measured, ...]
    by_words: tuple[Measured, ...]
    cosine: float
    sentence: float
    words: float

    def evidence(self, fit: Fit) -> float:
        return max((one.likelihood(fit.meaning, fit.words) for one in self.measured), default=0.0)

    def evidence_by_words(self, fit: Fit) -> float:
        return max((one.likelihood(None, fit.words) for one in self.by_words), default=0.0)


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights and bias of meaning and of words."""

    meaning: Mapping[str, Any]
    words: Mapping[str, Any]


AS_BUILT = Fit(CALIBRATION.evidence.values, WORDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bench", type=Path, default=Path(".bench/trust"))
    parser.add_argument("--most", type=int, default=150, metavar="N", help="Questions of each set.")
    parser.add_argument("--write", action="store_true", help="Write the constants of all sets into the data files.")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    asking = Asking(arguments.data, arguments.bench, arguments.most)
    cases = [*asking.answerable_or_not()]
    worn, off = [*asking.worn()], [*asking.off_topic()]
    whole = fitted(cases)
    if arguments.write:
        with asking.mixed() as index:
            sample = sample_of(index, sentences_of(index, 300, 0), seed=0, progress=Silent())
        write(whole, sample, sorted({case.of for case in cases}))
    publish(page_of(cases, worn, off, whole), arguments.output)


class Asking:
    """All cases; indexes and vectors are kept in a folder."""

    def __init__(self, data: Path, bench: Path, most: int) -> None:
        self.data, self.bench, self.most = data, bench, most
        self.embedder = KeptEmbedder(rag.open_embedder(), Vectors(rag.open_embedder(), bench / "vectors.sqlite"))

    def answerable_or_not(self) -> Iterator[Case]:
        """Cases of the sets that are in the data folder."""
        for name in ("clapnq_dev", "xquad/en", "pubmedqa"):
            with self.mixed() as index:
                yield from self.of_collection(name, index, prefix=f"{name}:")
        for language in LANGUAGES:
            name = f"xquad/{language}"
            with self.index(name) as index:
                yield from self.of_collection(name, index)
        with self.index("persianqa") as index:
            yield from self.of_collection("persianqa", index)
        yield from self.of_agreements()
        yield from self.of_filings()

    def of_collection(self, name: str, index: rag.Index, *, prefix: str = "") -> Iterator[Case]:
        titles = {row["_id"]: row.get("title", "") for row in read_lines(self.data / name / "corpus.jsonl")}
        present = {document.source for document in index.catalog.documents()}
        rows = [row for row in questions_of(self.data / name) if not row["own"] or prefix + row["own"][0] in present]
        for row in drawn(rows, self.most):
            question, own = row["question"], {prefix + one for one in row["own"]}
            if not row["answerable"]:
                yield self.case(index, name, "unanswerable", False, question)
                continue
            title = titles[row["own"][0]]
            article = own | {prefix + one for one, other in titles.items() if title and other == title}
            yield self.case(index, name, "own", True, question)
            yield self.case(index, name, "removed", False, question, without=own)
            if article != own:
                yield self.case(index, name, "article removed", False, question, without=article)

    def of_agreements(self) -> Iterator[Case]:
        places: dict[tuple[str, ...], int] = {}
        for asked in nda_questions(self.data):
            number = places.setdefault(asked.passages, len(places))
            documents = [Document(text, f"p{place}", "") for place, text in enumerate(asked.passages) if text.strip()]
            with self.built(f"nda/{number}", documents) as index:
                kind = "own" if asked.answerable else "absent"
                yield self.case(index, "kleister_nda", kind, asked.answerable, asked.question)

    def of_filings(self) -> Iterator[Case]:
        folder = self.data / "financebench" / "dev"
        if not folder.is_dir():
            return
        with rag.open_index(self.bench / "indexes" / "filings", create=True, embedder=self.embedder) as index:
            rag.sync([folder / "pdfs"], index=index)
            sources = {Path(document.source).stem: document.source for document in index.catalog.documents()}
            for row in read_lines(folder / "questions.jsonl"):
                company = {source for name, source in sources.items() if company_of(name) == company_of(row["doc_name"])}
                yield self.case(index, "financebench", "own", True, row["question"])
                yield self.case(index, "financebench", "article removed", False, row["question"], without=company)

    def worn(self) -> Iterator[Case]:
        for name, other in (("xquad/en", "pubmedqa"), ("clapnq_dev", "xquad/en")):
            rows = drawn([row for row in questions_of(self.data / name) if row["answerable"]], WORN)
            texts = drawn([row["text"] for row in read_lines(self.data / other / "corpus.jsonl")], WORN)
            with self.mixed() if name == "clapnq_dev" else self.index(name) as index:
                for number, row in enumerate(rows):
                    others = [rows[(number + step) % len(rows)]["question"] for step in (17, 31)]
                    forms = perturbed(row["question"], others=others, paragraph=texts[number % len(texts)], seed=0)
                    for kind, text in forms.items():
                        yield self.case(index, name, kind, True, text)

    def off_topic(self) -> Iterator[Case]:
        """Questions of a set asked of the index of another; in Arabic, Chinese and Hindi of their own language without the article."""
        asked = (("clapnq_dev", "xquad/en"), ("pubmedqa", "xquad/en"), ("xquad/en", "persianqa"))
        asked += tuple((f"xquad/{language}", "persianqa") for language in LANGUAGES[1:])
        for name, other in asked:
            with self.index(other) as index:
                for row in drawn(questions_of(self.data / name), OFF_TOPIC):
                    yield self.case(index, name, f"asked of {other}", False, row["question"])
        for name in ("xquad/en", "xquad/zh"):
            with self.index(name) as index:
                for question in drawn(codes(), OFF_TOPIC):
                    yield self.case(index, name, "a code that stands nowhere", False, question)

    def case(self, index: rag.Index, of: str, kind: str, answerable: bool, question: str, without: Iterable[str] = ()) -> Case:
        lacking = Lacking(index, without)
        retrieved = retrieve_distinct(question, lacking, AskOptions(k=HITS))
        measured = tuple(measurements_of(question, retrieved, lacking))
        is_read = any(one.trust == 1 for one in measured)
        return Case(
            of,
            kind,
            answerable,
            measured,
            tuple(measurements_of(question, Retrieved(retrieved.hits), lacking)),
            max((cosine for _, cosine in retrieved.near), default=0.0),
            self.best_sentence(question, retrieved.hits) if is_read and kind in COMPARED_KINDS else 0.0,
            shared_words(question, [f"{hit.title} {hit.heading} {hit.text}" for hit in retrieved.hits[:3]]),
        )

    def best_sentence(self, question: str, hits: Sequence[Hit]) -> float:
        sentences = [hit.text[a:b] for hit in hits[:3] for a, b in sentence_spans(hit.text)]
        cosines = self.embedder.embed_questions([question, *sentences])
        return float((cosines[1:] @ cosines[0]).max()) if sentences else 0.0

    def mixed(self) -> rag.Index:
        def documents() -> Iterator[Document]:
            for name, step in MIXED.items():
                for row in read_lines(self.data / name / "corpus.jsonl")[::step]:
                    yield Document(row["text"], f"{name}:{row['_id']}", row.get("title", ""))

        return self.built("mixed", documents())

    def index(self, name: str) -> rag.Index:
        rows = read_lines(self.data / name / "corpus.jsonl")
        return self.built(name.replace("/", "-"), (Document(row["text"], row["_id"], row.get("title", "")) for row in rows))

    def built(self, name: str, documents: Iterable[Document]) -> rag.Index:
        index = rag.open_index(self.bench / "indexes" / name, create=True, embedder=self.embedder)
        if not len(index):
            add_documents((document for document in documents if document.text.strip()), index=index)
        return index


def questions_of(folder: Path) -> list[dict[str, Any]]:
    """Each with its `question`, whether it is `answerable`, and its `own` passages; none of these where nothing answers."""
    found = []
    for row in read_lines(folder / "qa.jsonl"):
        own = row.get("doc_ids") or [row["doc_id"]]
        answerable = row.get("answerable", not row.get("is_impossible"))
        found.append(
            {"question": row["question"], "answerable": answerable, "own": [str(one) for one in own] if answerable else []}
        )
    return found


def codes() -> list[str]:
    """Questions about codes that no document has; the same in each run."""
    chance = random.Random(0)
    return [form.format(chance.randrange(3000, 9999), chance.randrange(10_000, 99_999)) for form in CODES * 12]


def company_of(filing: str) -> str:
    return filing.split("_")[0].upper()


def fitted(cases: Sequence[Case]) -> Fit:
    """Logistic models in which each set counts as much, and so do questions with and without an answer."""
    read = [case for case in cases if case.measured and case.measured[0].trust == 1]
    meaning = _fit(read, [case.measured[0].meaning for case in read], REFUSED)
    known = [case for case in cases if case.by_words]
    worded = _fit(known, [case.by_words[0].words for case in known], REFUSED_BY_WORDS)
    return Fit({**CALIBRATION.evidence.values, **meaning}, worded)


def _fit(cases: Sequence[Case], values: Sequence[Any], refused: float) -> dict[str, Any]:
    """Weights, and the bias with which so many answerable questions of a set are below the threshold, in the mean."""
    features = np.array(values, np.float64)
    labels = np.array([case.answerable for case in cases])
    counts: dict[tuple[str, bool], int] = defaultdict(int)
    for case in cases:
        counts[case.of, case.answerable] += 1
    weights = [10 / counts[case.of, case.answerable] for case in cases]
    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=PENALTY, max_iter=2000).fit((features - middle) / spread, labels, sample_weight=weights)
    slopes = model.coef_[0] / spread
    scores = features @ slopes
    lowest = [
        np.quantile(scores[[case.of == name and case.answerable for case in cases]], refused)
        for name in {case.of for case in cases if case.answerable}
    ]
    bias = float(np.log(THRESHOLD / (1 - THRESHOLD)) - np.mean(lowest))
    return {"weights": [round(float(one), 3) for one in slopes], "bias": round(bias, 3)}


def family(name: str) -> str:
    """Sets that are translations of each other are left out together."""
    return name.split("/")[0]


def left_out(cases: Sequence[Case]) -> dict[str, Fit]:
    """For each set, what the others give."""
    families = {family(case.of) for case in cases}
    return {one: fitted([case for case in cases if family(case.of) != one]) for one in families}


def page_of(cases: Sequence[Case], worn: Sequence[Case], off: Sequence[Case], whole: Fit) -> Page:
    others = left_out(cases)
    return page(
        "## Refusal",
        f"Fitted on all sets: {json.dumps({'meaning': whole.meaning['weights'], 'bias': whole.meaning['bias'], 'words': whole.words})}",
        "### Answerable or not, AUROC",
        table_of_areas(cases, others),
        "### Answered at the threshold",
        table_of_answered(cases, others),
        f"### Worn questions, refused of {WORN}",
        table_of_counts(worn, others, refused=True),
        f"### Questions off the topic, answered of {OFF_TOPIC}",
        table_of_counts(off, others, refused=False),
    )


def table_of_areas(cases: Sequence[Case], others: Mapping[str, Fit]) -> Table:
    rows = []
    for name, kind in dict.fromkeys((case.of, case.kind) for case in cases if not case.answerable):
        among = [case for case in cases if case.of == name and (case.answerable or case.kind == kind)]
        labels = [case.answerable for case in among]
        scores = (
            [case.cosine for case in among],
            [case.sentence for case in among],
            [case.words for case in among],
            [case.evidence_by_words(others[family(name)]) for case in among],
            [case.evidence(others[family(name)]) for case in among],
            [case.evidence(AS_BUILT) for case in among],
        )
        rows.append((f"{name}, {kind}", len(among), *(auroc_figure(labels, one) for one in scores)))
    header = (
        "own passage there, against",
        "questions",
        "best cosine",
        "best sentence",
        "shared words",
        "evidence by words alone",
        "evidence",
        "as built (seen)",
    )
    return table(header, rows)


def table_of_answered(cases: Sequence[Case], others: Mapping[str, Fit]) -> Table:
    rows = []
    for name, kind in dict.fromkeys((case.of, case.kind) for case in cases):
        among = [case for case in cases if (case.of, case.kind) == (name, kind)]
        rows.append((f"{name}, {kind}", len(among), *(_answered(among, fit) for fit in (others[family(name)], AS_BUILT))))
    return table(("", "questions", "answered", "as built (seen)"), rows)


def table_of_counts(cases: Sequence[Case], others: Mapping[str, Fit], *, refused: bool) -> Table:
    rows = []
    for name, kind in dict.fromkeys((case.of, case.kind) for case in cases):
        among = [case for case in cases if (case.of, case.kind) == (name, kind)]
        counts = [_answered(among, fit) for fit in (others[family(name)], AS_BUILT)]
        rows.append((f"{name}, {kind}", *(len(among) - count if refused else count for count in counts)))
    return table(("", "constants of the other sets", "as built (seen)"), rows)


def _answered(cases: Sequence[Case], fit: Fit) -> int:
    return sum(case.evidence(fit) >= THRESHOLD for case in cases)


def write(whole: Fit, sample: Sample, sets: Sequence[str]) -> None:
    """Put the constants into minilm's calibration and evidence.json, with their origin."""
    how = (
        f"Logistic regression, L2 penalty {PENALTY}, each set and each answer (yes or no) counting as much. The bias lets the "
        "threshold refuse {:.1%} of the answerable questions, in the mean of the sets."
    )
    calibration = Path(rag.__file__).parent / "models" / "embedders" / "calibrations" / "minilm.json"
    record = json.loads(calibration.read_text(encoding="utf-8"))
    origin = {"fitted_on": list(sets), "script": SCRIPT, "date": date.today().isoformat()}
    marks = {"own": round(sample.own, 3), "unrelated": round(sample.unrelated, 3)}
    letters = {"tokens_of_a_letter": round(sample.tokens_of_a_letter, 2)}
    record["evidence"] = {**origin, "how": how.format(REFUSED), "values": {**whole.meaning, **letters, **marks}}
    calibration.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    words = Path(rag.__file__).parent / "answers" / "evidence.json"
    record = json.loads(words.read_text(encoding="utf-8"))
    record["fitted_on"] = list(dict.fromkeys([*record["fitted_on"], *sets]))
    record["date"] = origin["date"]
    record["how"] = (
        f"`words`: logistic regression with the bias by which the threshold refuses {REFUSED_BY_WORDS:.0%} of the answerable questions, "
        "in the mean of the sets. `coverage_…` (one document without an index): logistic regression on ClapNQ, the bias chosen by hand "
        "with PersianQA in view. The threshold, `supported`, `doubt` and the odds were chosen by hand with ClapNQ, FinanceBench and the "
        "example documents in view."
    )
    record["values"]["words"] = dict(whole.words)
    words.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
