"""A recipe that measures: TOML in, a folder for each thing that was measured out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rag.answers.options import PASSAGES
from rag.documents.loading.find import is_under
from rag.errors import SettingsError, nearest
from rag.evaluation.answers import evaluate_answers
from rag.evaluation.data.collection import answered_questions, is_collection, judged_questions
from rag.evaluation.data.summary_data import read_summary_data
from rag.evaluation.measures.metrics import USUAL, measures_of
from rag.evaluation.report.report import write_report
from rag.evaluation.retrieval import evaluate_retrieval
from rag.evaluation.summaries import evaluate_summaries
from rag.ingest.sync import ChunkSizes, sync
from rag.recipes.tables import IndexTable, InFolder, SourcesTable, read_tables
from rag.settings import read_toml
from rag.specs import open_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rag.evaluation.results import Evaluation
    from rag.ingest.reports import SyncReport
    from rag.protocols import Progress
    from rag.retrieval.retrieve import Mode

MEASURES = ("retrieval", "answers", "summaries")
MODES = ("hybrid", "dense", "keyword")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateTable:
    """`[evaluate]`: what is measured, on what, and the folder that the reports go to."""

    data: str
    output: str
    measure: list[str] | None = None
    modes: list[str] | None = None
    metrics: list[str] | None = None
    split: str = "test"
    k: int = PASSAGES
    llm: str = "local"
    words: int | None = None
    strict: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class EvaluationRecipe(InFolder):
    """A recipe that has been read and checked."""

    evaluate: EvaluateTable
    index: IndexTable | None = None
    sources: SourcesTable | None = None

    @property
    def output(self) -> Path:
        """The folder that the reports go to, each in one of its own."""
        return self.path(self.evaluate.output)


TABLES = {"sources": SourcesTable, "index": IndexTable, "evaluate": EvaluateTable}


def evaluates(path: Path) -> bool:
    """Whether a recipe is one that measures."""
    return "evaluate" in read_toml(path)


def read_evaluation_recipe(path: Path) -> EvaluationRecipe:
    """Raises SettingsError for an unknown or missing key, or a value of the wrong kind, and UsageError for data that cannot be read."""
    tables = read_tables(path, TABLES, optional=frozenset({"sources", "index"}))
    recipe = EvaluationRecipe(path.resolve().parent, **tables)
    _check(path, recipe)
    return recipe


def run_evaluation_recipe(
    recipe: EvaluationRecipe,
    *,
    progress: Progress | None = None,
    on_indexed: Callable[[SyncReport], None] | None = None,
    api_key: str | None = None,
) -> Iterator[tuple[Path, Evaluation]]:
    """Index the sources, then measure one thing after the other; each with the folder that its report is in."""
    if recipe.sources and recipe.index:
        report = _index(recipe, recipe.sources, recipe.index, api_key)
        if on_indexed:
            on_indexed(report)
    for what in recipe.evaluate.measure or ["retrieval"]:
        folder = recipe.output / what
        evaluation = _measured(what, recipe, folder, progress, api_key)
        write_report(folder, evaluation)
        yield folder, evaluation


def _index(recipe: EvaluationRecipe, sources: SourcesTable, index: IndexTable, api_key: str | None) -> SyncReport:
    with open_index(recipe.path(index.path), create=True, embedder=index.embedder, api_key=api_key) as opened:
        return sync(
            [recipe.path(name) for name in sources.paths],
            index=opened,
            include=sources.include or (),
            exclude=sources.exclude or (),
            sizes=ChunkSizes(index.chunk_tokens, index.overlap_tokens),
        )


def _measured(what: str, recipe: EvaluationRecipe, folder: Path, progress: Progress | None, api_key: str | None) -> Evaluation:
    wanted, data = recipe.evaluate, recipe.path(recipe.evaluate.data)
    index = recipe.path(recipe.index.path) if recipe.index else None
    embedder = recipe.index.embedder if recipe.index else None
    modes = wanted.modes or ["hybrid"]
    if what == "summaries":
        return evaluate_summaries(
            data, llm=wanted.llm, words=wanted.words, strict=wanted.strict, limit=wanted.limit, progress=progress
        )
    if what == "answers":
        return evaluate_answers(
            data,
            llm=wanted.llm,
            index=index,
            embedder=embedder,
            k=wanted.k,
            mode=cast("Mode", modes[0]),
            strict=wanted.strict,
            limit=wanted.limit,
            output=folder / "answers.jsonl",
            api_key=api_key,
            progress=progress,
        )
    return evaluate_retrieval(
        data,
        index=index,
        embedder=embedder,
        modes=modes,
        metrics=wanted.metrics or USUAL,
        split=wanted.split,
        k=wanted.k,
        limit=wanted.limit,
        api_key=api_key,
        progress=progress,
    )


def _check_data(wanted: EvaluateTable, data: Path) -> None:
    """Read what will be measured. Raises UsageError that names the line, or the metric."""
    measures = wanted.measure or ["retrieval"]
    if "retrieval" in measures:
        measures_of(wanted.metrics or USUAL)
        judged_questions(data, split=wanted.split)
    if "answers" in measures:
        answered_questions(data)
    if "summaries" in measures:
        read_summary_data(data)


def _check(path: Path, recipe: EvaluationRecipe) -> None:
    """What would fail, or do harm, after hours is refused before."""
    wanted, data = recipe.evaluate, recipe.path(recipe.evaluate.data)
    for key, known in (("measure", MEASURES), ("modes", MODES)):
        for one in getattr(wanted, key) or ():
            if one not in known:
                raise SettingsError(
                    f"{path}: '{one}' in '{key}' of [evaluate] is unknown.{nearest(one, known)} Known: {', '.join(known)}."
                )
    for key in ("k", "words", "limit"):
        if (value := getattr(wanted, key)) is not None and value < 1:
            raise SettingsError(f"{path}: '{key}' in [evaluate] must be at least 1.")
    if not data.exists():
        raise SettingsError(f"{path}: there is no {data}, which 'data' in [evaluate] names.")
    if recipe.sources and not recipe.index:
        raise SettingsError(f"{path}: [sources] needs [index], which says where they are indexed.")
    is_asked = set(wanted.measure or ["retrieval"]) != {"summaries"}
    if is_asked and not recipe.index and not is_collection(data):
        raise SettingsError(f"{path}: {data} holds questions only; [index] must say which documents they are about.")
    _check_data(wanted, data)
    if recipe.sources and is_under(str(recipe.output), [str(recipe.path(name)) for name in recipe.sources.paths]):
        raise SettingsError(f"{path}: 'output' in [evaluate] lies among the sources. Choose another folder.")
