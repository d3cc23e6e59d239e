"""A recipe that sums up folders: TOML in, a folder of summaries out."""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import SettingsError, nearest
from rag.pipelines.find import Selection
from rag.pipelines.summarize import summarize_many
from rag.pipelines.summarize_files import lies_among
from rag.pretrained import expanded
from rag.settings import read_toml
from rag.summaries.types import CHAINS

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from rag.pipelines.summarize import Outcome, Progress
    from rag.protocols import Generator as Model

KINDS = {
    "str": (str, "a string"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "list[str]": (list, "a list of strings"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySources:
    """`[sources]`: what to sum up; paths are relative to the recipe."""

    paths: list[str]
    include: list[str] | None = None
    exclude: list[str] | None = None


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
class SummaryRecipe:
    """A recipe that has been read and checked; `folder` is where its relative paths start."""

    folder: Path
    sources: SummarySources
    summarize: SummarizeTable

    @property
    def output(self) -> Path:
        """The folder that the summaries go to."""
        return self.path(self.summarize.output)

    def path(self, name: str) -> Path:
        """A path of the recipe, which is relative to the recipe's folder."""
        return Path(os.path.normpath(self.folder / expanded(name)))


def sums_up(path: Path) -> bool:
    """Whether a recipe is one for summaries."""
    return "summarize" in read_toml(path)


def read_summary_recipe(path: Path) -> SummaryRecipe:
    """Raises SettingsError for an unknown or missing key, or a value of the wrong kind, and names it."""
    tables = read_toml(path)
    kinds: dict[str, type[Any]] = {"sources": SummarySources, "summarize": SummarizeTable}
    for name in tables:
        if name not in kinds:
            raise SettingsError(f"{path}: unknown table [{name}].{nearest(name, kinds)} Known: {', '.join(kinds)}.")
    read = [_table(path, name, kind, tables.get(name)) for name, kind in kinds.items()]
    recipe = SummaryRecipe(path.resolve().parent, *read)
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


def _table(path: Path, name: str, kind: type[Any], values: object) -> Any:
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: the table [{name}] is missing.")
    known = {field.name: str(field.type).split(" | ", maxsplit=1)[0] for field in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(f"{path}: unknown key '{key}' in [{name}].{nearest(key, known)} Known: {', '.join(known)}.")
        fits, words = KINDS[known[key]]
        is_of_kind = isinstance(value, fits) and isinstance(value, bool) == (fits is bool)
        if not is_of_kind or (fits is list and not all(isinstance(item, str) and item.strip() for item in value)):
            raise SettingsError(f"{path}: '{key}' in [{name}] must be {words}, not {value!r}.")
    _check_required(path, name, kind, values)
    return kind(**values)


def _check_required(path: Path, name: str, kind: type[Any], values: Mapping[str, object]) -> None:
    for field in fields(kind):
        if field.default is MISSING and not values.get(field.name):
            raise SettingsError(f"{path}: [{name}] needs '{field.name}'.")


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
