"""`rag run`: a whole job from a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.cli.options import EXIT_SOME_FAILED, Command, debug
from rag.cli.shared import settings_with

if TYPE_CHECKING:
    from rag.recipes.answer import AnswerRecipe
    from rag.recipes.evaluate import EvaluationRecipe
    from rag.recipes.summarize import SummaryRecipe


@click.command("run", cls=Command, short_help="Run a whole job from a recipe (TOML).")
@click.argument("recipe", type=click.Path(path_type=Path))
@debug
def run_command(recipe: Path) -> None:
    """Run a whole job from a recipe, a TOML file; pipelines/ has examples."""
    from rag import recipes
    from rag.recipes.answer import AnswerRecipe
    from rag.recipes.summarize import SummaryRecipe

    job = recipes.read(recipe)
    if isinstance(job, AnswerRecipe):
        show_answers(job)
    elif isinstance(job, SummaryRecipe):
        show_summaries(job)
    else:
        show_measurements(job)


def show_answers(job: AnswerRecipe) -> None:
    """Index the sources and answer the questions. Without an output file, answers go to stdout as JSON lines."""
    from rag.cli.progress import IndexingProgress
    from rag.recipes.answer import answer_line

    failed: list[object] = []
    with IndexingProgress(shown=True) as progress:

        def indexed(report: Any) -> None:
            progress.close()
            _show_report(report, failed)

        for answer in job.run(progress=progress, on_indexed=indexed, api_key=settings_with().api_key):
            if job.output is None:
                click.echo(answer_line(answer))
    if job.output:
        click.echo(f"Answers are in {job.output}", err=True)
    _exit(failed)


def show_measurements(job: EvaluationRecipe) -> None:
    """Run each measurement and print its figures when it is done."""
    from rag.cli.figures import evaluation_lines
    from rag.cli.progress import EvaluationProgress
    from rag.evaluation.report.report import PAGE

    failed: list[object] = []

    def indexed(report: Any) -> None:
        _show_report(report, failed)

    with EvaluationProgress() as progress:
        for measurement in job.run(progress=progress, on_indexed=indexed, api_key=settings_with().api_key):
            evaluation = measurement.evaluation
            progress.end()
            click.echo(click.style(evaluation.kind, bold=True))
            click.echo("\n".join(evaluation_lines(evaluation)) + "\n")
            click.echo(f"The page is {measurement.folder / PAGE}", err=True)
            failed.extend(range(evaluation.after.get("failed", 0)))
    _exit(failed)


def show_summaries(job: SummaryRecipe) -> None:
    """Summarise the documents; print failures and totals."""
    from rag.cli.summarize import show_outcomes

    show_outcomes(job.run, output=job.output, as_json=False, calls=job.calls, are_written=True)


def _show_report(report: Any, failed: list[object]) -> None:
    from rag.cli.reports import report_lines

    failed.extend(report.failed)
    click.echo("\n".join(report_lines(report)), err=True)


def _exit(failed: list[object]) -> None:
    if failed:
        sys.exit(EXIT_SOME_FAILED)
