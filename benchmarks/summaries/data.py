"""Documents with reference summaries, from the folders of the test data; and how a summary is measured beside them."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.figures import Figure
from rag.grounding.lexical import LexicalVerifier
from rag.summaries.wording import statements
from rag.text.sentences import sentence_spans
from rag.types import Document, Passage

MEASURES = ("rouge1", "rouge2", "rougeL")
CHARACTERS_A_PASSAGE = 6000
RESAMPLINGS = 2000


@dataclass(frozen=True, slots=True)
class Task:
    """A document, what is asked about it ("" for a summary of all), and the summaries that people wrote."""

    document: Document
    question: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """What a summary is worth: ROUGE F1, and the shares of its sentences that the document bears out fully, and at all."""

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 (as the measure is called)
    full: float
    supported: float
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
    written = statements(text)
    verifier, passages = LexicalVerifier(), passages_of(task.document)
    support = [verifier.check(sentence, passages)[0].support for sentence in written]
    count = max(1, len(written))
    return Marks(
        *(scored[name].fmeasure for name in MEASURES),
        full=support.count("full") / count,
        supported=(support.count("full") + support.count("partial")) / count,
        words=len(text.split()),
    )


def passages_of(document: Document) -> list[Passage]:
    """The whole document, in passages that overlap by a sentence."""
    found, start = [], 0
    spans = sentence_spans(document.text)
    while start < len(spans):
        end = start + 1
        while end < len(spans) and spans[end][1] - spans[start][0] <= CHARACTERS_A_PASSAGE:
            end += 1
        first, last = spans[start][0], spans[end - 1][1]
        found.append(Passage(len(found) + 1, document.text[first:last], document.source, start=first))
        start = end if end == len(spans) else max(start + 1, end - 1)
    return found


def interval(differences: Sequence[float], *, seed: int = 1) -> Figure:
    """The mean of paired differences, with the range of 95 % of the means of samples drawn from them with replacement."""
    chance = random.Random(seed)
    means = sorted(statistics.fmean(chance.choices(differences, k=len(differences))) for _ in range(RESAMPLINGS))
    low, high = means[int(0.025 * RESAMPLINGS)], means[int(0.975 * RESAMPLINGS) - 1]
    return Figure(statistics.fmean(differences), low, high, "+.3f")
