"""What the commands have in common: how errors end them, and the options that several share."""

from __future__ import annotations

import sys
import warnings
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.prompts import Prompts
    from rag.protocols import Embedder

EXIT_ERROR, EXIT_SOME_FAILED, EXIT_INTERRUPTED = 1, 3, 130


class Commands(click.Group):
    """Shows errors to a person: one or two lines and an exit code; a traceback only with --debug."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        from rag.errors import RagError

        try:
            with warnings.catch_warnings():
                warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
                return super().invoke(ctx)
        except RagError as error:
            if ctx.obj.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(EXIT_ERROR)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(EXIT_ERROR)
        except OSError as error:  # such as a disk that is full
            if ctx.obj.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(EXIT_ERROR)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted; what was finished is kept.", err=True)
            sys.exit(EXIT_INTERRUPTED)


def _remember_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.find_root().obj["debug"] = value


debug = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_remember_debug, help="Show a traceback when something fails."
)


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def of_an_index(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that uses an index."""
    for option in (
        debug,
        as_json,
        click.option("--index", "index_path", metavar="DIR", help="The index folder (RAG_INDEX; default indexes/default)."),
    ):
        command = option(command)
    return command


waiting = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait while another process writes to the index.",
)


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is taken of a folder; see `rag.documents.loading.find.Selection`."""
    for option in (
        click.option("--follow-links", is_flag=True, help="Go into folders that are links, each folder once."),
        click.option("--hidden", is_flag=True, help="Take files and folders too whose names begin with a dot."),
        click.option("--exclude", multiple=True, metavar="GLOB", help="No files that fit."),
        click.option("--include", multiple=True, metavar="GLOB", help="Only files that fit, whatever their suffix."),
    ):
        command = option(command)
    return command


def splitting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how documents are cut into chunks."""
    for option in (
        click.option(
            "--overlap-tokens", type=click.IntRange(min=0), help="Tokens that a chunk repeats of the one before (default 30)."
        ),
        click.option("--chunk-tokens", type=click.IntRange(min=1), help="Tokens of a chunk, overlap included (default 230)."),
        click.option(
            "--embedder", metavar="SPEC", help="minilm (default), a sentence-transformers model, or http://HOST:PORT/v1#MODEL."
        ),
    ):
        command = option(command)
    return command


def _lines(_: click.Context, __: click.Parameter, path: Path | None) -> tuple[str, ...]:
    """The lines of a file, as passwords, which may begin or end with spaces."""
    if path is None:
        return ()
    try:
        lines = tuple(filter(None, path.read_text(encoding="utf-8-sig").split("\n")))
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as UTF-8 text: {error}.") from error
    if not lines:
        raise click.BadParameter(f"{path} holds no password. Write one a line.")
    return lines


def _number(_: click.Context, __: click.Parameter, value: float) -> float:
    """The value, unless it is "nan", which no range keeps out."""
    if isnan(value):
        raise click.BadParameter("nan is not a number of seconds.")
    return value


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that read documents; see `rag.documents.loading.workers.load_all`."""
    for option in (
        click.option(
            "--memory-a-file",
            type=click.IntRange(128, 2**30),
            default=3072,
            show_default=True,
            metavar="MB",
            help="A file that needs more memory is given up.",
        ),
        click.option(
            "--seconds-a-file",
            type=click.FloatRange(0, 365 * 24 * 60 * 60, min_open=True),
            callback=_number,
            default=300.0,
            show_default=True,
            metavar="SECONDS",
            help="A file that takes longer is given up.",
        ),
        click.option(
            "--password-file",
            "passwords",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            callback=_lines,
            help="Passwords to try on encrypted files, one a line.",
        ),
        click.option("--jobs", type=click.IntRange(min=1), help="Processes that load files (default: one a core)."),
    ):
        command = option(command)
    return command


def _what_it_stands_for(_: click.Context, __: click.Parameter, argument: str | None) -> str | None:
    """The argument, or what stdin holds for `-`."""
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").strip() if argument == "-" else argument


question = click.argument("question", callback=_what_it_stands_for)
question_or_file = click.argument("question", callback=_what_it_stands_for, required=False)


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"'{value}' is not of the form KEY=GLOB, as in source='*.pdf'.")
    pairs = dict(value.split("=", 1) for value in values)
    if len(pairs) < len(values):
        raise click.BadParameter("a KEY can be given once; several globs for one KEY are not supported.")
    return pairs


def retrieval(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that look for passages."""
    for option in (
        click.option(
            "--reranker", metavar="SPEC", help="A cross-encoder, or http://HOST:PORT#MODEL, that orders the passages anew."
        ),
        click.option(
            "--where",
            multiple=True,
            metavar="KEY=GLOB",
            callback=_pairs,
            help="Only passages that fit: source, title, media_type, page, date, or a name in the metadata.",
        ),
        click.option(
            "--mode",
            type=click.Choice(["hybrid", "dense", "keyword"]),
            default="hybrid",
            show_default=True,
            help="By meaning, by words, or both.",
        ),
    ):
        command = option(command)
    return command


def sampling(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose how a model writes."""
    for option in (
        click.option("--seed", type=int, help="Makes a choice with a temperature repeatable."),
        click.option(
            "--repetition-penalty", type=click.FloatRange(min=0, min_open=True), help="Over 1 discourages repetition."
        ),
        click.option("--top-k", type=click.IntRange(min=1), help="Choose among so many of the likeliest tokens."),
        click.option(
            "--top-p",
            type=click.FloatRange(0, 1, min_open=True),
            help="Choose among the likeliest tokens that make up this share.",
        ),
        click.option(
            "--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True, help="0 takes the likeliest words."
        ),
        click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Room for the answer."),
    ):
        command = option(command)
    return command


NEEDS_EXAMPLES = "--nearest-examples chooses from the examples of a file. Name it with --examples FILE."


def prompting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a model is asked."""
    for option in (
        click.option(
            "--nearest-examples",
            type=click.IntRange(min=1),
            metavar="N",
            help="Show only the N examples most like the question.",
        ),
        click.option(
            "--examples",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Examples to show the model: JSON lines with question, sources and answer.",
        ),
        click.option(
            "--prompts",
            "prompts_folder",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Prompts of your own, which take the place of the packaged ones by name.",
        ),
    ):
        command = option(command)
    return command


def prompts_of(
    folder: Path | None, examples: Path | None, nearest: int | None, *, system: str, embedder: Callable[[], Embedder] | None
) -> Prompts:
    """The prompts that the options of `prompting` ask for. Raises UsageError."""
    from rag.errors import UsageError
    from rag.prompts import NearestExamples, Prompts, load_examples

    if nearest and not (examples and embedder):
        raise UsageError(NEEDS_EXAMPLES)
    loaded = load_examples(examples) if examples else ()
    return Prompts(folder, NearestExamples(loaded, embedder(), nearest) if nearest and embedder else loaded, system)
