"""Questions with what should be found → how well each way to search finds it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast, get_args

from rag.answers.options import PASSAGES
from rag.errors import UsageError, nearest
from rag.evaluation.data.collection import judged_questions
from rag.evaluation.data.runs import read_run
from rag.evaluation.measures.metrics import USUAL, deepest, measures_of, values_of
from rag.evaluation.mirror import Names, Silent, data_at, embedder_of, index_for, is_indexed
from rag.evaluation.reasons import lost_in_retrieval
from rag.evaluation.results import Evaluation, Figures, compared
from rag.retrieval.options import Mode
from rag.retrieval.retrieve import CANDIDATES, RERANKED, candidates, hybrid, retrieve
from rag.specs import open_reranker
from rag.system.files import expanded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rag.evaluation.data.questions import Question
    from rag.evaluation.data.runs import Ranking, Run
    from rag.index.index import Index
    from rag.protocols import Progress, Reranker
    from rag.types import Hit

PASSAGES_A_UNIT = 4
"""Passages that are looked at for each document or page that is ranked, for several may be of one."""

SHOWN_UNITS = 5


@dataclass(frozen=True, slots=True)
class Way:
    """How passages are looked for, and how many documents or pages of a question are ranked."""

    mode: Mode
    where: Mapping[str, str] | None = None
    reranker: Reranker | None = None
    depth: int = 100


def evaluate_retrieval(
    data: Path | str,
    *,
    index: Index | str | Path | None = None,
    embedder: str | None = None,
    modes: Sequence[str] = ("hybrid",),
    compare: Sequence[str] = (),
    metrics: Sequence[str] = USUAL,
    split: str = "test",
    k: int = PASSAGES,
    where: Mapping[str, str] | None = None,
    reranker: Reranker | str | None = None,
    limit: int | None = None,
    api_key: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """How well search finds what is expected, by document, or by page where the questions name pages.

    `data` is a folder in BEIR's layout, whose corpus is indexed first (into a folder of its own without `index`), or a file of
    questions about the documents of `index`. The first of `modes` is held against the others, and against `compare`: further
    modes, or TREC run files. A document's score is that of its best passage. `k` is how far down a question that succeeded
    may have its first hit. Raises UsageError for data that cannot be read, which names file and line.
    """
    started, told, path = time.perf_counter(), progress or Silent(), data_at(data)
    searched, files = _modes_and_files(modes, compare)
    measures = measures_of(metrics)
    read = judged_questions(path, split=split)
    judged = [question for question in read if question.relevant][:limit]
    read_runs = _others(files, judged, path)
    chosen = open_reranker(reranker, api_key=api_key) if isinstance(reranker, str) else reranker
    with index_for(path, index, embedder=embedder, api_key=api_key, progress=told) as opened:
        names = Names(opened, path)
        questions = names.questions(judged)
        others = {name: _as_known(name, run, questions, names) for name, run in read_runs.items()}
        told.expect("searching", len(questions) * len(searched))
        found = {mode: _found(questions, opened, Way(mode, where, chosen, deepest(metrics)), told) for mode in searched}
        runs: dict[str, Run] = {mode: {number: one.ranking for number, one in all_.items()} for mode, all_ in found.items()}
        figures = [Figures.of(name, values_of(measures, questions, run)) for name, run in [*runs.items(), *others.items()]]
        main = found[searched[0]]
        reasons = {
            question.id: lost_in_retrieval(indexed=is_indexed(question, names.known), rank=main[question.id].passage, context=k)
            for question in questions
        }
        rows = [_row(question, figures, runs, reasons[question.id]) for question in questions]
        facts: dict[str, Any] = {"mode": searched[0], "embedder": embedder_of(opened), "seconds": time.perf_counter() - started}
        facts |= {"chunks": len(opened), "unjudged": sum(not question.relevant for question in read)}
        facts |= {"unknown_sources": names.unknown(questions), "data": str(path), "index": str(opened.path)}
    before = {"documents": len(names.known), "queries": len(questions)}
    return Evaluation("retrieval", before, facts, tuple(figures), compared(figures[0], figures[1:]), tuple(rows), runs)


def _modes_and_files(modes: Sequence[str], compare: Sequence[str]) -> tuple[list[Mode], list[str]]:
    known = get_args(Mode)
    files = [name for name in compare if name not in known]
    for name in [*modes, *files]:
        if name not in known and (name in modes or not expanded(name).is_file()):
            raise UsageError(
                f"'{name}' is neither a way to search nor a run file.{nearest(name, known)} Known: {', '.join(known)}."
            )
    chosen = dict.fromkeys([*modes, *(name for name in compare if name in known)])
    return [cast("Mode", name) for name in chosen], files


def _others(files: Sequence[str], questions: Sequence[Question], data: Path) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """The run files to compare with. Raises UsageError where they, or nobody, know the questions."""
    if not questions:
        raise UsageError(f"No question in {data} says what should be found. Give each a source.")
    others = {name: read_run(expanded(name)) for name in files}
    for name, run in others.items():
        if run.keys().isdisjoint({question.id for question in questions}):
            raise UsageError(
                f"The run {name} ranks none of these questions, such as {questions[0].id}; it ranks {next(iter(run))}. Name a run "
                "over the same questions."
            )
    return others


def _as_known(name: str, run: Run, questions: Sequence[Question], names: Names) -> Run:
    """A run file's documents as the index calls them. Raises UsageError where it ranks none of them."""
    by_page = {question.id: question.by_page for question in questions}
    known: dict[str, list[tuple[str, float]]] = {}
    first, are_known = "", False
    for number in run.keys() & by_page.keys():
        ranking = known[number] = []
        for unit, score in run[number]:
            source, mark, page = unit.rpartition("#") if by_page[number] else (unit, "", "")
            source = names.source(source)
            first, are_known = first or unit, are_known or source in names.known
            ranking.append((f"{source}{mark}{page}", score))
    if not are_known:
        raise UsageError(
            f"The run {name} ranks no document of the index, but {first}; the index has {next(iter(names.known), 'none')}. Name a "
            "run over the same documents."
        )
    return known


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a question: its units, and the place of the first passage that belongs to one it should find."""

    ranking: Ranking
    passage: int | None


def _found(questions: Sequence[Question], index: Index, way: Way, progress: Progress) -> dict[str, Found]:
    found = {}
    for question in questions:
        found[question.id] = found_for(question, index, way)
        progress.advance("searching")
    return found


def found_for(question: Question, index: Index, way: Way) -> Found:
    """Documents, or pages, with the score of their best passage, best first, in the order in which `rag search` shows them.

    Which passage is the first to belong to one of them does not depend on how many documents the metrics look at.
    """
    best: dict[str, float] = {}
    first: int | None = None
    usual, deeper = _passages(question.text, index, way)
    for place, hit in enumerate([*usual, *deeper], 1):
        units = question.units(hit.source, hit.pages)
        if first is None and place <= len(usual) and not question.relevant.isdisjoint(units):
            first = place
        for unit in units:
            best.setdefault(unit, hit.score)
    return Found(list(best.items())[: way.depth], first)


def _passages(question: str, index: Index, way: Way) -> tuple[Sequence[Hit], Sequence[Hit]]:
    """All that a search of usual depth ranks, in its order; and where more are wanted, those behind that only a deeper one finds.

    With a reranker there are only the passages that it orders: its scores do not compare with others.
    """
    if way.reranker:
        return retrieve(question, index=index, k=RERANKED, mode=way.mode, where=way.where, reranker=way.reranker).hits, ()
    depth = max(way.depth, CANDIDATES)
    if way.mode != "hybrid":
        hits = _ranked(question, index, way, PASSAGES_A_UNIT * depth)
        return hits[: PASSAGES_A_UNIT * CANDIDATES], hits[PASSAGES_A_UNIT * CANDIDATES :]
    usual = _ranked(question, index, way, CANDIDATES)  # how many candidates are fused changes their order
    if depth == CANDIDATES:
        return usual, ()
    there = {hit.chunk for hit in usual}
    deeper = (hit for hit in _ranked(question, index, way, PASSAGES_A_UNIT * depth) if hit.chunk not in there)
    return usual, [replace(hit, score=hit.score - 1) for hit in deeper]


def _ranked(question: str, index: Index, way: Way, depth: int) -> list[Hit]:
    dense, keyword = candidates(question, index=index, depth=depth, mode=way.mode, where=way.where)
    scored = {"dense": dense, "keyword": keyword}.get(way.mode) or hybrid(question, dense, keyword, index=index)
    return index.first_hits(scored, len(scored)) if scored else []


def first_rank(question: Question, ranking: Ranking) -> int | None:
    """The place of the best unit that should be found, from 1; None where there is none."""
    return next((rank for rank, (unit, _) in enumerate(ranking, 1) if unit in question.relevant), None)


def _row(question: Question, figures: Sequence[Figures], runs: Mapping[str, Run], reason: str) -> dict[str, Any]:
    """What is told of a question: how the first mode did in full, the values of the others."""
    main, *others = figures
    ranking = runs[main.name][question.id]
    return {
        "id": question.id,
        "question": question.text,
        "reason": reason,
        "expected": sorted(question.relevant),
        "first_rank": first_rank(question, ranking),
        "found": [unit for unit, _ in ranking[:SHOWN_UNITS]],
        **{metric: by_question[question.id] for metric, by_question in main.values.items()},
        **({"others": {one.name: {m: by[question.id] for m, by in one.values.items()} for one in others}} if others else {}),
    }
