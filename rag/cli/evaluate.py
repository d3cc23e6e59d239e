"""Commands that measure: retrieval, answers, summaries; and one that drafts questions to measure with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.cli.options import EXIT_SOME_FAILED, as_json, debug, of_an_index, retrieval
from rag.cli.shared import llm_of, opened, reranker_of, settings_with, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.evaluation.results import Evaluation
    from rag.settings import Settings

MODES = ("hybrid", "dense", "keyword")


@click.group("eval")
def eval_group() -> None:
    """Measure retrieval, answers and summaries, on test collections or on questions of your own."""


def measuring(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that measures."""
    for option in (
        debug,
        as_json,
        click.option(
            "--output",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Leave figures, a row a question, and a page of plots there.",
        ),
        click.option("--compare", multiple=True, metavar="WITH", help="Hold this against another configuration, and test it."),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions."),
        click.option(
            "--data",
            required=True,
            type=click.Path(path_type=Path),
            metavar="DIR|FILE",
            help="A test collection, or JSON lines of your own.",
        ),
    ):
        command = option(command)
    return command


run_file = click.option(
    "--run", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write what was found as a TREC run."
)
embedder = click.option("--embedder", metavar="SPEC", help="What embeds a collection (RAG_EMBEDDER; default minilm).")
an_index = click.option("--index", "index_path", metavar="DIR", help="The index folder; a collection has one of its own.")
context = click.option(
    "-k", type=click.IntRange(min=1), default=5, show_default=True, help="Passages that a model would be shown."
)


@eval_group.command("retrieval")
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice(MODES),
    help="By meaning, by words, or both (default hybrid); several are held against each other.",
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Such as ndcg@10, map, mrr@10, recall@100, p@5, success@5."
)
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Judgements from qrels/NAME.tsv.")
@run_file
@click.option("--reranker", metavar="SPEC", help="A cross-encoder, or http://HOST:PORT#MODEL, that orders the passages anew.")
@context
@embedder
@an_index
@measuring
def retrieval_command(
    data: Path,
    index_path: str | None,
    embedder: str | None,
    modes: tuple[str, ...],
    metrics: tuple[str, ...],
    run: Path | None,
    reranker: str | None,
    output: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """How well search finds what should be found.

    DATA is a folder in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/test.tsv), whose corpus is indexed first, or a file of
    questions with their sources, about an index. --compare takes a mode or a TREC run.
    """
    from rag.evaluation.measures.metrics import USUAL
    from rag.evaluation.retrieval import evaluate_retrieval

    _prepare(output, run)
    settings = settings_with(embedder=embedder, reranker=reranker)
    with EvaluationProgress() as progress:
        evaluation = evaluate_retrieval(
            data,
            index=_index_of(data, index_path, settings),
            embedder=settings.embedder,
            modes=modes or ("hybrid",),
            metrics=metrics or USUAL,
            reranker=reranker_of(settings),
            api_key=settings.api_key,
            progress=progress,
            **chosen,
        )
    _tell(evaluation, output, as_json, run=run)


@eval_group.command("answers")
@click.option("--llm", metavar="SPEC", help="local (default), local:PATH.gguf, vllm:MODEL, http://HOST:PORT/v1 or extractive.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Room for an answer.")
@click.option("--strict", is_flag=True, help="Leave out what the documents do not support.")
@click.option("--fresh", is_flag=True, help="Ask again what is answered from before.")
@run_file
@retrieval
@context
@embedder
@an_index
@measuring
def answers_command(
    data: Path,
    index_path: str | None,
    embedder: str | None,
    llm: str | None,
    max_tokens: int,
    run: Path | None,
    reranker: str | None,
    output: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """How right answers are, how well they are cited, and whether what has no answer is refused.

    DATA is a folder with corpus.jsonl and qa.jsonl, or a file of questions with their answers, about an index. Stopped, it goes on
    where it was. --compare takes the folder that another evaluation left with --output.
    """
    from rag.evaluation.answers import evaluate_answers
    from rag.sampling import Sampling

    _prepare(output, run)
    settings = settings_with(embedder=embedder, reranker=reranker, llm=llm)
    with EvaluationProgress() as progress:
        evaluation = evaluate_answers(
            data,
            llm=llm_of(settings),
            index=_index_of(data, index_path, settings),
            embedder=settings.embedder,
            sampling=Sampling(max_tokens=max_tokens),
            reranker=reranker_of(settings),
            output=output / "answers.jsonl" if output else None,
            api_key=settings.api_key,
            progress=progress,
            **chosen,
        )
    _tell(evaluation, output, as_json, run=run)


@eval_group.command("summaries")
@click.option("--llm", metavar="SPEC", help="local (default), local:PATH.gguf, vllm:MODEL or http://HOST:PORT/v1.")
@click.option(
    "--chain",
    type=click.Choice(["auto", "stuff", "map-reduce", "refine"]),
    default="auto",
    show_default=True,
    help="As in summarize.",
)
@click.option("--words", type=click.IntRange(min=1), metavar="N", help="About so many words a summary.")
@click.option("--strict", is_flag=True, help="Leave out what the document does not support.")
@click.option("--piece-tokens", type=click.IntRange(min=1), metavar="N", help="Most tokens of text in a prompt (default 3000).")
@click.option("--calls", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where finished calls are kept.")
@click.option("--fresh", is_flag=True, help="Make all calls again.")
@measuring
def summaries_command(data: Path, llm: str | None, output: Path | None, as_json: bool, **chosen: Any) -> None:
    """How near summaries come to those that people wrote (ROUGE), and how many of their sentences the documents bear out.

    DATA is a file of JSON lines, each with a document and its summaries; SQuALITY and QMSum are read as they are published. Stopped,
    it goes on where it was. --compare takes the folder that another evaluation left with --output.
    """
    from rag.evaluation.summaries import evaluate_summaries

    _prepare(output)
    with EvaluationProgress() as progress:
        evaluation = evaluate_summaries(data, llm=llm_of(settings_with(llm=llm)), progress=progress, **chosen)
    _tell(evaluation, output, as_json)


@eval_group.command("make")
@click.option("--llm", metavar="SPEC", help="local (default), local:PATH.gguf, vllm:MODEL or http://HOST:PORT/v1.")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Questions that the file is to have.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the passages.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="JSON lines; a file that is there is added to.",
)
@of_an_index
def make_command(output: Path, index_path: str | None, llm: str | None, count: int, seed: int, as_json: bool) -> None:
    """Draft questions about an index, each tied to its passage, for you to accept.

    Read the file and write "accepted": true where a question is good; only those are asked by `rag eval retrieval` and `answers`.
    """
    from rag.evaluation.drafts import draft_questions

    settings = settings_with(llm=llm)
    with opened(index_path, settings) as index, EvaluationProgress() as progress:
        made = draft_questions(index=index, llm=llm_of(settings), output=output, count=count, seed=seed, progress=progress)
    before = f", {made.before} were there" if made.before else ""
    useless = f", {made.useless} passages gave none" if made.useless else ""
    lines = [
        f"{made.written} questions drafted{before}{useless}; in {output}.",
        f'Write "accepted": true where one is good; then: rag eval retrieval --data {output} --index {index.path}',
    ]
    show({"output": str(output), **made.to_dict()}, lines, as_json)


def run_evaluation_recipe_at(path: Path) -> None:
    """What `rag run` does with a recipe that measures."""
    from rag.cli.terminal import evaluation_lines, report_lines
    from rag.evaluation.report.report import PAGE
    from rag.recipes.evaluate import read_evaluation_recipe, run_evaluation_recipe

    recipe = read_evaluation_recipe(path)
    failed: list[object] = []

    def indexed(report: Any) -> None:
        failed.extend(report.failed)
        click.echo("\n".join(report_lines(report)), err=True)

    with EvaluationProgress() as progress:
        measured = run_evaluation_recipe(recipe, progress=progress, on_indexed=indexed, api_key=settings_with().api_key)
        for folder, evaluation in measured:
            progress.end()
            click.echo(click.style(evaluation.kind, bold=True))
            click.echo("\n".join(evaluation_lines(evaluation)) + "\n")
            click.echo(f"The page is {folder / PAGE}", err=True)
            failed.extend(range(evaluation.after.get("failed", 0)))
    if failed:
        sys.exit(EXIT_SOME_FAILED)


def _index_of(data: Path, index_path: str | None, settings: Settings) -> str | None:
    """The index that a flag names; for questions without a corpus else the user's, for a collection its own."""
    return index_path or (None if data.is_dir() else settings.index)


def _prepare(output: Path | None, run: Path | None = None) -> None:
    """Refuse, before hours of work, what cannot be written to."""
    from rag.evaluation.report.report import prepare

    for folder in (output, run.parent if run else None):
        if folder:
            prepare(folder)


def _tell(evaluation: Evaluation, output: Path | None, as_json: bool, *, run: Path | None = None) -> None:
    """Figures to stdout, files to a folder. Exits with 3 where something failed that is no matter of quality."""
    from rag.cli.terminal import evaluation_lines
    from rag.evaluation.data.runs import write_run
    from rag.evaluation.report.page import plain
    from rag.evaluation.report.report import PAGE, write_report

    if run:
        name, ranking = next(iter(evaluation.runs.items()))
        write_run(run, ranking, name=name)
    if output:
        write_report(output, evaluation)
    show(evaluation.to_dict(), evaluation_lines(evaluation), as_json)
    if output:
        click.echo(f"The page is {output / PAGE}", err=True)
    if failed := evaluation.after.get("failed"):
        error = next(str(row["error"]) for row in evaluation.questions if row.get("error"))
        click.echo(f"{failed} failed and are not in the figures: {plain(error)}", err=True)
        click.echo("Run it again to try them once more; the rest is kept.", err=True)
        sys.exit(EXIT_SOME_FAILED)


class EvaluationProgress:
    """A bar for each stretch of work on stderr; silent where stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> EvaluationProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def expect(self, unit: str, count: int) -> None:
        """Start a bar in the place of the last one."""
        self.end()
        self._bar = click.progressbar(length=count, label=unit, file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True)
        self._bar.__enter__()

    def advance(self, unit: str, count: int = 1) -> None:
        """Move the bar."""
        if self._bar:
            self._bar.update(count)

    def end(self) -> None:
        """Take the bar away; what is printed next stands where it was."""
        if self._bar:
            self._bar.__exit__(None, None, None)
            self._bar = None
