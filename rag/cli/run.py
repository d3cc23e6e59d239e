"""`rag run`: a whole job from a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.cli.options import (
    EXIT_SOME_FAILED,
    debug,
)
from rag.cli.shared import (
    settings_with,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.answers.ask_many import FailedAnswer
    from rag.types import Answer

    Answers = Sequence[Answer | FailedAnswer]


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path))
@debug
def run_command(recipe: Path) -> None:
    """Run a whole pipeline from a recipe (TOML); see pipelines/."""
    from rag.cli.evaluate import run_evaluation_recipe_at
    from rag.cli.summarize import run_summary_recipe_at
    from rag.recipes.evaluate import evaluates
    from rag.recipes.summarize import sums_up

    if evaluates(recipe):
        run_evaluation_recipe_at(recipe)
        return
    if sums_up(recipe):
        run_summary_recipe_at(recipe)
        return
    from rag.cli.terminal import IndexingProgress, report_lines
    from rag.recipes.answer import answer_line, read_recipe, run_recipe, write_lines

    steps = read_recipe(recipe)
    failed: list[object] = []
    with IndexingProgress(shown=True) as progress:

        def indexed(report: Any) -> None:
            progress.close()
            failed.extend(report.failed)
            click.echo("\n".join(report_lines(report)), err=True)

        answers = (
            answer_line(answer)
            for answer in run_recipe(steps, progress=progress, on_indexed=indexed, api_key=settings_with().api_key)
        )
        if steps.output:
            write_lines(steps.output, answers)
            click.echo(f"Answers are in {steps.output}", err=True)
        else:
            for line in answers:
                click.echo(line)
    if failed:
        sys.exit(EXIT_SOME_FAILED)
