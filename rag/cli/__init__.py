"""The command line: parse, call, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

import rag
from rag.cli.options import Commands

HOMES = {
    **{name: f"rag.cli.{name}" for name in ("ask", "chat", "compact", "demo", "documents", "index", "llm", "remove", "run")},
    **{name: f"rag.cli.{name}" for name in ("search", "status", "summarize", "tokens", "verify")},
    "eval": "rag.cli.evaluate",
}
"""The module of each command. It defines `NAME_command`, or `NAME_group` for a group of commands."""

COMPLETION = 'Completion of commands in the shell: eval "$(_RAG_COMPLETE=bash_source rag)"; also zsh_source and fish_source.'


class CommandsWhenAsked(MutableMapping[str, click.Command]):
    """Commands by name. A module is imported at the first use of its command, so `rag ask` loads no other."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module = vars(import_module(HOMES[name]))
            self._loaded[name] = module.get(f"{name}_command") or module[f"{name}_group"]
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._loaded or name in HOMES

    def __iter__(self) -> Iterator[str]:
        return iter({**HOMES, **self._loaded})

    def __len__(self) -> int:
        return len({**HOMES, **self._loaded})


@click.group(
    cls=Commands,
    commands=CommandsWhenAsked(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=COMPLETION,
)
@click.version_option(rag.__version__, "-V", "--version", prog_name="rag")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Answers from your documents. Every sentence cites the page and the words that support it."""
    ctx.obj = {}
