"""Questions with right answers → the quality of a model's answers, and the step that lost each wrong one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Unpack

from rag.answers.ask_many import FailedAnswer, Kept, asked_many
from rag.answers.options import AskKeywords, AskOptions
from rag.answers.question import prepare
from rag.arguments import takes
from rag.evaluation.data.collection import answered_questions
from rag.evaluation.measures import scores
from rag.evaluation.measures.statistics import auroc
from rag.evaluation.mirror import Names, Silent, data_at, embedder_of, index_for, is_indexed
from rag.evaluation.reasons import FAILED, NOT_CITED, NOT_REFUSED, WRONG, WRONGLY_REFUSED, lost_in_retrieval
from rag.evaluation.results import Evaluation, Figures, compared
from rag.evaluation.retrieval import Way, found_for
from rag.evaluation.rows import figures_in
from rag.models.call_store import default_path
from rag.specs import using_llm
from rag.system.files import expanded
from rag.system.loops import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.evaluation.data.questions import Question
    from rag.evaluation.data.runs import Ranking, Run
    from rag.evaluation.results import Values
    from rag.index.index import Index
    from rag.protocols import Generator, Progress
    from rag.types import Answer

METRICS = (
    "f1", "exact", "contains", "citation_precision", "citation_recall", "refusal_precision", "refusal_recall", "refusal_accuracy",
)  # fmt: skip


@takes(AskKeywords, AskOptions)
def evaluate_answers(
    data: Path | str,
    *,
    llm: Generator | str = "local",
    index: Index | str | Path | None = None,
    embedder: str | None = None,
    limit: int | None = None,
    output: Path | str | None = None,
    fresh: bool = False,
    calls: Path | str | None = None,
    compare: Sequence[str] = (),
    api_key: str | None = None,
    progress: Progress | None = None,
    **options: Unpack[AskKeywords],
) -> Evaluation:
    """Measure answers: words against right answers, citations, and refusals of questions without an answer.

    `data` is a folder with `corpus.jsonl` and `qa.jsonl`, or a file of questions about the documents of `index`. Questions are
    asked as by `rag.ask_many`, with its options. Finished work is kept and not repeated: answers in the file `output`, calls in
    the SQLite file `calls` (default: in the cache folder, unless there is an `output`). `compare` names `questions.jsonl` files
    of other evaluations of the same questions. All metrics are between 0 and 1. Raises UsageError for invalid data.
    """
    started, watched = time.perf_counter(), progress or Silent()
    chosen, path = AskOptions.of(options, api_key=api_key), data_at(data)
    read = answered_questions(path)[:limit]
    others = [figures_in(expanded(name), METRICS, {question.id: question.text for question in read}) for name in compare]
    with index_for(path, index, embedder=embedder, api_key=api_key, progress=watched) as opened, using_llm(llm) as model:
        names = Names(opened, path)
        questions = names.questions(read)
        watched.expect("asking", len(questions))
        store = calls or (None if output else default_path())
        kept = Kept(output, [question.id for question in questions], fresh, store)
        answers = run(_asked(questions, opened, model, chosen, kept, watched))
        values = _values(questions, answers)
        watched.expect("looking for reasons", len(questions))
        rows = []
        for question, answer in zip(questions, answers, strict=True):
            reason = _reason(question, answer, opened, model, chosen)
            rows.append(_row(question, answer, reason, values))
            watched.advance("looking for reasons")
        after = _facts(questions, answers, opened, model, path, time.perf_counter() - started)
        after["unknown_sources"] = names.unknown(questions)
    figures = [Figures.of(after["llm"], values), *others]
    answered = sum(not isinstance(answer, FailedAnswer) and answer.answerable for answer in answers)
    before = {"documents": after.pop("documents"), "questions": len(questions), "answered": answered}
    hits = {question.id: _hits(question, answer) for question, answer in zip(questions, answers, strict=True)}
    runs: dict[str, Run] = {chosen.mode: hits}
    return Evaluation("answers", before, after, tuple(figures), compared(figures[0], figures[1:]), tuple(rows), runs)


async def _asked(
    questions: Sequence[Question],
    index: Index,
    llm: Generator,
    options: AskOptions,
    kept: Kept,
    progress: Progress,
) -> list[Answer | FailedAnswer]:
    texts = [question.text for question in questions]
    return await asked_many(texts, index, llm, options, kept, lambda _: progress.advance("asking"))


def _values(questions: Sequence[Question], answers: Sequence[Answer | FailedAnswer]) -> Values:
    """Values by metric. A question is left out where the metric does not apply, such as citations without expected sources."""
    values: Values = {metric: {} for metric in METRICS}
    has_refusable = not all(question.has_answer for question in questions)
    for question, answer in zip(questions, answers, strict=True):
        if isinstance(answer, FailedAnswer):
            continue
        values["refusal_accuracy"][question.id] = float(question.has_answer == answer.answerable)
        if not answer.answerable and has_refusable:
            values["refusal_precision"][question.id] = float(not question.has_answer)
        if not question.has_answer:
            values["refusal_recall"][question.id] = float(not answer.answerable)
            continue
        if question.answers:
            text = _plain(answer)
            values["f1"][question.id] = scores.token_f1(text, question.answers)
            values["exact"][question.id] = scores.exact_match(text, question.answers)
            values["contains"][question.id] = scores.contains(text, question.answers)
        if question.relevant:
            cited = _cited(question, answer)
            values["citation_recall"][question.id] = scores.citation_recall(cited, question.relevant)
            if cited:
                values["citation_precision"][question.id] = scores.citation_precision(cited, question.relevant)
    return values


def _facts(
    questions: Sequence[Question],
    answers: Sequence[Answer | FailedAnswer],
    index: Index,
    llm: Generator,
    data: Path,
    seconds: float,
) -> dict[str, Any]:
    pairs = [
        (question.has_answer, answer.evidence)
        for question, answer in zip(questions, answers, strict=True)
        if not isinstance(answer, FailedAnswer)
    ]
    return {
        "documents": index.catalog.counts()[0],
        "auroc": auroc([has for has, _ in pairs], [evidence for _, evidence in pairs]),
        "failed": len(answers) - len(pairs),
        "llm": llm.name,
        "embedder": embedder_of(index),
        "seconds": seconds,
        "data": str(data),
        "index": str(index.path),
    }


def _row(question: Question, answer: Answer | FailedAnswer, reason: str, values: Values) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": question.id,
        "question": question.text,
        "reason": reason,
        "expected": sorted(question.relevant),
        "answers": list(question.answers),
        "has_answer": question.has_answer,
    }
    if isinstance(answer, FailedAnswer):
        return {**row, "error": answer.error}
    return {
        **row,
        "answered": answer.answerable,
        "answer": answer.text,
        "cited": list(dict.fromkeys(unit for units in _cited(question, answer) for unit in units)),
        "found": [unit for unit, _ in _hits(question, answer)],
        "evidence": answer.evidence,
        **{metric: by_question[question.id] for metric, by_question in values.items() if question.id in by_question},
    }


def _reason(question: Question, answer: Answer | FailedAnswer, index: Index, llm: Generator, options: AskOptions) -> str:
    """The first step that lost the expected answer; empty for a right answer or a right refusal.

    If right answers are known, an answer with their words is right, whatever it cites. Otherwise an answer is right if it cites
    an expected source.
    """
    if isinstance(answer, FailedAnswer):
        return FAILED
    if not question.has_answer:
        return NOT_REFUSED if answer.answerable else ""
    cites = any(not question.relevant.isdisjoint(units) for units in _cited(question, answer))
    is_right = scores.is_right(_plain(answer), question.answers) if question.answers else cites or not question.relevant
    if answer.answerable and is_right:
        return ""
    if cites or not question.relevant:
        return WRONG if answer.answerable else WRONGLY_REFUSED
    if not question.relevant.isdisjoint(_shown(question, answer, index, llm, options)):
        return NOT_CITED if answer.answerable else WRONGLY_REFUSED
    found = found_for(question, index, Way(options.mode, options.where, options.reranker))
    known = is_indexed(question, index.catalog.stamps())
    return lost_in_retrieval(indexed=known, rank=found.passage, context=0)


def _shown(question: Question, answer: Answer, index: Index, llm: Generator, options: AskOptions) -> set[str]:
    """The units of the passages in the prompt. Without a prompt, since the evidence was too low, the units of the hits."""
    prompt = prepare(question.text, index=index, llm=llm, options=options).prompt
    shown = [(passage.source, passage.pages) for passage in prompt.passages] if prompt else []
    places = shown or [(hit.source, hit.pages) for hit in answer.hits]
    return {unit for source, pages in places for unit in question.units(source, pages)}


def _plain(answer: Answer) -> str:
    """The answer without markers; empty for a refusal."""
    if not answer.answerable:
        return ""
    return " ".join(sentence.text for sentence in answer.sentences)


def _cited(question: Question, answer: Answer) -> list[list[str]]:
    """The units of each citation."""
    return [question.units(citation.source, citation.pages) for citation in answer.citations]


def _hits(question: Question, answer: Answer | FailedAnswer) -> Ranking:
    """The ranking of units, each with the score of its best passage."""
    if isinstance(answer, FailedAnswer):
        return []
    best: dict[str, float] = {}
    for hit in answer.hits:
        for unit in question.units(hit.source, hit.pages):
            best.setdefault(unit, hit.score)
    return list(best.items())
