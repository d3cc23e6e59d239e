"""A whole pipeline from one file: TOML in, answers out as JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, cast, get_args

from rag.answers.ask import ask
from rag.answers.options import PASSAGES
from rag.documents.loading.find import is_under
from rag.errors import SettingsError
from rag.ingest.sync import ChunkSizes, sync
from rag.recipes.tables import IndexTable, InFolder, SourcesTable, read_tables
from rag.retrieval.retrieve import Mode
from rag.sampling import Sampling
from rag.specs import open_index, using_llm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rag.ingest.reports import SyncReport
    from rag.protocols import Progress
    from rag.types import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTable:
    """`[ask]`: the questions and who answers. `output` is a file for the answers; left out, they go to stdout."""

    questions: list[str]
    llm: str = "local"
    k: int = PASSAGES
    mode: str = "hybrid"
    max_tokens: int = 256
    temperature: float = 0.0
    strict: bool = False
    output: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe(InFolder):
    """A recipe that has been read and checked."""

    sources: SourcesTable
    index: IndexTable
    ask: AskTable

    @property
    def output(self) -> Path | None:
        """The file that the answers go to, or None for stdout."""
        return self.path(self.ask.output) if self.ask.output else None


TABLES = {"sources": SourcesTable, "index": IndexTable, "ask": AskTable}


def read_recipe(path: Path) -> Recipe:
    """Raises SettingsError for an unknown or missing key, or a value of the wrong kind, and names it."""
    recipe = Recipe(path.resolve().parent, **read_tables(path, TABLES))
    _check_ask(path, recipe.ask)
    _check_output(path, recipe)
    return recipe


def _check_output(path: Path, recipe: Recipe) -> None:
    """The answers must not be written over the recipe or among the documents."""
    if recipe.output is None:
        return
    sources = [str(recipe.path(name)) for name in recipe.sources.paths]
    if recipe.output == path.resolve() or recipe.output.suffix == ".toml" or is_under(str(recipe.output), sources):
        raise SettingsError(f"{path}: 'output' in [ask] is the recipe itself, or lies among the sources. Choose another file.")


def run_recipe(
    recipe: Recipe,
    *,
    progress: Progress | None = None,
    on_indexed: Callable[[SyncReport], None] | None = None,
    api_key: str | None = None,
) -> Iterator[Answer]:
    """Index the sources, then answer the questions one after the other, in the order of the recipe."""
    sources = [recipe.path(path) for path in recipe.sources.paths]
    sizes = ChunkSizes(recipe.index.chunk_tokens, recipe.index.overlap_tokens)
    index_path = recipe.path(recipe.index.path)
    wanted = recipe.ask
    sampling = Sampling(max_tokens=wanted.max_tokens, temperature=wanted.temperature)
    opened = open_index(index_path, create=True, embedder=recipe.index.embedder, api_key=api_key)
    with opened as index, using_llm(wanted.llm) as llm:  # a wrong name of a model is told before anything is indexed
        report = sync(
            sources,
            index=index,
            include=recipe.sources.include or (),
            exclude=recipe.sources.exclude or (),
            sizes=sizes,
            progress=progress,
        )
        if on_indexed:
            on_indexed(report)
        mode = cast("Mode", wanted.mode)
        for question in wanted.questions:
            yield ask(question, index=index, llm=llm, k=wanted.k, mode=mode, sampling=sampling, strict=wanted.strict)


def write_lines(path: Path, lines: Iterator[str]) -> None:
    """Each line as soon as it is there; the file that was there before stays until the first one is. Raises SettingsError."""
    try:
        path.open("a", encoding="utf-8").close()  # told now, and not after hours of work
        first = next(lines)
        with path.open("w", encoding="utf-8") as file:
            for line in chain([first], lines):
                file.write(line + "\n")
                file.flush()
    except OSError as error:
        raise SettingsError(f"The answers cannot be written to {path}: {error.strerror or error}.") from error


def answer_line(answer: Answer) -> str:
    """One answer as one line of JSON."""
    return json.dumps(answer.to_dict(), ensure_ascii=False)


def _check_ask(path: Path, ask: AskTable) -> None:
    """What would fail after hours of indexing is refused before."""
    problems = {
        "mode": ask.mode not in get_args(Mode) and f"must be one of {', '.join(get_args(Mode))}",
        "k": ask.k < 1 and "must be at least 1",
        "max_tokens": ask.max_tokens < 1 and "must be at least 1",
        "temperature": ask.temperature < 0 and "must not be negative",
    }
    for key, problem in problems.items():
        if problem:
            raise SettingsError(f"{path}: '{key}' in [ask] {problem}.")
