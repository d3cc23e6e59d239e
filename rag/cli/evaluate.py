"""`rag eval`: measure retrieval, answers and summaries, and draft questions to measure with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.answers.options import AskOptions
from rag.cli.options import (
    EXIT_SOME_FAILED,
    CommandGroup,
    as_json,
    debug,
    flag,
    flags_of,
    llm,
    llm_or_extractive,
    of_an_index,
    retrieval,
    under,
)
from rag.cli.progress import EvaluationProgress
from rag.cli.shared import llm_of, opened, reranker_of, settings_with, show
from rag.retrieval.options import MODES, SearchOptions
from rag.sampling import Sampling
from rag.summaries.options import SummaryOptions
from rag.text.counts import counted

if TYPE_CHECKING:
    from rag.evaluation.results import Evaluation
    from rag.settings import Settings


@click.group("eval", cls=CommandGroup, short_help="Measure search, answers and summaries.")
def eval_group() -> None:
    """Measure search, answers and summaries, on test collections or on your own questions."""


data = flag(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="A test collection, or a file of JSON lines.",
)
limit = flag("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions.")
compare = flag("--compare", multiple=True, metavar="WITH", help="Compare with another configuration, and test the difference.")
report = flag(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write figures, a row for each question, and a page of plots.",
)
run_file = flag(
    "--run", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write what was found as a TREC run."
)
embedder = flag("--embedder", metavar="SPEC", help="The embedder of a collection (RAG_EMBEDDER; default minilm).")
an_index = flag("--index", "index_path", metavar="DIR", help="The index folder. A collection has its own index.")
fresh = flag("--fresh", is_flag=True, help="Ask the model again, even where finished answers are kept.")


@eval_group.command("retrieval", short_help="How well search finds what it should.")
@under(
    "Data",
    data,
    limit,
    flag("--split", default="test", show_default=True, metavar="NAME", help="Judgements from qrels/NAME.tsv."),
)
@under(
    "Search",
    flag(
        "--mode",
        "modes",
        multiple=True,
        type=click.Choice(MODES),
        help="Search by meaning, by words, or both (default hybrid). Several modes are compared.",
    ),
    *flags_of(SearchOptions, "reranker"),
    *flags_of(AskOptions, "k", help="Passages that a model would see. A first hit further down counts as lost."),
    embedder,
    an_index,
)
@under(
    "Measures",
    flag(
        "--metric", "metrics", multiple=True, metavar="NAME", help="Such as ndcg@10, map, mrr@10, recall@100, p@5, success@5."
    ),
    compare,
)
@under("Output", report, run_file, as_json)
@debug
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
    """Measure how well search finds what it should.

    DATA is a folder in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/test.tsv), which is indexed first, or a file of
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


@eval_group.command("answers", short_help="How right and how well cited answers are.")
@under("Data", data, limit)
@under("Model", llm_or_extractive, *flags_of(Sampling, "max_tokens"))
@under("Checking", *flags_of(AskOptions, "strict"))
@under("Search", *flags_of(AskOptions, "k"))
@retrieval
@under("Search", embedder, an_index)
@under("Measures", compare, fresh)
@under("Output", report, run_file, as_json)
@debug
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
    """Measure how right answers are, how well they are cited, and whether questions without an answer are refused.

    DATA is a folder with corpus.jsonl and qa.jsonl, or a file of questions with their answers, about an index. A stopped
    evaluation continues. --compare takes the --output folder of another evaluation.
    """
    from rag.evaluation.answers import evaluate_answers

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


@eval_group.command("summaries", short_help="How close summaries come to those of people.")
@under("Data", data, limit)
@under("Summary", *flags_of(SummaryOptions, "words", "chain", "strict"))
@under("Model", llm, *flags_of(SummaryOptions, "piece_tokens"))
@under("Finished calls", *flags_of(SummaryOptions, "calls", "fresh"))
@under("Measures", compare)
@under("Output", report, as_json)
@debug
def summaries_command(data: Path, llm: str | None, output: Path | None, as_json: bool, **chosen: Any) -> None:
    """Measure how close summaries come to those of people (ROUGE), and how many sentences the documents support.

    DATA is a file of JSON lines, each with a document and its summaries. SQuALITY and QMSum are read as published. A
    stopped evaluation continues. --compare takes the --output folder of another evaluation.
    """
    from rag.evaluation.summaries import evaluate_summaries

    _prepare(output)
    with EvaluationProgress() as progress:
        evaluation = evaluate_summaries(data, llm=llm_of(settings_with(llm=llm)), progress=progress, **chosen)
    _tell(evaluation, output, as_json)


@eval_group.command("make", short_help="Draft questions for you to accept.")
@under("Model", llm)
@under(
    "Questions",
    flag("--count", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Questions in the file."),
    flag("--seed", type=int, default=0, show_default=True, help="Random seed that draws the passages."),
    flag(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        metavar="FILE",
        help="JSON lines. Questions are added to an existing file.",
    ),
)
@of_an_index
def make_command(output: Path, index_path: str | None, llm: str | None, count: int, seed: int, as_json: bool) -> None:
    """Draft questions about an index, each with its passage, for you to accept.

    Read the file and write "accepted": true where a question is good. `rag eval retrieval` and `answers` ask only those.
    """
    from rag.evaluation.drafts import draft_questions

    settings = settings_with(llm=llm)
    with opened(index_path, settings) as index, EvaluationProgress() as progress:
        made = draft_questions(index=index, llm=llm_of(settings), output=output, count=count, seed=seed, progress=progress)
    before = f", {made.before} there before" if made.before else ""
    useless = f", none from {counted(made.useless, 'passage')}" if made.useless else ""
    lines = [
        f"{counted(made.written, 'question')} drafted{before}{useless}; in {output}.",
        f'Write "accepted": true where a question is good; then: rag eval retrieval --data {output} --index {index.path}',
    ]
    show({"output": str(output), **made.to_dict()}, lines, as_json)


@eval_group.command("calibrate", short_help="Fit evidence to the embedder of an index.")
@under(
    "Sentences",
    flag("--count", type=click.IntRange(min=20), default=200, show_default=True, metavar="N", help="Sentences to measure."),
    flag("--seed", type=int, default=0, show_default=True, help="Random seed that draws them."),
)
@of_an_index
def calibrate_command(index_path: str | None, count: int, seed: int, as_json: bool) -> None:
    """Fit the evidence of answers to the embedder of an index, with sentences of its own.

    minilm needs none: its constants are packaged. With another embedder, evidence goes by words alone until this has been run. It
    writes calibration.json into the index folder, where `rag ask` finds it.
    """
    from rag.evaluation.calibrate import calibrate

    with opened(index_path, settings_with()) as index, EvaluationProgress() as progress:
        made = calibrate(index=index, count=count, seed=seed, progress=progress)
    sample = made.sample
    lines = [
        f"{made.embedder}: cosine of a sentence to its own passage {sample.own:.2f}, to others {sample.unrelated:.2f} "
        f"({sample.sentences} sentences).",
        f"Evidence now counts its cosines; in {made.path}.",
    ]
    show(made.to_dict(), lines, as_json)


def _index_of(data: Path, index_path: str | None, settings: Settings) -> str | None:
    """The index of --index. Else None for a collection, which has its own, and the user's index for a file of questions."""
    return index_path or (None if data.is_dir() else settings.index)


def _prepare(output: Path | None, run: Path | None = None) -> None:
    """Refuse folders that cannot be written to, before hours of work."""
    from rag.evaluation.report.report import prepare

    for folder in (output, run.parent if run else None):
        if folder:
            prepare(folder)


def _tell(evaluation: Evaluation, output: Path | None, as_json: bool, *, run: Path | None = None) -> None:
    """Print the figures and write the files. Exits with 3 if questions failed with an error, rather than a wrong answer."""
    from rag.cli.figures import evaluation_lines
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
        click.echo("Run it again to retry them; finished answers are kept.", err=True)
        sys.exit(EXIT_SOME_FAILED)
