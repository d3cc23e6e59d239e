"""Rankings of many questions, and the TREC run files that hold them."""

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
"""Units with their scores, best first."""

Run = Mapping[str, Ranking]
"""A ranking for each question's id."""

OURS = "groundtext-"
"""What the last column of our own runs begins with."""

LIKE = "question-id Q0 document-id rank score name, with white space between them."


def write_run(path: Path, run: Run, *, name: str) -> None:
    """Write a run; white space in ids is percent-encoded, for it separates columns. Raises UsageError.

    The last column is `name` after `groundtext-`, by which `read_run` knows that ids are encoded.
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
    """The rankings of a run file, put in the order of their scores. Raises UsageError that names the line.

    What `write_run` has encoded is decoded in our own runs only; ids of other systems are taken as they stand.
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
            raise UsageError(f"{path}, line {number}: {shown(line.strip())} is no line of a run. Write {LIKE}") from error
        ranking = run.setdefault(question, {})
        if unit in ranking:
            raise UsageError(f"{path}, line {number}: {shown(unit)} was ranked for this question before. Leave one out.")
        ranking[unit] = value
    if not run:
        raise UsageError(f"There is nothing in the run {path}. Write {LIKE}")
    return {question: sorted(ranking.items(), key=lambda pair: -pair[1]) for question, ranking in run.items()}


def encoded(name: str) -> str:
    """A name as one column."""
    return "".join(quote(sign) if sign.isspace() or sign == "%" else sign for sign in name) or "-"
