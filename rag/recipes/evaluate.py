"""A recipe with an `[evaluate]` table: test data → a folder with a report for each measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from rag.answers.options import AskOptions
from rag.arguments import check_fields, like, option
from rag.documents.loading.find import is_under
from rag.errors import SettingsError
from rag.evaluation.answers import evaluate_answers
from rag.evaluation.data.collection import answered_questions, is_collection, judged_questions
from rag.evaluation.data.summary_data import read_summary_data
from rag.evaluation.measures.metrics import USUAL, measures_of
from rag.evaluation.report.report import write_report
from rag.evaluation.retrieval import evaluate_retrieval
from rag.evaluation.summaries import evaluate_summaries
from rag.recipes.tables import IndexTable, InFolder, SourcesTable, decoded_tables
from rag.retrieval.options import Mode
from rag.summaries.options import SummaryOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rag.evaluation.results import Evaluation
    from rag.ingest.reports import SyncReport
    from rag.protocols import Progress

Measure = Literal["retrieval", "answers", "summaries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateTable:
    """`[evaluate]`: the measurements, their data, and the folder of the reports."""

    data: str = option(MISSING, "A test collection, or a file of JSON lines.")
    output: str = option(MISSING, "The folder of the reports.")
    measure: list[Measure] | None = option(None, "The measurements (default: retrieval).")
    modes: list[Mode] | None = option(None, "Search modes to compare (default: hybrid); answers use the first.")
    metrics: list[str] | None = option(None, "Metrics of retrieval.")
    split: str = option("test", "Judgements from qrels/NAME.tsv.")
    k: int = like(AskOptions, "k")
    llm: str = option("local", "The model that writes.")
    words: int | None = like(SummaryOptions, "words")
    strict: bool = like(AskOptions, "strict")
    limit: int | None = option(None, "Only the first N questions.", least=1)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement of a recipe, and the folder of its report."""

    folder: Path
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class EvaluationRecipe(InFolder):
    """A recipe that measures search, answers or summaries, and indexes its sources first if it has any."""

    TABLES: ClassVar = {"sources": SourcesTable, "index": IndexTable, "evaluate": EvaluateTable}

    evaluate: EvaluateTable
    index: IndexTable | None = None
    sources: SourcesTable | None = None

    @classmethod
    def of(cls, path: Path, tables: Mapping[str, object]) -> EvaluationRecipe:
        """Check the tables of a file and its test data. Raises SettingsError, and UsageError for invalid data."""
        optional = frozenset({"sources", "index"})
        recipe = cls(path.resolve().parent, **decoded_tables(path, tables, cls.TABLES, optional=optional))
        recipe._check(path)
        return recipe

    @property
    def output(self) -> Path:
        """The folder of the reports; each report has a subfolder."""
        return self.path(self.evaluate.output)

    @property
    def data(self) -> Path:
        """The test data."""
        return self.path(self.evaluate.data)

    @property
    def measures(self) -> list[Measure]:
        """The measurements, in order."""
        return self.evaluate.measure or ["retrieval"]

    def run(
        self,
        *,
        progress: Progress | None = None,
        on_indexed: Callable[[SyncReport], None] | None = None,
        api_key: str | None = None,
    ) -> Iterator[Measured]:
        """Index the sources, then measure in order. Each report is written before its measurement is yielded."""
        if self.sources and self.index:
            with self.open_index(self.index, api_key=api_key) as index:
                report = self.sync(self.sources, self.index, index=index)
            if on_indexed:
                on_indexed(report)
        for measure in self.measures:
            folder = self.output / measure
            evaluation = self._measured(measure, folder, progress, api_key)
            write_report(folder, evaluation)
            yield Measured(folder, evaluation)

    def _measured(self, measure: Measure, folder: Path, progress: Progress | None, api_key: str | None) -> Evaluation:
        table = self.evaluate
        index = self.path(self.index.path) if self.index else None
        embedder = self.index.embedder if self.index else None
        modes = table.modes or ["hybrid"]
        if measure == "summaries":
            return evaluate_summaries(
                self.data, llm=table.llm, words=table.words, strict=table.strict, limit=table.limit, progress=progress
            )
        if measure == "answers":
            return evaluate_answers(
                self.data,
                llm=table.llm,
                index=index,
                embedder=embedder,
                k=table.k,
                mode=modes[0],
                strict=table.strict,
                limit=table.limit,
                output=folder / "answers.jsonl",
                api_key=api_key,
                progress=progress,
            )
        return evaluate_retrieval(
            self.data,
            index=index,
            embedder=embedder,
            modes=modes,
            metrics=table.metrics or USUAL,
            split=table.split,
            k=table.k,
            limit=table.limit,
            api_key=api_key,
            progress=progress,
        )

    def _check(self, path: Path) -> None:
        """Raise SettingsError or UsageError for mistakes that would only show after hours of work."""
        if not self.data.exists():
            raise SettingsError(f"{path}, [evaluate]: 'data' names {self.data}, which does not exist.")
        if self.sources and not self.index:
            raise SettingsError(f"{path}: [sources] needs [index], the table with the folder of the index.")
        if set(self.measures) != {"summaries"} and not self.index and not is_collection(self.data):
            raise SettingsError(
                f"{path}: {self.data} has only questions. Add [index], the index of the documents that they are about."
            )
        self._check_data()
        if self.sources and is_under(str(self.output), [str(source) for source in self.paths(self.sources)]):
            raise SettingsError(f"{path}, [evaluate]: 'output' lies among the sources. Choose another folder.")

    def _check_data(self) -> None:
        """Read the test data once. Raises UsageError, which names the line or the metric."""
        if "retrieval" in self.measures:
            measures_of(self.evaluate.metrics or USUAL)
            judged_questions(self.data, split=self.evaluate.split)
        if "answers" in self.measures:
            answered_questions(self.data)
        if "summaries" in self.measures:
            read_summary_data(self.data)
