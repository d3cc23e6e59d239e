"""The folder of an evaluation: figures, a row for each question, rankings, and a page to read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.evaluation import rows
from rag.evaluation.data.runs import write_run
from rag.evaluation.report.page import page

if TYPE_CHECKING:
    from pathlib import Path

    from rag.evaluation.results import Evaluation

MODES = frozenset({"hybrid", "dense", "keyword"})
FIGURES, PAGE = "report.json", "report.html"


def prepare(folder: Path) -> None:
    """Create the folder before hours of work begin. Raises UsageError if it cannot be created or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}: {error.strerror or error}. Choose another folder."
        ) from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"The folder {folder} is not writable. Choose another folder.")


def write_report(folder: Path, evaluation: Evaluation) -> None:
    """Write `report.json`, `questions.jsonl`, `report.html`, and `MODE.run` for each ranking. Raises UsageError.

    Rankings of an earlier evaluation in the same folder are removed if this evaluation has none for their mode.
    """
    try:
        prepare(folder)
        for mode in MODES - evaluation.runs.keys():
            (folder / f"{mode}.run").unlink(missing_ok=True)
        text = json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=1)
        (folder / FIGURES).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        (folder / PAGE).write_text(page(evaluation), encoding="utf-8", errors="replace")
        rows.write_rows(folder / rows.FILE, evaluation.questions)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}: {error.strerror or error}. Choose another folder."
        ) from error
    for name, run in evaluation.runs.items():
        write_run(folder / f"{name}.run", run, name=name)
