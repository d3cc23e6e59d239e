"""A small collection in BEIR's layout, with right answers, and questions of a person's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TOWERS = {"paris": 330, "tokyo": 333, "toronto": 553, "berlin": 368, "seattle": 184}
CORPUS = [
    {"_id": f"d-{town}", "title": town.title(), "text": f"The tower in {town.title()} is {height} m tall and open on Sundays."}
    for town, height in TOWERS.items()
]
QUERIES = [{"_id": f"q-{town}", "text": f"How tall is the tower in {town.title()}?"} for town in TOWERS]
ANSWERS: list[dict[str, Any]] = [
    {
        "id": f"q-{town}",
        "question": f"How tall is the tower in {town.title()}?",
        "answers": [f"{height} m"],
        "doc_id": f"d-{town}",
    }
    for town, height in TOWERS.items()
]
HOPELESS = {"id": "q-opera", "question": "Who composed operas about whaling?", "answers": [], "is_impossible": True}


def write_lines(path: Path, rows: Iterable[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_collection(folder: Path) -> Path:
    """Five towers, a query for each, and a question that nothing answers."""
    write_lines(folder / "corpus.jsonl", CORPUS)
    write_lines(folder / "queries.jsonl", QUERIES)
    write_lines(folder / "qa.jsonl", [*ANSWERS, HOPELESS])
    judged = [f"q-{town}\td-{town}\t1" for town in TOWERS]
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]) + "\n", encoding="utf-8")
    return folder
