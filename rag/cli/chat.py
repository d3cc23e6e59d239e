"""`rag chat`: a conversation with the documents of an index."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rag.answers.options import AskOptions
from rag.cli.options import (
    EXIT_ERROR,
    Command,
    as_json,
    debug,
    flag,
    flags_of,
    llm_or_extractive,
    prompting,
    prompts_of,
    retrieval,
    sampling,
    under,
)
from rag.cli.shared import llm_of, reranker_of, searched, settings_with, stream_sentence, tell_if_empty
from rag.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.chat.chat import Chat
    from rag.types import Answer

PROMPT = "> "
COMMANDS = {
    "/sources": "the sources of the latest answer, with their quotes",
    "/history": "the conversation so far",
    "/clear": "forget the conversation and start again",
    "/help": "this list",
    "/quit": "leave (Ctrl-D does too); Ctrl-C stops an answer",
}


@click.command("chat", cls=Command, short_help="Talk with your documents; follow-ups are understood.")
@under(
    "Conversation",
    flag("--session", metavar="NAME", help="Keep the conversation under a name, or in a file (.jsonl), and continue it."),
    flag("--system", default="", metavar="TEXT", help="Instructions for the model: who it is and whom it talks to."),
)
@under("Model", llm_or_extractive)
@sampling
@prompting
@under("Checking", *flags_of(AskOptions, "strict"))
@under("Search", *flags_of(AskOptions, "k"))
@retrieval
@under(
    "Search",
    flag(
        "--index",
        "index_paths",
        multiple=True,
        metavar="DIR|ADDRESS",
        help="An index folder, or the address SCHEME://NAME of a shared store (RAG_INDEX; default indexes/default). Several are "
        "searched together.",
    ),
)
@under("Output", as_json)
@debug
def chat_command(
    session: str | None,
    system: str,
    llm: str | None,
    k: int,
    prompts_folder: Path | None,
    examples: Path | None,
    nearest_examples: int | None,
    strict: bool,
    mode: str,
    where: dict[str, str],
    reranker: str | None,
    index_paths: tuple[str, ...],
    as_json: bool,
    **chosen: Any,
) -> None:
    """Talk with your documents. Follow-up questions are understood, and every sentence has its sources."""
    from rag.chat.chat import Chat
    from rag.sampling import Sampling
    from rag.specs import using_llm

    settings = settings_with(llm=llm, reranker=reranker)
    with ExitStack() as stack:
        indexes = [stack.enter_context(searched(path, settings)) for path in index_paths or (None,)]
        for index in indexes:
            tell_if_empty(index)
        prompts = prompts_of(prompts_folder, examples, nearest_examples, system=system, embedder=lambda: indexes[0].embedder)
        chat = Chat(
            index=indexes,
            llm=stack.enter_context(using_llm(llm_of(settings))),
            session=session,
            k=k,
            mode=cast("Any", mode),
            where=where,
            reranker=reranker_of(settings),
            sampling=Sampling(**chosen),
            strict=strict,
            prompts=prompts,
        )
        all_well = _answer_in_json(chat) if as_json else _Conversation(chat).run()
        if not all_well:
            sys.exit(EXIT_ERROR)


def _answer_in_json(chat: Chat) -> bool:
    """Print one JSON object for each question on stdin; a failed question has an `error`. Returns whether none failed.

    Commands that only show something print nothing here.
    """
    from rag.errors import RagError, UsageError

    all_well = True
    for line in _lines():
        text = line.strip()
        if text == "/quit":
            break
        if text == "/clear":
            chat.clear()
        if not text or text in COMMANDS:
            continue
        try:
            if text.startswith("/"):
                raise UsageError(_unknown(text))
            record = {"asked": text, **chat.ask(text).to_dict()}
        except RagError as error:
            record, all_well = {"asked": text, "error": str(error)}, False
        click.echo(json.dumps(record, ensure_ascii=False))
        sys.stdout.flush()
    return all_well


class _Conversation:
    """A chat on the terminal: lines in, streamed answers out."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._latest: Answer | None = None
        self._all_well = True
        self._in_person = sys.stdin.isatty()
        self._streamed = False

    def run(self) -> bool:
        """Answer until the end of the input or /quit. Returns False if a question in a pipe failed with an error."""
        if self._in_person:
            past = len(self._chat.history)
            turns = f" {counted(past, 'turn')} so far." if past else ""
            click.echo(click.style(f"Ask your documents; /help lists the commands.{turns}", dim=True), err=True)
        for line in _typed_lines() if self._in_person else _lines():
            text = line.strip()
            if text == "/quit":
                break
            if text.startswith("/"):
                self._obey(text)
            elif text:
                self._answer(text)
        return self._all_well or self._in_person

    def _answer(self, text: str) -> None:
        from rag.errors import RagError

        self._streamed = False
        try:
            self._latest = self._chat.ask(text, on_sentence=self._on_sentence, on_question=self._on_question)
        except KeyboardInterrupt:
            if not self._in_person:
                raise
            if self._streamed:
                click.echo(err=True)
            click.echo(click.style("Stopped; this turn is not remembered.", dim=True), err=True)
        except RagError as error:
            self._all_well = False
            click.echo(f"Error: {error}", err=True)
        else:
            self._show(self._latest)

    def _show(self, answer: Answer) -> None:
        from rag.cli.terminal import answer_lines, where

        if not answer.answerable:
            click.echo("\n".join(answer_lines(answer)))
        else:
            click.echo()
            for citation in answer.citations:
                click.echo(click.style(f"  [{citation.marker}] {where(citation)}", dim=True))
        click.echo()

    def _obey(self, text: str) -> None:
        from rag.notebook import printable

        if text == "/help":
            lines = [f"{name:<10} {meaning}" for name, meaning in COMMANDS.items()]
        elif text == "/clear":
            self._chat.clear()
            self._latest = None
            lines = ["Forgotten."]
        elif text == "/history":
            turns = [f"{PROMPT}{printable(turn.asked)}\n{printable(turn.answer)}" for turn in self._chat.history]
            lines = turns or ["There are no turns yet."]
        elif text == "/sources":
            lines = self._sources()
        else:
            lines = [printable(_unknown(text))]
        click.echo("\n".join(lines) + "\n")

    def _sources(self) -> list[str]:
        """The quotes of the latest answer, which may be from an earlier run; else the nearest passages."""
        from rag.cli.terminal import hit_lines, where

        turns = self._chat.history
        if turns and turns[-1].citations:
            return [f"  [{cited.marker}] {where(cited)}\n{_quoted(cited.quote)}" for cited in turns[-1].citations]
        nearest = hit_lines(self._latest.hits[:3]) if self._latest else []
        return ["The latest answer has no sources. Nearest passages:", *nearest] if nearest else ["There are no sources yet."]

    def _on_question(self, question: str) -> None:
        from rag.notebook import printable

        click.echo(click.style(f"→ {printable(question)}", dim=True))

    def _on_sentence(self, sentence: Any, citations: Any) -> None:
        self._streamed = True
        stream_sentence(sentence, citations)


def _unknown(line: str) -> str:
    """The error message for a line that begins with a slash but is not a command."""
    from rag.errors import nearest

    name = line.split()[0]
    if name in COMMANDS:
        return f"{name} must be alone on its line."
    return f"There is no {name}.{nearest(name, COMMANDS)} The commands are {', '.join(COMMANDS)}."


def _quoted(quote: str) -> str:
    from textwrap import fill

    from rag.cli.terminal import WIDTH
    from rag.notebook import printable

    margin = " " * 6
    return fill(f"“{printable(quote)}”", WIDTH, initial_indent=margin, subsequent_indent=margin, break_long_words=False)


def _lines() -> Iterator[str]:
    """The lines of stdin as they arrive, read as UTF-8."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace")


def _typed_lines() -> Iterator[str]:
    """The lines that a person types, with line editing. Ctrl-C drops a line; Ctrl-D ends the input."""
    with suppress(ImportError):
        import readline  # noqa: F401 (input() edits lines with it)
    while True:
        try:
            yield input(PROMPT)
        except KeyboardInterrupt:
            click.echo(click.style("\nCtrl-D or /quit leaves.", dim=True), err=True)
        except EOFError:
            click.echo()
            return
