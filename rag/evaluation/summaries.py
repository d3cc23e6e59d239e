"""Documents with reference summaries → the quality of a model's summaries."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Unpack

from rag.arguments import takes
from rag.errors import RagError
from rag.evaluation.data.summary_data import read_summary_data
from rag.evaluation.measures.rouge import METRICS as ROUGE_METRICS
from rag.evaluation.measures.rouge import Rouge
from rag.evaluation.mirror import Silent
from rag.evaluation.reasons import FAILED
from rag.evaluation.results import Evaluation, Figures, compared
from rag.evaluation.rows import figures_in
from rag.specs import using_llm
from rag.summaries.options import SummaryKeywords, SummaryOptions
from rag.summaries.summarize import summarized
from rag.summaries.types import FailedSummary, Summary
from rag.system.files import expanded
from rag.system.loops import run
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.evaluation.data.summary_data import ToSummarize
    from rag.evaluation.results import Values
    from rag.protocols import Generator, Progress

METRICS = (*ROUGE_METRICS, "supported")


@takes(SummaryKeywords, SummaryOptions)
def evaluate_summaries(
    data: Path | str,
    *,
    llm: Generator | str = "local",
    limit: int | None = None,
    compare: Sequence[str] = (),
    progress: Progress | None = None,
    **options: Unpack[SummaryKeywords],
) -> Evaluation:
    """Measure summaries: ROUGE against references that people wrote, and the share of fully supported sentences.

    `data` is a file of JSON lines; see `rag.evaluation.data.summary_data`. The options are those of `rag.summarize`, except
    `focus`, which each line has. Finished calls are kept, so a stopped evaluation continues. `compare` names `questions.jsonl`
    files of other evaluations of the same data. All metrics are between 0 and 1. Raises UsageError for invalid data.
    """
    started, watched = time.perf_counter(), progress or Silent()
    chosen, path = SummaryOptions.of(options), expanded(data)
    tasks = read_summary_data(path)[:limit]
    subjects = {task.id: _subject(task) for task in tasks}
    others = [figures_in(expanded(name), METRICS, subjects) for name in compare]
    rouge = Rouge(reference for task in tasks for reference in task.references)
    with using_llm(llm) as model:
        watched.expect("summarizing", len(tasks))
        outcomes = run(_summarized(tasks, model, chosen, watched))
        name = model.name
    figures = [Figures.of(name, _values(tasks, outcomes, rouge)), *others]
    done = [outcome for outcome in outcomes if isinstance(outcome, Summary)]
    rows = [_row(task, outcome, figures[0].values) for task, outcome in zip(tasks, outcomes, strict=True)]
    after = {
        "words": fmean(summary.words for summary in done) if done else None,
        "calls": sum(summary.calls for summary in done),
        "reused_calls": sum(summary.reused_calls for summary in done),
        "failed": len(outcomes) - len(done),
        "rouge_words": rouge.words,
        "llm": name,
        "seconds": time.perf_counter() - started,
        "data": str(path),
    }
    return Evaluation(
        "summaries", {"summaries": len(done)}, after, tuple(figures), compared(figures[0], figures[1:]), tuple(rows)
    )


AT_ONCE = 64
"""Most documents in progress; each one has its store of finished calls open."""


async def _summarized(
    tasks: Sequence[ToSummarize], llm: Generator, options: SummaryOptions, progress: Progress
) -> list[Summary | FailedSummary]:
    """Summarise as many documents at once as the model takes calls. A failed document does not stop the others."""
    slots = asyncio.Semaphore(max(1, min(llm.parallel, AT_ONCE)))

    async def outcome_of(task: ToSummarize) -> Summary | FailedSummary:
        source: Document | str = task.path or Document(task.text, task.id, task.title)
        async with slots:
            try:
                return await summarized(source, llm=llm, options=replace(options, focus=task.focus))
            except RagError as error:
                return FailedSummary(task.path or task.id, getattr(error, "status", "model"), str(error))
            finally:
                progress.advance("summarizing")

    return list(await asyncio.gather(*map(outcome_of, tasks)))


def _values(tasks: Sequence[ToSummarize], outcomes: Sequence[Summary | FailedSummary], rouge: Rouge) -> Values:
    values: Values = {metric: {} for metric in METRICS}
    for task, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, FailedSummary):
            continue
        for metric, value in rouge.scores(outcome.plain_text, task.references).items():
            values[metric][task.id] = value
        if outcome.sentences:
            values["supported"][task.id] = fmean(sentence.support == "full" for sentence in outcome.sentences)
    return values


def _subject(task: ToSummarize) -> str:
    """The entry in the row's "question"."""
    return task.focus or task.title or task.path


def _row(task: ToSummarize, outcome: Summary | FailedSummary, values: Values) -> dict[str, Any]:
    row: dict[str, Any] = {"id": task.id, "question": _subject(task), "source": task.path or task.title}
    if isinstance(outcome, FailedSummary):
        return {**row, "reason": FAILED, "error": outcome.error}
    return {
        **row,
        "reason": "",
        "answer": outcome.text,
        "words": outcome.words,
        "chain": outcome.chain,
        **{metric: by_id[task.id] for metric, by_id in values.items() if task.id in by_id},
    }
