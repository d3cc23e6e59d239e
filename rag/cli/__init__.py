"""The command line: parse, call, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import click

import rag
from rag.cli.ask import ask_command
from rag.cli.chat import chat_command
from rag.cli.compact import compact_command
from rag.cli.demo import demo_command
from rag.cli.documents import documents_command
from rag.cli.evaluate import eval_group
from rag.cli.index import index_command
from rag.cli.llm import llm_group
from rag.cli.options import Commands
from rag.cli.remove import remove_command
from rag.cli.run import run_command
from rag.cli.search import search_command
from rag.cli.status import status_command
from rag.cli.summarize import summarize_command
from rag.cli.tokens import tokens_command
from rag.cli.verify import verify_command

COMPLETION = 'Completion of commands in the shell: eval "$(_RAG_COMPLETE=bash_source rag)"; also zsh_source and fish_source.'


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=COMPLETION,
)
@click.version_option(rag.__version__, "-V", "--version", prog_name="rag")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Answers from your documents. Every sentence cites the page and the words that support it."""
    ctx.obj = {}


for command in (
    index_command, search_command, ask_command, chat_command, summarize_command, documents_command, remove_command,
    status_command, verify_command, compact_command, tokens_command, llm_group, eval_group, run_command, demo_command,
):  # fmt: skip
    main.add_command(command)
