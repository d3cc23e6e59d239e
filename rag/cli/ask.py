"""`rag ask`: one question, a file of questions, or one question of one document."""

from __future__ import annotations

import json
import sys
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.answers.options import AskOptions
from rag.cli.ahead import embedding_ahead
from rag.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    NEEDS_EXAMPLES,
    SAMPLING,
    Command,
    as_json,
    debug,
    flag,
    flags_of,
    index_to_search,
    llm_or_extractive,
    prompting,
    prompts_of,
    question_or_file,
    retrieval,
    sampling,
    under,
)
from rag.cli.shared import (
    llm_of,
    reranker_of,
    searched,
    settings_with,
    show,
    show_answer,
    stream_sentence,
    tell_if_empty,
    tell_llm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.answers.ask_many import FailedAnswer
    from rag.protocols import Generator, Searchable
    from rag.settings import Settings
    from rag.types import Answer, Document

    Answers = Sequence[Answer | FailedAnswer]


def _only_one(context: click.Context, parameter: click.Parameter, paths: tuple[Path, ...]) -> Path | None:
    if len(paths) > 1:
        raise click.BadParameter(
            "one document is asked at a time. To ask several at once, index them (rag index).", context, parameter
        )
    return paths[0] if paths else None


@click.command("ask", cls=Command, short_help="Answer questions, each sentence with its sources.")
@question_or_file
@under(
    "Many questions",
    flag("--questions", metavar="FILE", help="Answer every question of a file: JSON lines, or one question a line."),
    flag(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the answers there as JSON lines. A stopped run continues.",
    ),
    flag(
        "--fresh",
        is_flag=True,
        help="Ask the model again, even where a finished answer is kept (with --questions or --document).",
    ),
)
@under(
    "One document",
    flag(
        "--document",
        type=click.Path(path_type=Path),
        multiple=True,
        callback=_only_one,
        metavar="FILE",
        help="Answer from this file, of any length, without an index; - is stdin.",
    ),
)
@under("Model", llm_or_extractive)
@sampling
@prompting
@under("Checking", *flags_of(AskOptions, "verifier", "strict"))
@under("Search", *flags_of(AskOptions, "k"))
@retrieval
@under("Search", index_to_search)
@under("Output", flag("--no-stream", is_flag=True, help="Print the answer when it is complete."), as_json)
@debug
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
    """Answer a question, each sentence with its sources. The question - is read from stdin."""
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
    interrupted: AbstractContextManager[None] = nullcontext() if output else _kept_nothing()
    with interrupted, searched(index_path, settings) as index:
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
    """Says after Ctrl-C that nothing is kept."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nInterrupted; nothing is kept.", err=True)
        sys.exit(EXIT_INTERRUPTED)


@contextmanager
def _kept_calls(calls: Path | None, output: Path | None) -> Iterator[None]:
    """Says after Ctrl-C that finished calls are kept, if the batch writes no file of answers."""
    try:
        yield
    except KeyboardInterrupt:
        if calls is None or output is not None:
            raise
        click.echo("\nInterrupted; finished calls of the model are kept.", err=True)
        sys.exit(EXIT_INTERRUPTED)


OF_AN_INDEX = {
    "questions": "--questions",
    "output": "--output",
    "index_path": "--index",
    "k": "-k",
    "mode": "--mode",
    "where": "--where",
    "reranker": "--reranker",
    "examples": "--examples",
    "nearest_examples": "--nearest-examples",
}
"""The options that --document refuses: they choose passages, questions or examples, and a document is read whole."""


def answer_from_document(ctx: click.Context, *, settings: Settings) -> None:
    """Answer from the file that `--document` names. Raises click.UsageError for options that cannot apply."""
    from rag.answers.one_document import ask_document
    from rag.sampling import Sampling
    from rag.specs import open_verifier, using_llm

    parameters, llm = ctx.params, llm_of(settings)
    _refuse_others(ctx, llm)
    options: dict[str, Any] = {
        "strict": parameters["strict"],
        "fresh": parameters["fresh"],
        "sampling": Sampling(**{name: parameters[name] for name in SAMPLING}),
    }
    if parameters["prompts_folder"]:
        options["prompts"] = prompts_of(parameters["prompts_folder"], None, None, system="", embedder=None)
    if parameters["verifier"] is not None:
        options["verifier"] = open_verifier(parameters["verifier"], api_key=settings.api_key)
    with using_llm(llm) as generator:
        tell_llm(generator)
        answer = ask_document(parameters["question"], _source(parameters["document"]), llm=generator, **options)
    if parameters["as_json"]:
        show(answer.to_dict(), [], True)
    else:
        show_answer(answer, streamed=False)


def _refuse_others(ctx: click.Context, llm: str) -> None:
    """Raise click.UsageError for an option that cannot apply, so that none is ignored silently."""
    refused = [option for name, option in OF_AN_INDEX.items() if _is_given(ctx, name)]
    if refused:
        raise click.UsageError(
            f"--document reads one whole document for one question: {', '.join(refused)} cannot apply. "
            "Leave it out, or index the document and ask the index."
        )
    if _is_given(ctx, "max_tokens") and llm != "extractive":
        raise click.UsageError(
            "--document gives each part the tokens that it needs, so --max-tokens cannot apply. Leave it out."
        )
    if ctx.params["question"] is None:
        raise click.UsageError('--document answers one question: rag ask "…" --document FILE.')


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _source(path: Path) -> Path | Document:
    """The path, or the document on stdin."""
    from rag.documents import load_bytes

    return load_bytes(sys.stdin.buffer.read(), source="-", name_hint="stdin") if path == Path("-") else path


def answer_questions(
    path: str, *, index: Searchable, llm: Generator, output: Path | None, fresh: bool, options: dict[str, Any]
) -> None:
    """Answer the questions of a file. JSON lines go to `output` as they come, or to stdout at the end.

    Exits with 3 if some questions failed.
    """
    from rag.answers.ask_many import ask_many
    from rag.answers.question_file import read_questions
    from rag.models.kept import usual_calls
    from rag.text.counts import counted
    from rag.text.surrogates import escaped

    questions, ids = read_questions(path)
    calls = usual_calls(llm, options["sampling"])
    started = time.perf_counter()
    with (
        _kept_calls(calls, output),
        click.progressbar(
            length=len(questions), label="answered", file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True
        ) as bar,
    ):
        asked: list[Answer | FailedAnswer] = []

        def note(answer: Answer | FailedAnswer) -> None:
            asked.append(answer)
            bar.update(1)

        answers = ask_many(
            questions,
            index=index,
            llm=llm,
            output=output,
            ids=ids,
            fresh=fresh,
            calls=calls,
            on_answer=note,
            **options,
        )
        bar.update(len(answers) - len(asked))
    if output is None:
        for id_, answer in zip(ids, answers, strict=True):
            line = json.dumps({"id": id_, **answer.to_dict()}, ensure_ascii=False)
            click.echo(escaped(line))
    failed = [answer for answer in answers if not hasattr(answer, "answerable")]
    for failure in failed:
        click.echo(f"failed: {failure.question}: {failure.to_dict()['error']}", err=True)
    click.echo(_summary(answers, asked, output, time.perf_counter() - started), err=True)
    if output and (others := _lines(output) - len(answers)):
        click.echo(f"{output} also keeps {counted(others, 'answer')} to other questions.", err=True)
    if failed:
        sys.exit(EXIT_SOME_FAILED)


def _lines(path: Path) -> int:
    with path.expanduser().open("rb") as file:
        return sum(1 for _ in file)


def _summary(answers: Answers, asked: Answers, output: Path | None, seconds: float) -> str:
    from rag.types import Answer

    finished = [answer for answer in answers if isinstance(answer, Answer)]
    found = sum(answer.answerable for answer in finished)
    usages = [answer.usage for answer in asked if isinstance(answer, Answer)]
    read = sum(usage.prompt_tokens for usage in usages)
    cached = sum(usage.cached_tokens for usage in usages)
    written = sum(usage.completion_tokens for usage in usages)
    missing, failed = len(finished) - found, len(answers) - len(finished)
    parts = [f"{found} answered, {missing} not found, {failed} failed in {seconds:.1f} s"]
    if len(asked) < len(answers):
        parts.append(f"{len(answers) - len(asked)} of them from before")
    if read:
        parts.append(f"{read:,} tokens read ({cached / read:.0%} of them cached), {written:,} written")
    if output:
        parts.append(f"in {output}")
    return "; ".join(parts) + "."
