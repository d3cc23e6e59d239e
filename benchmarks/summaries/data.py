"""Documents with reference summaries, from the folders of the test data; and how a summary is measured beside them."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.grounding.verifier import cut
from benchmarks.harness.figures import Figure
from rag import specs
from rag.summaries.wording import statements
from rag.text.sentences import sentence_spans
from rag.types import Document

if TYPE_CHECKING:
    from rag.protocols import Embedder, Vectors

MEASURES = ("rouge1", "rouge2", "rougeL")
RESAMPLINGS = 2000


@dataclass(frozen=True, slots=True)
class Task:
    """A document, what is asked about it ("" for a summary of all), and the summaries that people wrote."""

    document: Document
    question: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """What a summary is worth: ROUGE F1, and how near its sentences are to the document.

    `nearness` is the mean cosine of each sentence and the nearest sentence of the document, by the packaged embedder. The pipeline
    chooses and drops sentences by its lexical verifier, without an embedder. So that verifier is no judge of them, and this one is.
    Sentences that are copied have 1, whoever copies them: read it beside ROUGE.
    """

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 (as the measure is called)
    nearness: float
    words: int


def squality(folder: Path) -> list[Task]:
    """Stories of 5,000 words; of the five questions the first, which asks for the plot. Four references each."""
    tasks = []
    for row in _rows(folder / "squality" / "dev.jsonl"):
        told = row["questions"][0]
        document = Document(row["document"], f"squality/{row['metadata']['passage_id']}", "")
        tasks.append(Task(document, "", tuple(one["response_text"] for one in told["responses"])))
    return tasks


def qmsum(folder: Path) -> list[Task]:
    """Meetings of 9,000 words; the first specific question of each."""
    tasks = []
    for number, row in enumerate(_rows(folder / "qmsum" / "val.jsonl")):
        text = "\n".join(f"{turn['speaker']}: {turn['content']}" for turn in row["meeting_transcripts"])
        asked = (row["specific_query_list"] or row["general_query_list"])[0]
        tasks.append(Task(Document(text, f"qmsum/{number}", ""), asked["query"], (asked["answer"],)))
    return tasks


def gov_report(folder: Path) -> list[Task]:
    """Reports of 4,300 words."""
    rows = _rows(folder / "leval" / "Open-ended-tasks" / "gov_report_summ.jsonl")
    return [
        Task(Document(row["input"], f"gov_report/{number}", ""), "", tuple(row["outputs"])) for number, row in enumerate(rows)
    ]


SETS = {"SQuALITY dev": squality, "QMSum val": qmsum, "L-Eval gov_report": gov_report}
WORDS = {"SQuALITY dev": 250, "QMSum val": 80, "L-Eval gov_report": 300}
"""What is asked for: about what the references have, as far as a small model can be brought to write so much."""


def _rows(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def marks(text: str, task: Task) -> Marks:
    """How a summary compares; the best of several references counts, measure by measure."""
    from rouge_score.rouge_scorer import RougeScorer

    scored = RougeScorer(MEASURES, use_stemmer=True).score_multi(list(task.references), text)
    return Marks(
        *(scored[name].fmeasure for name in MEASURES),
        nearness=nearness(statements(text), task.document.text),
        words=len(text.split()),
    )


def nearness(sentences: Sequence[str], text: str) -> float:
    """Mean cosine of each sentence and the nearest one of the text; 0 without sentences."""
    known = _vectors_of(text)
    if not sentences or not len(known):
        return 0.0
    vectors = _embedder().embed_passages([cut(sentence, _embedder()) for sentence in sentences])
    return float((vectors @ known.T).max(axis=1).mean())


@lru_cache(maxsize=256)
def _vectors_of(text: str) -> Vectors:
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    return _embedder().embed_passages([cut(sentence, _embedder()) for sentence in sentences])


@lru_cache(maxsize=1)
def _embedder() -> Embedder:
    return specs.open_embedder("minilm")


def interval(differences: Sequence[float], *, seed: int = 1) -> Figure:
    """The mean of paired differences, with the range of 95 % of the means of samples drawn from them with replacement."""
    chance = random.Random(seed)
    means = sorted(statistics.fmean(chance.choices(differences, k=len(differences))) for _ in range(RESAMPLINGS))
    low, high = means[int(0.025 * RESAMPLINGS)], means[int(0.975 * RESAMPLINGS) - 1]
    return Figure(statistics.fmean(differences), low, high, "+.3f")
