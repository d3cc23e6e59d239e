"""Questions from a file: JSON lines, or plain text with one question a line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rag.answers.ask_many import FailedAnswer
from rag.arguments import is_whole
from rag.errors import UsageError, why_unreadable
from rag.system.files import expanded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORM = 'Write {"question": "…"}, with an "id" if you like: a text or a whole number.'


def read_questions(path: str | Path) -> tuple[list[str | FailedAnswer], list[str | int]]:
    """The questions, and the ids that stand beside them (the line's number where there is none).

    A line is a JSON object with "question" and perhaps "id", a JSON string, or, in a file that is not called .json or
    .jsonl, the question itself. `-` is stdin. A line that holds no question, or an id that another line has, is a FailedAnswer
    that names it. Raises UsageError where no line holds a question.
    """
    name = str(path)
    try:
        text = sys.stdin.read() if name == "-" else expanded(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The questions in {name} cannot be read: {why_unreadable(error)}.") from error
    is_json = name.lower().endswith((".jsonl", ".json")) or text.lstrip().startswith("{")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    questions: list[str | FailedAnswer] = []
    given: dict[int, str | int] = {}
    taken: dict[str, int] = {}
    for number, line in lines:
        try:
            question, named = _of_line(line) if is_json else (line.strip(), None)
            if named is not None:
                _take(named, number, taken)
                given[number] = named
        except ValueError as error:
            questions.append(FailedAnswer(line.strip(), f"{name}, line {number}: {error}"))
        else:
            questions.append(question)
    _refuse_none(questions, name)
    own = {number: f"line {number}" if str(number) in taken else number for number, _ in lines}
    return questions, [given.get(number, own[number]) for number, _ in lines]


def _take(named: str | int, number: int, taken: dict[str, int]) -> None:
    """Note the line of an id. Raises ValueError where another line has it."""
    first = taken.setdefault(str(named), number)
    if first != number:
        raise ValueError(f"line {first} has the id {named!r} already. Give each question its own, or none.")


def _of_line(line: str) -> tuple[str, str | int | None]:
    """Question and id. Raises ValueError that says what is wrong."""
    try:
        told: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}). {FORM}") from error
    question, named = (told.get("question"), told.get("id")) if isinstance(told, dict) else (told, None)
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f'there is no "question". {FORM}')
    if named is not None and not isinstance(named, str) and not is_whole(named):
        raise ValueError(f"the id {json.dumps(named, ensure_ascii=False)} is neither a text nor a whole number. {FORM}")
    return question, named


def _refuse_none(questions: Sequence[str | FailedAnswer], name: str) -> None:
    """A file without any question is not one of questions."""
    if not questions:
        raise UsageError(f"There is no question in {name}. {FORM}")
    first = questions[0]
    if isinstance(first, FailedAnswer) and all(isinstance(one, FailedAnswer) for one in questions):
        raise UsageError(f"No line of {name} holds a question. {first.error}")
