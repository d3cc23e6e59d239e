"""The command line: parse, call, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

import rag
from rag.options import (
    EXIT_ERROR,
    EXIT_SOME_FAILED,
    Commands,
    choosing,
    debug,
    of_an_index,
    retrieval,
    sampling,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.indexes.index import Index
    from rag.pipelines.retrieve import Mode
    from rag.protocols import Reranker
    from rag.settings import Settings
    from rag.types import Answer, Citation, Sentence


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(rag.__version__, "-V", "--version", prog_name="rag")
@click.pass_context
def main(ctx: click.Context) -> None:
    """True answers out of a pile of documents: every sentence carries the page and the words it rests on."""
    ctx.obj = {}


@main.command("index")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@click.option(
    "--embedder", metavar="SPEC", help="minilm (default), a sentence-transformers model, or http://HOST:PORT/v1#MODEL."
)
@click.option("--chunk-tokens", type=click.IntRange(min=1), help="Tokens of a chunk, overlap included (default 230).")
@click.option(
    "--overlap-tokens", type=click.IntRange(min=0), help="Tokens that a chunk repeats of the one before (default 30)."
)
@choosing
@click.option("--jobs", type=click.IntRange(min=1), help="Processes that load files (default: one a core).")
@click.option("--retry-failed", is_flag=True, help="Try files again that failed before and have not changed.")
@click.option("--dry-run", is_flag=True, help="Print what would be done.")
@waiting
@of_an_index
def index_command(
    sources: tuple[str, ...],
    index_path: str | None,
    embedder: str | None,
    chunk_tokens: int | None,
    overlap_tokens: int | None,
    jobs: int | None,
    retry_failed: bool,
    dry_run: bool,
    wait: float,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make the index mirror files and folders: add, update, rename, remove."""
    from rag.pipelines.find import Selection
    from rag.pipelines.ingest import ChunkSizes, plan_for, sync
    from rag.terminal import IndexingProgress, plan_lines, report_lines

    settings = _settings(embedder=embedder)
    if dry_run:
        with _index_to_look_at(index_path, settings) as index:
            plan, _ = plan_for(sources, index=index, selection=Selection(**chosen), retry_failed=retry_failed)
        _print(plan.to_dict(), plan_lines(plan), as_json)
        return
    with _open_index(index_path, settings, create=True) as index, IndexingProgress(shown=not as_json) as progress:
        report = sync(
            sources,
            index=index,
            jobs=jobs,
            retry_failed=retry_failed,
            wait=wait,
            sizes=ChunkSizes(chunk_tokens, overlap_tokens),
            progress=progress,
            **chosen,
        )
    _print(report.to_dict(), report_lines(report), as_json)
    if report.failed:
        sys.exit(EXIT_SOME_FAILED)


@main.command("search")
@click.argument("question")
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
    settings = _settings(reranker=reranker)
    question = _text(question)
    with _open_index(index_path, settings) as index:
        _tell_if_empty(index)
        hits = search(question, index=index, k=k, mode=cast("Mode", mode), where=where, reranker=_reranker(settings))
    found = {
        "question": question,
        "mode": mode,
        "hits": [hit.to_dict() for hit in hits],
        "seconds": round(time.perf_counter() - started, 4),
    }
    _print(found, hit_lines(hits) or ["Nothing found."], as_json)


@main.command("ask")
@click.argument("question")
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

    settings = _settings(llm=llm, reranker=reranker)
    question = _text(question)
    with _open_index(index_path, settings) as index, using_llm(settings.llm) as generator:
        _tell_if_empty(index)
        answer = ask(
            question,
            index=index,
            llm=generator,
            k=k,
            mode=cast("Mode", mode),
            where=where,
            reranker=_reranker(settings),
            sampling=Sampling(**chosen),
            strict=strict,
            on_sentence=None if as_json or no_stream else _stream_sentence,
        )
    if as_json:
        _print(answer.to_dict(), [], as_json)
    else:
        _print_answer(answer, streamed=not no_stream)


@main.command("documents")
@of_an_index
def documents_command(index_path: str | None, as_json: bool) -> None:
    """List the documents of an index."""
    from rag.terminal import relative, table_lines

    with _open_index(index_path, _settings()) as index:
        rows = index.catalog.documents()
    table = [(relative(row.source), row.title, row.pages, row.characters, row.chunks, row.indexed_at) for row in rows]
    lines = table_lines(table, ("source", "title", "pages", "characters", "chunks", "indexed"))
    _print({"documents": [row.to_dict() for row in rows]}, lines if rows else ["The index is empty."], as_json)


@main.command("remove")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@waiting
@of_an_index
def remove_command(sources: tuple[str, ...], index_path: str | None, wait: float, as_json: bool) -> None:
    """Take documents out of an index: files, folders, or globs over whole paths. The files themselves stay."""
    from rag.pipelines.remove import remove
    from rag.terminal import removal_lines

    with _open_index(index_path, _settings()) as index:
        report = remove(sources, index=index, wait=wait)
    _print(report.to_dict(), removal_lines(report), as_json)


@main.command("status")
@of_an_index
def status_command(index_path: str | None, as_json: bool) -> None:
    """Show what an index holds, its embedder, its sizes, and the files that could not be read."""
    from rag.pipelines.status import index_status
    from rag.terminal import status_lines

    with _open_index(index_path, _settings()) as index:
        status = index_status(index)
    _print(status, status_lines(status), as_json)


@main.command("verify")
@click.option("--repair", is_flag=True, help="Make what is derived from the catalog anew where it is not sound.")
@waiting
@of_an_index
def verify_command(index_path: str | None, repair: bool, wait: float, as_json: bool) -> None:
    """Check an index: every file, every document, and whether all parts agree. Exit code 1 if something is wrong."""
    from rag.errors import IndexFormatError
    from rag.pipelines.status import check_index, unsound
    from rag.terminal import check_lines

    settings = _settings()
    try:
        with _open_index(index_path, settings) as index:
            checked = check_index(index, repair=repair, wait=wait)
    except IndexFormatError as error:
        checked = unsound(index_path or settings.index, error)
    _print(checked, check_lines(checked), as_json)
    if not checked["sound"]:
        sys.exit(EXIT_ERROR)


@main.command("compact")
@waiting
@of_an_index
def compact_command(index_path: str | None, wait: float, as_json: bool) -> None:
    """Give the room that removed documents have left back to the disk."""
    import time

    from rag.pipelines.status import bytes_on_disk
    from rag.terminal import megabytes

    started = time.perf_counter()
    with _open_index(index_path, _settings()) as index:
        before = bytes_on_disk(index.path)["total"]
        index.compact(patience=wait)
    now = bytes_on_disk(index.path)["total"]  # without the log that SQLite keeps beside an open catalog
    seconds = round(time.perf_counter() - started, 4)
    done = {"index": str(index.path), "bytes_before": before, "bytes": now, "seconds": seconds}
    _print(done, [f"{megabytes(before)} before, {megabytes(now)} now"], as_json)


@main.command("run")
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
            for answer in run_recipe(steps, progress=progress, on_indexed=indexed, api_key=_settings().api_key)
        )
        if steps.output:
            write_lines(steps.output, answers)
            click.echo(f"Answers are in {steps.output}", err=True)
        else:
            for line in answers:
                click.echo(line)
    if failed:
        sys.exit(EXIT_SOME_FAILED)


@main.command("demo")
@click.option("--llm", metavar="SPEC", help="local (default) or extractive.")
@debug
def demo_command(llm: str | None) -> None:
    """Index the packaged example documents, ask three questions, show the cited answers."""
    from rag.pipelines.ask import ask
    from rag.pipelines.demo import DOCUMENTS, demo_index_path, demo_questions
    from rag.pipelines.ingest import sync
    from rag.specs import open_index, using_llm
    from rag.terminal import IndexingProgress, display_path, report_lines

    path = demo_index_path()
    with open_index(path, create=True) as index, using_llm(_settings(llm=llm).llm) as generator:
        with IndexingProgress(shown=True) as progress:
            report = sync([DOCUMENTS], index=index, progress=progress)
        click.echo("\n".join(report_lines(report)), err=True)
        for question in demo_questions():
            click.echo(f"\n{click.style('Question: ' + question, bold=True)}")
            _print_answer(ask(question, index=index, llm=generator, strict=True, on_sentence=_stream_sentence), streamed=True)
    click.echo(f'\nAsk your own: rag ask "…" --index {display_path(path)}', err=True)


def _settings(**flags: str | None) -> Settings:
    """Flags over environment over rag.toml over defaults."""
    from dataclasses import replace

    from rag.settings import load_settings

    return replace(load_settings(), **{name: value for name, value in flags.items() if value is not None})


def _open_index(path: str | None, settings: Settings, *, create: bool = False) -> Index:
    from rag.errors import UsageError
    from rag.specs import open_index

    chosen = settings.index if path is None else path
    if not chosen:
        raise UsageError("--index is an empty string. Name a folder.")
    return open_index(chosen, create=create, embedder=settings.embedder, api_key=settings.api_key)


def _tell_if_empty(index: Index) -> None:
    if not len(index):
        click.echo(f"The index {index.path} holds no documents yet; `rag index` fills it, or is about to.", err=True)


@contextmanager
def _index_to_look_at(path: str | None, settings: Settings) -> Iterator[Index]:
    """The index; where there is none yet, an empty one that goes away."""
    from tempfile import TemporaryDirectory

    from rag.errors import NoIndexError

    try:
        index = _open_index(path, settings)
    except NoIndexError:
        with TemporaryDirectory() as folder, _open_index(str(Path(folder) / "index"), settings, create=True) as empty:
            yield empty
        return
    with index:
        yield index


def _reranker(settings: Settings) -> Reranker | None:
    from rag.specs import open_reranker

    return open_reranker(settings.reranker, api_key=settings.api_key) if settings.reranker else None


def _text(argument: str) -> str:
    """The argument, or what stdin holds for `-`."""
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").strip() if argument == "-" else argument


def _print(value: dict[str, Any], lines: Sequence[str], as_json: bool) -> None:
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else "\n".join(lines))


def _stream_sentence(sentence: Sentence, _: Sequence[Citation]) -> None:
    from rag.terminal import sentence_text

    click.echo(sentence_text(sentence) + " ", nl=False)
    sys.stdout.flush()


def _print_answer(answer: Answer, *, streamed: bool) -> None:
    from rag.terminal import answer_footnote, answer_lines

    if streamed and answer.answerable:
        click.echo()
    click.echo("\n".join(answer_lines(answer, with_text=not streamed)))
    click.echo(click.style(f"\n{answer_footnote(answer)}", dim=True), err=True)
