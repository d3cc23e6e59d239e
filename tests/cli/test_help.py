"""Help pages: nothing is cut at 80 columns, long lists are grouped, and flags are the fields of the options."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from fresh_process import run_python

from rag.answers.options import AskOptions
from rag.arguments import options_in
from rag.cli import main
from rag.cli.options import SAMPLING
from rag.reading import ReadOptions
from rag.retrieval.options import SearchOptions
from rag.sampling import Sampling
from rag.summaries.options import SummaryOptions


def help_of(*command: str) -> str:
    done = CliRunner().invoke(main, [*command, "--help"], terminal_width=80)
    assert done.exit_code == 0
    return done.stdout


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, command in group.commands.items():
        inner = (*path, name)
        found += commands(command, inner) if isinstance(command, click.Group) else [inner]
    return found


GROUPS = [(), ("eval",), ("llm",)]


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_a_group_shows_each_command_on_one_line_of_80_columns(group):
    lines = help_of(*group).partition("Commands:\n")[2].splitlines()
    command = main
    for name in group:
        command = command.commands[name]
    for name, inner in command.commands.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert line.endswith(inner.short_help if inner.short_help else inner.help)
        assert len(line) <= 80


@pytest.mark.parametrize("command", commands(main), ids=" ".join)
def test_nothing_is_cut(command):
    shown = help_of(*command).removeprefix("Usage:").partition("\n")[2]
    assert "..." not in shown
    assert "…" not in shown


@pytest.mark.parametrize("command", [one for one in commands(main) if one not in GROUPS], ids=" ".join)
def test_long_lists_of_options_are_grouped(command):
    shown = help_of(*command)
    blocks = [block for block in shown.split("\n\n") if "\n  -" in block]
    for block in blocks:
        options = [line for line in block.splitlines() if line.startswith("  -")]
        assert len(options) <= 8, block


def test_one_heading_is_shown_once():
    shown = help_of("ask")
    headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert len(headings) == len(set(headings))
    assert {"Many questions:", "Model:", "Prompts:", "Search:", "Output:"} <= set(headings)


@pytest.mark.parametrize(
    ("command", "options", "names"),
    [
        ("ask", AskOptions, ("k", "mode", "where", "reranker", "strict", "verifier")),
        ("ask", Sampling, SAMPLING),
        ("chat", AskOptions, ("k", "strict")),
        ("chat", Sampling, SAMPLING),
        ("search", SearchOptions, ("k", "mode", "where", "reranker")),
        ("summarize", SummaryOptions, ("chain", "words", "focus", "strict", "piece_tokens", "calls", "fresh")),
        ("summarize", ReadOptions, ("include", "exclude", "hidden", "follow_links", "jobs")),
        ("index", ReadOptions, ("include", "exclude", "hidden", "follow_links", "jobs")),
    ],
)
def test_defaults_of_flags_are_those_of_the_options(command, options, names):
    context = main.commands[command].make_context(command, [], resilient_parsing=True)
    flags = {one.name: one for one in main.commands[command].params}
    for name in names:
        field, _ = options_in(options)[name]
        default = () if flags[name].multiple else flags[name].get_default(context)
        assert (default or None) == (field.default or None), name


def test_a_command_loads_no_other():
    code = "import sys, rag.cli; rag.cli.main.commands['ask']; print(*(name for name in sys.modules if name.startswith('rag.cli.')))"
    loaded = set(run_python(code).split())
    assert "rag.cli.ask" in loaded
    assert loaded.isdisjoint({"rag.cli.summarize", "rag.cli.evaluate", "rag.cli.index", "rag.cli.chat"})
