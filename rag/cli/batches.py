"""Many questions from a file: what `rag ask --questions` does."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from rag.cli.options import EXIT_SOME_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.answers.ask_many import FailedAnswer
    from rag.index.index import Index
    from rag.protocols import Generator
    from rag.types import Answer

    Answers = Sequence[Answer | FailedAnswer]


def answer_questions(
    path: str, *, index: Index, llm: Generator, output: Path | None, fresh: bool, options: dict[str, Any]
) -> None:
    """Answer the file's questions; JSON lines go to `output`, or to stdout once all are there. Exits with 3 if some failed."""
    from rag.answers.ask_many import ask_many
    from rag.answers.question_file import read_questions

    questions, ids = read_questions(path)
    started = time.perf_counter()
    with click.progressbar(
        length=len(questions), label="answered", file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True
    ) as bar:
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
            on_answer=note,
            **options,
        )
        bar.update(len(answers) - len(asked))
    if output is None:
        for named, answer in zip(ids, answers, strict=True):
            line = json.dumps({"id": named, **answer.to_dict()}, ensure_ascii=False)
            click.echo(line.encode("utf-8", "backslashreplace").decode())
    failed = [answer for answer in answers if not hasattr(answer, "answerable")]
    for one in failed:
        click.echo(f"failed: {one.question}: {one.to_dict()['error']}", err=True)
    click.echo(_summary(answers, asked, output, time.perf_counter() - started), err=True)
    if output and (others := _lines(output) - len(answers)):
        click.echo(f"{others} of its answers are to other questions, and stay there.", err=True)
    if failed:
        sys.exit(EXIT_SOME_FAILED)


def _lines(path: Path) -> int:
    with path.expanduser().open("rb") as file:
        return sum(1 for _ in file)


def _summary(answers: Answers, asked: Answers, output: Path | None, seconds: float) -> str:
    from rag.types import Answer

    given = [answer for answer in answers if isinstance(answer, Answer)]
    found = sum(answer.answerable for answer in given)
    usages = [answer.usage for answer in asked if isinstance(answer, Answer)]
    read = sum(usage.prompt_tokens for usage in usages)
    known = sum(usage.cached_tokens for usage in usages)
    written = sum(usage.completion_tokens for usage in usages)
    parts = [f"{found} answered, {len(given) - found} not found, {len(answers) - len(given)} failed in {seconds:.1f} s"]
    if len(asked) < len(answers):
        parts.append(f"{len(answers) - len(asked)} of them from before")
    if read:
        parts.append(f"{read:,} tokens read ({known / read:.0%} of them known from earlier prompts), {written:,} written")
    if output:
        parts.append(f"in {output}")
    return "; ".join(parts) + "."
