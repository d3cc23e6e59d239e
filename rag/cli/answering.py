"""Commands that find passages and answer questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rag.cli.shared import opened, reranker_of, settings_with, show, show_answer, stream_sentence, tell_if_empty
from rag.options import EXIT_SOME_FAILED, debug, of_an_index, question, retrieval, sampling

if TYPE_CHECKING:
    from rag.pipelines.retrieve import Mode


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

    from rag.pipelines.retrieve import search
    from rag.terminal import hit_lines

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


@click.command("ask")
@question
@click.option("--llm", metavar="SPEC", help="local (default), local:PATH.gguf or extractive.")
@click.option(
    "-k",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Passages to find; the model reads as many as it can take.",
)
@sampling
@click.option("--strict", is_flag=True, help="Leave out what the documents do not support.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is complete.")
@retrieval
@of_an_index
def ask_command(
    question: str,
    index_path: str | None,
    llm: str | None,
    k: int,
    mode: str,
    where: dict[str, str],
    reranker: str | None,
    strict: bool,
    no_stream: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Answer a question, each sentence with its sources. `-` reads the question from stdin."""
    from rag.pipelines.ask import ask
    from rag.specs import using_llm
    from rag.types import Sampling

    settings = settings_with(llm=llm, reranker=reranker)
    with opened(index_path, settings) as index, using_llm(settings.llm) as generator:
        tell_if_empty(index)
        answer = ask(
            question,
            index=index,
            llm=generator,
            k=k,
            mode=cast("Mode", mode),
            where=where,
            reranker=reranker_of(settings),
            sampling=Sampling(**chosen),
            strict=strict,
            on_sentence=None if as_json or no_stream else stream_sentence,
        )
    if as_json:
        show(answer.to_dict(), [], as_json)
    else:
        show_answer(answer, streamed=not no_stream)


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path))
@debug
def run_command(recipe: Path) -> None:
    """Run a whole pipeline from a recipe (TOML); see pipelines/."""
    from rag.pipelines.recipe import answer_line, read_recipe, run_recipe, write_lines
    from rag.terminal import IndexingProgress, report_lines

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
    from rag.pipelines.ask import ask
    from rag.pipelines.demo import DOCUMENTS, demo_questions, open_demo_index
    from rag.pipelines.ingest import sync
    from rag.specs import using_llm
    from rag.terminal import IndexingProgress, display_path, report_lines

    with open_demo_index() as index, using_llm(settings_with(llm=llm).llm) as generator:
        with IndexingProgress(shown=True) as progress:
            report = sync([DOCUMENTS], index=index, progress=progress)
        click.echo("\n".join(report_lines(report)), err=True)
        for question in demo_questions():
            click.echo(f"\n{click.style('Question: ' + question, bold=True)}")
            show_answer(ask(question, index=index, llm=generator, strict=True, on_sentence=stream_sentence), streamed=True)
    click.echo(f'\nAsk your own: rag ask "…" --index {display_path(index.path)}', err=True)
