"""Questions with expected documents → the quality of each search mode."""

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
"""Passages that are read for each ranked document or page, because several may belong to the same one."""

SHOWN_UNITS = 5


@dataclass(frozen=True, slots=True)
class Way:
    """How to search, and how many documents or pages to rank for each question (`depth`)."""

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
    """Measure how well search finds the expected documents, or pages if the questions name pages.

    `data` is a folder in BEIR's layout, or a file of questions about the documents of `index`. The corpus of a folder is indexed
    first, into the cache folder if there is no `index`. The first of `modes` is compared with the other modes, and with
    `compare`: more modes, or TREC run files. The score of a document is that of its best passage. A question succeeds if one of
    the first `k` passages is expected. Raises UsageError for invalid data, with the file and the line.

        evaluation = evaluate_retrieval("data/scifact", modes=["hybrid", "keyword"])
        print(evaluation.main.means["ndcg@10"])
    """
    started, watched, path = time.perf_counter(), progress or Silent(), data_at(data)
    searched, files = _modes_and_files(modes, compare)
    measures = measures_of(metrics)
    read = judged_questions(path, split=split)
    judged = [question for question in read if question.relevant][:limit]
    read_runs = _others(files, judged, path)
    chosen = open_reranker(reranker, api_key=api_key) if isinstance(reranker, str) else reranker
    with index_for(path, index, embedder=embedder, api_key=api_key, progress=watched) as opened:
        names = Names(opened, path)
        questions = names.questions(judged)
        others = {name: _as_known(name, run, questions, names) for name, run in read_runs.items()}
        watched.expect("searching", len(questions) * len(searched))
        found = {mode: _found(questions, opened, Way(mode, where, chosen, deepest(metrics)), watched) for mode in searched}
        runs: dict[str, Run] = {mode: _rankings(by_question) for mode, by_question in found.items()}
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


def _rankings(found: Mapping[str, Found]) -> Run:
    return {number: outcome.ranking for number, outcome in found.items()}


def _modes_and_files(modes: Sequence[str], compare: Sequence[str]) -> tuple[list[Mode], list[str]]:
    known = get_args(Mode)
    files = [name for name in compare if name not in known]
    for name in [*modes, *files]:
        if name not in known and (name in modes or not expanded(name).is_file()):
            raise UsageError(
                f"'{name}' is neither a search mode nor a run file.{nearest(name, known)} Known: {', '.join(known)}."
            )
    chosen = dict.fromkeys([*modes, *(name for name in compare if name in known)])
    return [cast("Mode", name) for name in chosen], files


def _others(files: Sequence[str], questions: Sequence[Question], data: Path) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """Read the run files to compare with. Raises UsageError if there is no question, or a file has none of the questions."""
    if not questions:
        raise UsageError(f"No question in {data} says what should be found. Give each a source.")
    others = {name: read_run(expanded(name)) for name in files}
    for name, run in others.items():
        if run.keys().isdisjoint({question.id for question in questions}):
            raise UsageError(
                f"The run {name} ranks none of these questions, such as {questions[0].id}; it ranks {next(iter(run))}. Name a run "
                "of the same questions."
            )
    return others


def _as_known(name: str, run: Run, questions: Sequence[Question], names: Names) -> Run:
    """A run whose documents are named as in the index. Raises UsageError if the index has none of them."""
    by_page = {question.id: question.by_page for question in questions}
    known: dict[str, list[tuple[str, float]]] = {}
    first_unit, has_known = "", False
    for number in run.keys() & by_page.keys():
        ranking = known[number] = []
        for unit, score in run[number]:
            source, mark, page = unit.rpartition("#") if by_page[number] else (unit, "", "")
            source = names.source(source)
            first_unit = first_unit or unit
            has_known = has_known or source in names.known
            ranking.append((f"{source}{mark}{page}", score))
    if not has_known:
        known_name = next(iter(names.known), "none")
        raise UsageError(
            f"The run {name} ranks no document of the index, only names such as {first_unit}; the index has {known_name}. "
            "Name a run of the same documents."
        )
    return known


@dataclass(frozen=True, slots=True)
class Found:
    """The result for a question: its ranking, and the rank of the first passage of an expected unit, from 1, or None."""

    ranking: Ranking
    passage: int | None


def _found(questions: Sequence[Question], index: Index, way: Way, progress: Progress) -> dict[str, Found]:
    found = {}
    for question in questions:
        found[question.id] = found_for(question, index, way)
        progress.advance("searching")
    return found


def found_for(question: Question, index: Index, way: Way) -> Found:
    """Rank documents or pages by their best passage, in the order of `rag search`.

    The rank of the first expected passage does not depend on the depth that the metrics need.
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
    """The passages of a search of usual depth, and the further passages of a deeper search if more are needed.

    With a reranker there are no further passages, because its scores are not comparable with others.
    """
    if way.reranker:
        return retrieve(question, index=index, k=RERANKED, mode=way.mode, where=way.where, reranker=way.reranker).hits, ()
    depth = max(way.depth, CANDIDATES)
    if way.mode != "hybrid":
        hits = _ranked(question, index, way, PASSAGES_A_UNIT * depth)
        return hits[: PASSAGES_A_UNIT * CANDIDATES], hits[PASSAGES_A_UNIT * CANDIDATES :]
    usual = _ranked(question, index, way, CANDIDATES)  # a different number of candidates changes their order
    if depth == CANDIDATES:
        return usual, ()
    known = {hit.chunk for hit in usual}
    deeper = (hit for hit in _ranked(question, index, way, PASSAGES_A_UNIT * depth) if hit.chunk not in known)
    return usual, [replace(hit, score=hit.score - 1) for hit in deeper]


def _ranked(question: str, index: Index, way: Way, depth: int) -> list[Hit]:
    dense, keyword = candidates(question, index=index, depth=depth, mode=way.mode, where=way.where)
    scored = {"dense": dense, "keyword": keyword}.get(way.mode) or hybrid(question, dense, keyword, index=index)
    return index.first_hits(scored, len(scored)) if scored else []


def first_rank(question: Question, ranking: Ranking) -> int | None:
    """The rank of the first expected unit, from 1; None if there is none.

    >>> from rag.evaluation.data.questions import Expected, Question
    >>> first_rank(Question("q1", "How tall?", (Expected("b.pdf"),)), [("a.pdf", 0.9), ("b.pdf", 0.7)])
    2
    """
    return next((rank for rank, (unit, _) in enumerate(ranking, 1) if unit in question.relevant), None)


def _row(question: Question, figures: Sequence[Figures], runs: Mapping[str, Run], reason: str) -> dict[str, Any]:
    """The row of a question: the results of the first mode in full, and the values of the others."""
    main, *others = figures
    ranking = runs[main.name][question.id]
    row: dict[str, Any] = {
        "id": question.id,
        "question": question.text,
        "reason": reason,
        "expected": sorted(question.relevant),
        "first_rank": first_rank(question, ranking),
        "found": [unit for unit, _ in ranking[:SHOWN_UNITS]],
        **{metric: by_question[question.id] for metric, by_question in main.values.items()},
    }
    if others:
        row["others"] = {other.name: _values_for(question, other) for other in others}
    return row


def _values_for(question: Question, figures: Figures) -> dict[str, float]:
    return {metric: by_question[question.id] for metric, by_question in figures.values.items()}
