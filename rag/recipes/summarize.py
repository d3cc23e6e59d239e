"""A recipe with a `[summarize]` table: documents → a folder of summaries."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, ClassVar

from rag.arguments import check_fields, like, option
from rag.errors import SettingsError
from rag.recipes.tables import InFolder, SourcesTable, decoded_tables
from rag.summaries.folder import SummaryFolder, lies_among
from rag.summaries.options import Chain, SummaryOptions
from rag.summaries.summarize import summarized_many

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from rag.protocols import Generator as Model
    from rag.protocols import Progress
    from rag.summaries.summarize import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizeTable:
    """`[summarize]`: the options of summaries, and their folder."""

    output: str = option(MISSING, "The folder of the summaries.")
    llm: str = option("local", "The model that writes.")
    chain: Chain = like(SummaryOptions, "chain")
    words: int | None = like(SummaryOptions, "words")
    focus: str = like(SummaryOptions, "focus")
    strict: bool = like(SummaryOptions, "strict")
    piece_tokens: int | None = like(SummaryOptions, "piece_tokens")
    calls: str | None = like(SummaryOptions, "calls")

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class SummaryRecipe(InFolder):
    """A recipe that summarises every document of its sources."""

    TABLES: ClassVar = {"sources": SourcesTable, "summarize": SummarizeTable}

    sources: SourcesTable
    summarize: SummarizeTable

    @classmethod
    def of(cls, path: Path, tables: Mapping[str, object]) -> SummaryRecipe:
        """Check the tables of a file before anything runs. Raises SettingsError, which names the mistake."""
        recipe = cls(path.resolve().parent, **decoded_tables(path, tables, cls.TABLES))
        if lies_among(recipe.output, [str(source) for source in recipe.paths(recipe.sources)]):
            raise SettingsError(f"{path}, [summarize]: 'output' lies among the sources. Choose another folder.")
        return recipe

    @property
    def output(self) -> Path:
        """The folder of the summaries."""
        return self.path(self.summarize.output)

    @property
    def calls(self) -> Path | None:
        """The file for finished calls; None means the one in the cache folder."""
        return self.path(self.summarize.calls) if self.summarize.calls else None

    @property
    def options(self) -> SummaryOptions:
        """The options of the summaries."""
        table = self.summarize
        return SummaryOptions(
            chain=table.chain,
            words=table.words,
            focus=table.focus,
            strict=table.strict,
            piece_tokens=table.piece_tokens,
            calls=self.calls,
        )

    def run(self, *, llm: Model | str | None = None, progress: Progress | None = None) -> Generator[Outcome, None, None]:
        """Yields each summary when it finishes and is in `output`. `llm` replaces the model of the recipe.

        Finished calls of an earlier run are not repeated.
        """
        outcomes = summarized_many(
            self.paths(self.sources),
            llm=llm or self.summarize.llm,
            options=self.options,
            reading=self.sources.reading,
            progress=progress,
        )
        with SummaryFolder(self.output) as folder, closing(outcomes):
            for outcome in outcomes:
                folder.add(outcome)
                yield outcome
