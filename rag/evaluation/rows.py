"""Rows of questions as JSON lines: one evaluation writes them, and another one compares with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError
from rag.evaluation.data.lines import read_objects, text_of
from rag.evaluation.results import Figures
from rag.system.decode import shown
from rag.types import plain_dict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FILE = "questions.jsonl"
LIKE = "a line of the questions.jsonl that `rag eval … --output DIR` leaves in DIR."


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write each row as a line of JSON."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(plain_dict(dict(row)), ensure_ascii=False) + "\n" for row in rows)


def figures_in(path: Path, metrics: Sequence[str], asked: Mapping[str, str]) -> Figures:
    """Read the values of another evaluation from its file of rows, or from the folder of its report.

    `asked` has the questions of this evaluation by id. Raises UsageError if the other evaluation has none of these
    questions, or another question under the same id.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"There is no evaluation in {path}. Name the --output folder of another evaluation.")
    values: dict[str, dict[str, float]] = {metric: {} for metric in metrics}
    ids = []
    for place, row in read_objects(file, like=LIKE):
        name = text_of(row, "id", place=place, like=LIKE)
        ids.append(name)
        question = row.get("question")
        if isinstance(question, str) and asked.get(name, question) != question:
            raise UsageError(
                f"{place}: {shown(name)} is another question in that file: {shown(question)}, not {shown(asked[name])}. "
                "Name an evaluation of the same questions."
            )
        for metric in metrics:
            value = row.get(metric)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                values[metric][name] = float(value)
    if not any(values.values()):
        raise UsageError(f"{file} has none of the figures {', '.join(metrics)}. Name an evaluation of the same kind.")
    if asked.keys().isdisjoint(ids):
        raise UsageError(f"{file} has none of these questions, such as {next(iter(asked))}; it has {ids[0]}.")
    return Figures.of(str(path), {metric: by_question for metric, by_question in values.items() if by_question})
