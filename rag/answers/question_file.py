"""Questions from a file: JSON lines, or plain text with one question a line."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.answers.ask_many import FailedAnswer
from rag.errors import UsageError, why_unreadable
from rag.system.decode import decoded
from rag.system.files import expanded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIKE = '{"question": "…"}, with an "id" if you like: a string or a whole number.'


def read_questions(path: str | Path) -> tuple[list[str | FailedAnswer], list[str | int]]:
    """The questions, and their ids (the line's number where a line has none).

    A line is a JSON object with "question" and perhaps "id", a JSON string, or, in a file that is not called .json or
    .jsonl, the question itself. `-` is stdin. A line without a question, or with the id of another line, is a FailedAnswer
    that names it. Raises UsageError where no line has a question.
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
        place = f"{name}, line {number}"
        try:
            read = _of_line(line, place) if is_json else QuestionLine(line.strip())
            if read.id is not None:
                _take(read.id, number, taken, place)
                given[number] = read.id
        except UsageError as error:
            questions.append(FailedAnswer(line.strip(), str(error)))
        else:
            questions.append(read.question)
    _refuse_none(questions, name)
    own = {number: f"line {number}" if str(number) in taken else number for number, _ in lines}
    return questions, [given.get(number, own[number]) for number, _ in lines]


def _take(named: str | int, number: int, taken: dict[str, int], place: str) -> None:
    """Note the line of an id. Raises UsageError where another line has it."""
    first = taken.setdefault(str(named), number)
    if first != number:
        raise UsageError(f"{place}: line {first} has the id {named!r} already. Give each question its own, or none.")


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A line of a file of questions."""

    question: str
    id: str | int | None = None


def _of_line(line: str, place: str) -> QuestionLine:
    """The question of a JSON object or string. Raises UsageError that says what is wrong."""
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON ({error}). Write {LIKE}") from error
    record = {"question": record} if isinstance(record, str) else record
    return decoded(record, QuestionLine, place=place, others=True, like=LIKE)


def _refuse_none(questions: Sequence[str | FailedAnswer], name: str) -> None:
    """Raise UsageError where no line has a question."""
    if not questions:
        raise UsageError(f"There is no question in {name}. Write {LIKE}")
    first = questions[0]
    if isinstance(first, FailedAnswer) and all(isinstance(one, FailedAnswer) for one in questions):
        raise UsageError(f"No line of {name} has a question. {first.error}")
