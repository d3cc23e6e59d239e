"""Rankings for many questions, read from TREC run files and written to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from rag.errors import UsageError
from rag.evaluation.data.lines import text_lines
from rag.system.decode import shown

if TYPE_CHECKING:
    from pathlib import Path

Ranking = Sequence[tuple[str, float]]
"""Units (documents or pages) with their scores, best first."""

Run = Mapping[str, Ranking]
"""Rankings by question id."""

OURS = "groundtext-"
"""The last column of our own runs begins with this."""

LIKE = "question-id Q0 document-id rank score name, separated by white space."


def write_run(path: Path, run: Run, *, name: str) -> None:
    """Write a run. White space in ids is percent-encoded, because it separates columns. Raises UsageError.

    The last column is `groundtext-` and `name`. It tells `read_run` that ids are encoded.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for question, ranking in run.items():
                for rank, (unit, score) in enumerate(ranking, 1):
                    file.write(f"{encoded(question)} Q0 {encoded(unit)} {rank} {score!r} {encoded(OURS + name)}\n")
    except OSError as error:
        raise UsageError(f"The run cannot be written to {path}: {error.strerror or error}.") from error


def read_run(path: Path) -> dict[str, list[tuple[str, float]]]:
    """Read the rankings of a run file, sorted by score. Raises UsageError, which names the line.

    Ids are decoded in runs of `write_run` only. The ids of other systems are not changed.
    """
    run: dict[str, dict[str, float]] = {}
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            question, _, unit, _, score, name = line.split()
            if name.startswith(OURS):
                question, unit = unquote(question), unquote(unit)
            if not isfinite(value := float(score)):
                raise ValueError
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {shown(line.strip())} is not a line of a run. Write {LIKE}") from error
        ranking = run.setdefault(question, {})
        if unit in ranking:
            raise UsageError(
                f"{path}, line {number}: {shown(unit)} is already ranked for this question. Remove one of the lines."
            )
        ranking[unit] = value
    if not run:
        raise UsageError(f"The run {path} is empty. Write {LIKE}")
    return {question: sorted(ranking.items(), key=lambda pair: -pair[1]) for question, ranking in run.items()}


def encoded(name: str) -> str:
    """A name without white space, as a column needs it.

    >>> encoded("annual report.pdf")
    'annual%20report.pdf'
    """
    escaped = (quote(character) if character.isspace() or character == "%" else character for character in name)
    return "".join(escaped) or "-"
