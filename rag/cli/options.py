"""What the commands share: help pages, errors and exit codes, and common options."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.arguments import Option, options_in
from rag.retrieval.options import SearchOptions
from rag.sampling import Sampling

if TYPE_CHECKING:
    from dataclasses import Field

    from rag.prompts import Prompts
    from rag.protocols import Embedder

EXIT_ERROR, EXIT_SOME_FAILED, EXIT_INTERRUPTED = 1, 3, 130


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"'{value}' is not of the form KEY=GLOB, as in source='*.pdf'.")
    pairs = dict(value.split("=", 1) for value in values)
    if len(pairs) < len(values):
        raise click.BadParameter("a KEY can be given once; several globs for one KEY are not supported.")
    return pairs


class Flag(click.Option):
    """An option that help pages show under a heading."""

    heading = ""


class Command(click.Command):
    """A command whose help page groups its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each heading with its options; options without a heading come last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and not isinstance(parameter, click.Argument):
                groups.setdefault(getattr(parameter, "heading", ""), []).append(record)
        others = groups.pop("", [])
        for heading, records in [*groups.items(), ("Other options" if groups else "Options", others)]:
            with formatter.section(heading):
                formatter.write_dl(records)


class CommandGroup(click.Group):
    """A group of commands whose help pages have headings."""

    command_class = Command


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def flag(*names: str, **about: Any) -> Decorator:
    """An option; see `click.option`."""
    return click.option(*names, cls=Flag, **about)


def under(heading: str, *options: Decorator) -> Decorator:
    """Add options, in this order, under a heading of the help page."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
            parameter = command.__click_params__[-1]  # type: ignore[attr-defined]
            parameter.heading = parameter.heading or heading
        return command

    return decorate


def flags_of(options: type, *names: str, **changes: Any) -> list[Decorator]:
    """Command-line options made from fields of a dataclass of options. `changes` replace arguments of `click.option`."""
    known = options_in(options)
    return [_flag_of(*known[name], **changes) for name in names]


METAVARS = {"int": "N", "float": "X"}


def _flag_of(field: Field[Any], about: Option, **changes: Any) -> Decorator:
    named = f"-{field.name}" if len(field.name) == 1 else f"--{field.name.replace('_', '-')}"
    kind = str(field.type).split(" | ", maxsplit=1)[0]
    metavar = about.metavar or METAVARS.get(kind)
    arguments: dict[str, Any] = {"help": about.help, "metavar": metavar}
    if kind == "bool":
        arguments |= {"is_flag": True}
    elif kind in ("Mapping[str, str]", "Sequence[str]"):
        arguments |= {"multiple": True, "callback": _pairs if kind.startswith("Mapping") else None}
    else:
        has_default = field.default is not None and field.default != ""
        arguments |= {"type": _type_of(kind, about), "default": field.default, "show_default": has_default}
    return flag(named, field.name, **{**arguments, **changes})


def _type_of(kind: str, about: Option) -> Any:
    if about.choices:
        return click.Choice(about.choices)
    if kind == "int" and about.range:
        return click.IntRange(min=about.least, max=about.most)  # type: ignore[arg-type]
    if kind == "float":
        least = about.over if about.least is None else about.least
        return click.FloatRange(min=least, max=about.most, min_open=about.over is not None)
    return {"int": int, "Path": click.Path(dir_okay=False, path_type=Path)}.get(kind, str)


class Commands(CommandGroup):
    """The top group. It prints errors in one or two lines and sets the exit code; --debug shows the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Exits with 1 after an error, with 130 after Ctrl-C."""
        from rag.errors import RagError

        try:
            with warnings.catch_warnings():
                warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
                return super().invoke(ctx)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(EXIT_ERROR)
        except (RagError, OSError) as error:  # such as a full disk
            if ctx.obj.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(EXIT_ERROR)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted; finished work is kept.", err=True)
            sys.exit(EXIT_INTERRUPTED)


def _remember_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.find_root().obj["debug"] = value


debug = flag(
    "--debug", is_flag=True, expose_value=False, callback=_remember_debug, help="Show a traceback when something fails."
)
as_json = flag("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
llm = flag("--llm", metavar="SPEC", help="local (default), local:PATH.gguf, vllm:MODEL or http://HOST:PORT/v1[#MODEL].")
llm_or_extractive = flag(
    "--llm", metavar="SPEC", help="local (default), local:PATH.gguf, vllm:MODEL, http://HOST:PORT/v1[#MODEL] or extractive."
)
an_index = flag("--index", "index_path", metavar="DIR", help="The index folder (RAG_INDEX; default indexes/default).")
index_to_search = flag(
    "--index",
    "index_path",
    metavar="DIR|ADDRESS",
    help="The index folder, or the address SCHEME://NAME of a shared store (RAG_INDEX; default indexes/default).",
)
waiting = flag(
    "--wait",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another process that writes to the index.",
)


def of_an_index(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that uses an index."""
    return an_index(as_json(debug(command)))


def _text_of(_: click.Context, __: click.Parameter, argument: str | None) -> str | None:
    """The argument, or the text on stdin for `-`."""
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").strip() if argument == "-" else argument


question = click.argument("question", callback=_text_of)
question_or_file = click.argument("question", callback=_text_of, required=False)

retrieval = under("Search", *flags_of(SearchOptions, "mode", "where", "reranker"))
"""How passages are found."""

SAMPLING = ("max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed")
sampling = under("Model", *flags_of(Sampling, *SAMPLING))
"""How a model chooses tokens."""

NEEDS_EXAMPLES = "--nearest-examples chooses from a file of examples. Name it with --examples FILE."


prompting = under(
    "Prompts",
    flag(
        "--prompts",
        "prompts_folder",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="A folder of prompts that replace the packaged ones by name.",
    ),
    flag(
        "--examples",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Examples to show the model: JSON lines with question, sources and answer.",
    ),
    flag(
        "--nearest-examples",
        type=click.IntRange(min=1),
        metavar="N",
        help="Show only the N examples most similar to the question.",
    ),
)
"""How a model is asked."""


def prompts_of(
    folder: Path | None, examples: Path | None, nearest: int | None, *, system: str, embedder: Callable[[], Embedder] | None
) -> Prompts:
    """The prompts that the options of `prompting` ask for. Raises UsageError."""
    from rag.errors import UsageError
    from rag.prompts import NearestExamples, Prompts, load_examples

    if nearest and not (examples and embedder):
        raise UsageError(NEEDS_EXAMPLES)
    loaded = load_examples(examples) if examples else ()
    if nearest and embedder:
        return Prompts(folder, NearestExamples(loaded, embedder(), nearest), system)
    return Prompts(folder, loaded, system)
