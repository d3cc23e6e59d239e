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
    """The questions of a file and their ids. A line without an id has its number as id. `-` is stdin.

    A line is a JSON object with "question" and optionally "id", or a JSON string. In a file without the suffix .json or .jsonl,
    it may also be the bare question. A line that is invalid, or repeats an id, becomes a FailedAnswer with the line's number.
    Raises UsageError if the file cannot be read or no line has a question.
    """
    name = str(path)
    try:
        text = sys.stdin.read() if name == "-" else expanded(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The questions in {name} cannot be read: {why_unreadable(error)}.") from error
    is_json = name.lower().endswith((".jsonl", ".json")) or text.lstrip().startswith("{")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    questions: list[str | FailedAnswer] = []
    ids: dict[int, str | int] = {}
    taken: dict[str, int] = {}
    for number, line in lines:
        place = f"{name}, line {number}"
        try:
            record = _of_line(line, place) if is_json else QuestionLine(line.strip())
            if record.id is not None:
                _take(record.id, number, taken, place)
                ids[number] = record.id
        except UsageError as error:
            questions.append(FailedAnswer(line.strip(), str(error)))
        else:
            questions.append(record.question)
    _refuse_none(questions, name)
    for number, _ in lines:
        ids.setdefault(number, f"line {number}" if str(number) in taken else number)
    return questions, [ids[number] for number, _ in lines]


def _take(identifier: str | int, number: int, taken: dict[str, int], place: str) -> None:
    """Record the line of an id. Raises UsageError if an earlier line has the same id."""
    first = taken.setdefault(str(identifier), number)
    if first != number:
        raise UsageError(f"{place}: line {first} has the id {identifier!r} already. Give each question its own, or none.")


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A line of a file of questions."""

    question: str
    id: str | int | None = None


def _of_line(line: str, place: str) -> QuestionLine:
    """The question of a line with a JSON object or string. Raises UsageError for anything else."""
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON ({error}). Write {LIKE}") from error
    record = {"question": record} if isinstance(record, str) else record
    return decoded(record, QuestionLine, place=place, others=True, like=LIKE)


def _refuse_none(questions: Sequence[str | FailedAnswer], name: str) -> None:
    """Raise UsageError if no line has a question."""
    if not questions:
        raise UsageError(f"There is no question in {name}. Write {LIKE}")
    first = questions[0]
    if isinstance(first, FailedAnswer) and all(isinstance(question, FailedAnswer) for question in questions):
        raise UsageError(f"No line of {name} has a question. {first.error}")
