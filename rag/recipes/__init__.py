"""Recipes: a whole job in one TOML file, whose tables name the sources, the steps and the output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rag.arguments import require_path
from rag.recipes.answer import AnswerRecipe
from rag.recipes.evaluate import EvaluationRecipe
from rag.recipes.summarize import SummaryRecipe
from rag.settings import read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rag.ingest.reports import SyncReport
    from rag.protocols import Progress
    from rag.recipes.evaluate import Measured
    from rag.summaries.summarize import Outcome
    from rag.types import Answer

Recipe = AnswerRecipe | EvaluationRecipe | SummaryRecipe


def read(path: Path | str) -> Recipe:
    """Read a recipe. A file with `[evaluate]` measures, one with `[summarize]` summarises, any other answers questions.

    Raises SettingsError, which names the file, the table and the key.
    """
    require_path(path, "The recipe", "the path of a TOML file")
    path = Path(path)
    tables = read_toml(path)
    if "evaluate" in tables:
        return EvaluationRecipe.of(path, tables)
    if "summarize" in tables:
        return SummaryRecipe.of(path, tables)
    return AnswerRecipe.of(path, tables)


def run(
    path: Path | str,
    *,
    progress: Progress | None = None,
    on_indexed: Callable[[SyncReport], None] | None = None,
    api_key: str | None = None,
) -> Iterator[Answer | Measured | Outcome]:
    """Run a recipe. Yields its results as they finish: answers, measurements or summaries.

    Each result is in the recipe's `output` before it is yielded. `on_indexed` is called once the sources are indexed.
    Raises SettingsError for a mistake in the recipe.

        from rag import recipes

        for answer in recipes.run("pipelines/folder-to-answers.toml"):
            print(answer.text)
    """
    recipe = read(path)
    if isinstance(recipe, SummaryRecipe):
        yield from recipe.run(progress=progress)
    else:
        yield from recipe.run(progress=progress, on_indexed=on_indexed, api_key=api_key)
