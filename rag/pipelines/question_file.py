"""Questions from a file: JSON lines, or plain text with one question a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rag.errors import UsageError
from rag.pretrained import expanded


def read_questions(path: str | Path) -> tuple[list[str], list[Any]]:
    """The questions, and the ids that stand beside them (the line's number where there is none).

    A line is a JSON object with "question" and perhaps "id", a JSON string, or, in a file that is not called .json or
    .jsonl, the question itself. `-` is stdin. Raises UsageError that names the line.
    """
    name = str(path)
    try:
        text = sys.stdin.read() if name == "-" else expanded(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The questions in {name} cannot be read as UTF-8 text: {error}.") from error
    is_json = name.lower().endswith((".jsonl", ".json")) or text.lstrip().startswith("{")
    questions, ids = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            question, given = _of_line(line, f"{name}, line {number}") if is_json else (line.strip(), None)
            questions.append(question)
            ids.append(number if given is None else given)
    if not questions:
        raise UsageError(f'There is no question in {name}. Write one a line, as {{"question": "…"}}.')
    return questions, ids


def _of_line(line: str, where: str) -> tuple[str, Any]:
    try:
        told = json.loads(line)
    except ValueError as error:
        raise UsageError(f'{where}: not JSON ({error}). Write {{"question": "…"}}.') from error
    question = told.get("question") if isinstance(told, dict) else told
    if not isinstance(question, str) or not question.strip():
        raise UsageError(f'{where}: there is no "question". Write {{"question": "…"}}.')
    return question, told.get("id") if isinstance(told, dict) else None
