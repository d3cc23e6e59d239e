"""A recipe that sums up folders: TOML in, a folder of summaries out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.documents.loading.find import Selection
from rag.errors import SettingsError
from rag.recipes.tables import InFolder, SourcesTable, read_tables
from rag.settings import read_toml
from rag.summaries.folder import lies_among
from rag.summaries.summarize import summarize_many
from rag.summaries.types import CHAINS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from rag.protocols import Generator as Model
    from rag.protocols import Progress
    from rag.summaries.summarize import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizeTable:
    """`[summarize]`: how, and the folder that the summaries go to. See `rag.summarize`."""

    output: str
    llm: str = "local"
    chain: str = "auto"
    words: int | None = None
    focus: str = ""
    strict: bool = False
    piece_tokens: int | None = None
    calls: str | None = None


@dataclass(frozen=True, slots=True)
class SummaryRecipe(InFolder):
    """A recipe that has been read and checked."""

    sources: SourcesTable
    summarize: SummarizeTable

    @property
    def output(self) -> Path:
        """The folder that the summaries go to."""
        return self.path(self.summarize.output)


def sums_up(path: Path) -> bool:
    """Whether a recipe is one for summaries."""
    return "summarize" in read_toml(path)


def read_summary_recipe(path: Path) -> SummaryRecipe:
    """Raises SettingsError for an unknown or missing key, or a value of the wrong kind, and names it."""
    tables = read_tables(path, {"sources": SourcesTable, "summarize": SummarizeTable})
    recipe = SummaryRecipe(path.resolve().parent, **tables)
    _check(path, recipe)
    return recipe


def run_summary_recipe(
    recipe: SummaryRecipe, *, llm: Model | str | None = None, progress: Progress | None = None
) -> Generator[Outcome, None, None]:
    """Summaries as they finish; `llm` takes the place of the recipe's. Calls that were finished before are not made again."""
    wanted, sources = recipe.summarize, recipe.sources
    return summarize_many(
        [recipe.path(name) for name in sources.paths],
        llm=llm or wanted.llm,
        progress=progress,
        selection=Selection(sources.include or (), sources.exclude or ()),
        chain=wanted.chain,
        words=wanted.words,
        focus=wanted.focus,
        strict=wanted.strict,
        piece_tokens=wanted.piece_tokens,
        calls=recipe.path(wanted.calls) if wanted.calls else None,
    )


def _check(path: Path, recipe: SummaryRecipe) -> None:
    """What would fail, or do harm, after hours is refused before."""
    wanted = recipe.summarize
    if wanted.chain not in CHAINS:
        raise SettingsError(f"{path}: 'chain' in [summarize] must be one of {', '.join(CHAINS)}, not '{wanted.chain}'.")
    for key in ("words", "piece_tokens"):
        if (value := getattr(wanted, key)) is not None and value < 1:
            raise SettingsError(f"{path}: '{key}' in [summarize] must be at least 1.")
    if lies_among(recipe.output, [str(recipe.path(name)) for name in recipe.sources.paths]):
        raise SettingsError(f"{path}: 'output' in [summarize] lies among the sources. Choose another folder.")
