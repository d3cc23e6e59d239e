"""Documents with summaries that people wrote → what a model's summaries are worth beside them."""

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
    """ROUGE beside the summaries that people wrote, and the share of sentences that the documents bear out in full.

    `data` is a file of JSON lines; see `rag.evaluation.data.summary_data`. The options are those of `rag.summarize`; `focus` comes
    from each line. Finished calls are kept as there, so a stopped evaluation goes on where it was. `compare` names
    `questions.jsonl` files of other evaluations of the same data. Raises UsageError for data that cannot be read.
    """
    started, told = time.perf_counter(), progress or Silent()
    chosen, path = SummaryOptions.of(options), expanded(data)
    wanted = read_summary_data(path)[:limit]
    others = [figures_in(expanded(name), METRICS, {one.id: _asked_for(one) for one in wanted}) for name in compare]
    rouge = Rouge(reference for one in wanted for reference in one.references)
    with using_llm(llm) as model:
        told.expect("summarizing", len(wanted))
        outcomes = run(_summarized(wanted, model, chosen, told))
        name = model.name
    figures = [Figures.of(name, _values(wanted, outcomes, rouge)), *others]
    done = [outcome for outcome in outcomes if isinstance(outcome, Summary)]
    rows = [_row(one, outcome, figures[0].values) for one, outcome in zip(wanted, outcomes, strict=True)]
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
"""Documents; each has its store of finished calls open."""


async def _summarized(
    wanted: Sequence[ToSummarize], llm: Generator, options: SummaryOptions, progress: Progress
) -> list[Summary | FailedSummary]:
    """As many documents at once as the model takes calls; one that fails fails alone."""
    slots = asyncio.Semaphore(max(1, min(llm.parallel, AT_ONCE)))

    async def one(wish: ToSummarize) -> Summary | FailedSummary:
        source: Document | str = wish.path or Document(wish.text, wish.id, wish.title)
        async with slots:
            try:
                return await summarized(source, llm=llm, options=replace(options, focus=wish.focus))
            except RagError as error:
                return FailedSummary(wish.path or wish.id, getattr(error, "status", "model"), str(error))
            finally:
                progress.advance("summarizing")

    return list(await asyncio.gather(*map(one, wanted)))


def _values(wanted: Sequence[ToSummarize], outcomes: Sequence[Summary | FailedSummary], rouge: Rouge) -> Values:
    values: Values = {metric: {} for metric in METRICS}
    for one, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, FailedSummary):
            continue
        for metric, value in rouge.scores(outcome.plain_text, one.references).items():
            values[metric][one.id] = value
        if outcome.sentences:
            values["supported"][one.id] = fmean(sentence.support == "full" for sentence in outcome.sentences)
    return values


def _asked_for(one: ToSummarize) -> str:
    """What stands for the question of an answer."""
    return one.focus or one.title or one.path


def _row(one: ToSummarize, outcome: Summary | FailedSummary, values: Values) -> dict[str, Any]:
    row: dict[str, Any] = {"id": one.id, "question": _asked_for(one), "source": one.path or one.title}
    if isinstance(outcome, FailedSummary):
        return {**row, "reason": FAILED, "error": outcome.error}
    return {
        **row,
        "reason": "",
        "answer": outcome.text,
        "words": outcome.words,
        "chain": outcome.chain,
        **{metric: by[one.id] for metric, by in values.items() if one.id in by},
    }
