"""`rag demo`: the packaged example documents, indexed and asked."""

from __future__ import annotations

import click

from rag.cli.options import Command, debug
from rag.cli.shared import settings_with, show_answer, stream_sentence


@click.command("demo", cls=Command, short_help="Try it on packaged example documents.")
@click.option("--llm", metavar="SPEC", help="local (default) or extractive.")
@debug
def demo_command(llm: str | None) -> None:
    """Index the packaged example documents, ask three questions, and show the cited answers."""
    from rag.answers.ask import ask
    from rag.cli.progress import IndexingProgress
    from rag.cli.reports import report_lines
    from rag.cli.terminal import display_path
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
