"""A whole pipeline from one file: TOML in, answers out as JSON lines."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from rag.errors import SettingsError, nearest
from rag.pipelines.ask import ask
from rag.pipelines.find import is_under
from rag.pipelines.ingest import ChunkSizes, sync
from rag.pipelines.question import PASSAGES
from rag.pipelines.retrieve import Mode
from rag.pretrained import expanded
from rag.sampling import Sampling
from rag.settings import read_toml
from rag.specs import open_index, using_llm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rag.pipelines.prepare import Progress
    from rag.reports import SyncReport
    from rag.types import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesTable:
    """`[sources]`: what to index; paths are relative to the recipe."""

    paths: list[str]
    include: list[str] | None = None
    exclude: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTable:
    """`[index]`: where, and how."""

    path: str
    embedder: str | None = None
    chunk_tokens: int | None = None
    overlap_tokens: int | None = None


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
class Recipe:
    """A recipe that has been read and checked; `folder` is where its relative paths start."""

    folder: Path
    sources: SourcesTable
    index: IndexTable
    ask: AskTable

    @property
    def output(self) -> Path | None:
        """The file that the answers go to, or None for stdout."""
        return self.path(self.ask.output) if self.ask.output else None

    def path(self, name: str) -> Path:
        """A path of the recipe, which is relative to the recipe's folder."""
        return Path(os.path.normpath(self.folder / expanded(name)))


TABLES: dict[str, type[SourcesTable] | type[IndexTable] | type[AskTable]] = {
    "sources": SourcesTable,
    "index": IndexTable,
    "ask": AskTable,
}


def read_recipe(path: Path) -> Recipe:
    """Raises SettingsError for an unknown or missing key, or a value of the wrong kind, and names it."""
    tables = read_toml(path)
    for name in tables:
        if name not in TABLES:
            raise SettingsError(f"{path}: unknown table [{name}].{nearest(name, TABLES)} Known: {', '.join(TABLES)}.")
    read = {name: _table(path, name, kind, tables.get(name)) for name, kind in TABLES.items()}
    recipe = Recipe(path.resolve().parent, **read)
    _check_output(path, recipe)
    return recipe


def _check_output(path: Path, recipe: Recipe) -> None:
    """The answers must not be written over the recipe or among the documents."""
    if not all(name.strip() for name in recipe.sources.paths):
        raise SettingsError(f"{path}: 'paths' in [sources] must not hold an empty path.")
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


def _table(path: Path, name: str, kind: type[Any], values: object) -> Any:
    if values is None:
        raise SettingsError(f"{path}: the table [{name}] is missing.")
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: '{name}' must be a table, written [{name}].")
    expected = {field.name: str(field.type) for field in fields(kind)}
    for key, value in values.items():
        if key not in expected:
            raise SettingsError(
                f"{path}: unknown key '{key}' in [{name}].{nearest(key, expected)} Known: {', '.join(expected)}."
            )
        _check_kind(f"{path}: '{key}' in [{name}]", value, expected[key])
    _check_required(path, name, kind, values)
    table = kind(**values)
    if isinstance(table, AskTable):
        _check_ask(path, table)
    return table


def _check_ask(path: Path, ask: AskTable) -> None:
    """What would fail after hours of indexing is refused before."""
    problems = {
        "mode": ask.mode not in get_args(Mode) and f"must be one of {', '.join(get_args(Mode))}",
        "k": ask.k < 1 and "must be at least 1",
        "max_tokens": ask.max_tokens < 1 and "must be at least 1",
        "temperature": ask.temperature < 0 and "must not be negative",
        "questions": not all(question.strip() for question in ask.questions) and "must not hold an empty question",
    }
    for key, problem in problems.items():
        if problem:
            raise SettingsError(f"{path}: '{key}' in [ask] {problem}.")


def _check_required(path: Path, name: str, kind: type[Any], values: Mapping[str, object]) -> None:
    required = {"sources": ["paths"], "index": ["path"], "ask": ["questions"]}[name]
    for key in required:
        if not values.get(key):
            raise SettingsError(f"{path}: [{name}] needs '{key}'.")


def _check_kind(where: str, value: object, annotation: str) -> None:
    kind = annotation.split(" | ", maxsplit=1)[0]
    fits = {
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "list[str]": isinstance(value, list) and all(isinstance(item, str) for item in value),
    }[kind]
    if not fits:
        words = {
            "str": "a string",
            "bool": "true or false",
            "int": "a whole number",
            "float": "a number",
            "list[str]": "a list of strings",
        }
        raise SettingsError(f"{where} must be {words[kind]}, not {value!r}.")
