"""Commands that find passages and answer questions."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rag.cli.ahead import embedding_ahead
from rag.cli.batches import answer_questions
from rag.cli.one_document import answer_from_document
from rag.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    debug,
    of_an_index,
    question,
    question_or_file,
    retrieval,
    sampling,
)
from rag.cli.prompting import NEEDS_EXAMPLES, prompting, prompts_of
from rag.cli.shared import (
    llm_of,
    opened,
    reranker_of,
    settings_with,
    show,
    show_answer,
    stream_sentence,
    tell_if_empty,
    tell_llm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.retrieval.retrieve import Mode


@click.command("search")
@question
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="Passages to show.")
@retrieval
@of_an_index
def search_command(
    question: str, index_path: str | None, k: int, mode: str, where: dict[str, str], reranker: str | None, as_json: bool
) -> None:
    """Find passages. `-` reads the question from stdin."""
    import gc
    import time

    from rag.cli.terminal import hit_lines
    from rag.retrieval.retrieve import search

    gc.disable()  # collecting would take a twentieth of this command's short life, most of which is imports
    started = time.perf_counter()
    settings = settings_with(reranker=reranker)
    with opened(index_path, settings) as index:
        tell_if_empty(index)
        hits = search(question, index=index, k=k, mode=cast("Mode", mode), where=where, reranker=reranker_of(settings))
    found = {
        "question": question,
        "mode": mode,
        "hits": [hit.to_dict() for hit in hits],
        "seconds": round(time.perf_counter() - started, 4),
    }
    show(found, hit_lines(hits) or ["Nothing found."], as_json)


def _only_one(context: click.Context, parameter: click.Parameter, given: tuple[Path, ...]) -> Path | None:
    if len(given) > 1:
        raise click.BadParameter(
            "one document is asked at a time. To ask several at once, index them (rag index).", context, parameter
        )
    return given[0] if given else None


@click.command("ask")
@question_or_file
@click.option("--questions", metavar="FILE", help="Answer all questions of a file, one a line: JSON lines or plain text.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --questions: JSON lines; a stopped run goes on there.",
)
@click.option(
    "--document",
    type=click.Path(path_type=Path),
    multiple=True,
    callback=_only_one,
    metavar="FILE",
    help="Answer from this one document, however long, without an index; `-` is stdin.",
)
@click.option("--fresh", is_flag=True, help="With --output or --document: ask again what is known.")
@click.option(
    "--llm", metavar="SPEC", help="local (default), local:PATH.gguf, vllm:MODEL, http://HOST:PORT/v1[#MODEL] or extractive."
)
@click.option(
    "-k",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Passages to find; the model reads as many as it can take.",
)
@prompting
@sampling
@click.option(
    "--verifier", metavar="SPEC", help="What checks sentences: lexical (default), nli:MODEL or llm:http://HOST:PORT/v1."
)
@click.option("--strict", is_flag=True, help="Leave out what the documents do not support.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is complete.")
@retrieval
@of_an_index
def ask_command(
    question: str | None,
    questions: str | None,
    output: Path | None,
    document: Path | None,
    fresh: bool,
    index_path: str | None,
    llm: str | None,
    k: int,
    prompts_folder: Path | None,
    examples: Path | None,
    nearest_examples: int | None,
    mode: str,
    where: dict[str, str],
    reranker: str | None,
    verifier: str | None,
    strict: bool,
    no_stream: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Answer a question, each sentence with its sources. `-` reads the question from stdin."""
    import gc

    from rag.sampling import Sampling

    settings = settings_with(llm=llm, reranker=reranker)
    if document is not None:
        answer_from_document(click.get_current_context(), settings=settings)
        return
    if (question is None) == (questions is None):
        raise click.UsageError('Give a question, or a file of them: rag ask "…", or rag ask --questions FILE.')
    if questions is None and (output is not None or fresh):
        raise click.UsageError("--output and --fresh go with --questions FILE.")
    options: dict[str, Any] = {"k": k, "mode": mode, "where": where, "strict": strict, "sampling": Sampling(**chosen)}
    if nearest_examples and examples is None:
        raise click.UsageError(NEEDS_EXAMPLES)
    if questions is None:
        gc.disable()  # one question leaves little to collect, and most of its time goes into imports
    interrupted: AbstractContextManager[None] = nullcontext() if output else _kept_nothing()
    with interrupted, opened(index_path, settings) as index:
        from rag.specs import open_verifier, using_llm

        ahead = embedding_ahead(question, index) if question and mode != "keyword" else nullcontext()
        with ahead, using_llm(llm_of(settings)) as generator:
            from rag.answers.ask import ask

            tell_if_empty(index)
            tell_llm(generator)
            if generator.name == "extractive" and (prompts_folder or examples):
                raise click.UsageError(
                    "extractive asks no model: --prompts and --examples cannot apply. Name a model with --llm."
                )
            options["reranker"] = reranker_of(settings)
            options["prompts"] = prompts_of(
                prompts_folder, examples, nearest_examples, system="", embedder=lambda: index.embedder
            )
            if verifier not in (None, "lexical"):
                options["verifier"] = open_verifier(str(verifier), api_key=settings.api_key)
            if question is None:
                answer_questions(str(questions), index=index, llm=generator, output=output, fresh=fresh, options=options)
                return
            shown = None if as_json or no_stream else stream_sentence
            answer = ask(question, index=index, llm=generator, on_sentence=shown, **options)
    if as_json:
        show(answer.to_dict(), [], as_json)
    else:
        show_answer(answer, streamed=not no_stream)


@contextmanager
def _kept_nothing() -> Iterator[None]:
    """Says so where the work is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nInterrupted; nothing is kept.", err=True)
        sys.exit(EXIT_INTERRUPTED)


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


@click.command("demo")
@click.option("--llm", metavar="SPEC", help="local (default) or extractive.")
@debug
def demo_command(llm: str | None) -> None:
    """Index the packaged example documents, ask three questions, show the cited answers."""
    from rag.answers.ask import ask
    from rag.cli.terminal import IndexingProgress, display_path, report_lines
    from rag.demo.demo import DOCUMENTS, demo_questions, open_demo_index
    from rag.ingest.sync import sync
    from rag.specs import using_llm

    with open_demo_index() as index, using_llm(settings_with(llm=llm).llm or "local") as generator:
        with IndexingProgress(shown=True) as progress:
            report = sync([DOCUMENTS], index=index, progress=progress)
        click.echo("\n".join(report_lines(report)), err=True)
        for question in demo_questions():
            click.echo(f"\n{click.style('Question: ' + question, bold=True)}")
            show_answer(ask(question, index=index, llm=generator, strict=True, on_sentence=stream_sentence), streamed=True)
    click.echo(f'\nAsk your own: rag ask "…" --index {display_path(index.path)}', err=True)
