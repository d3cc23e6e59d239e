"""How often the page that holds the evidence is among what a model may be shown: before and after the context step.

    python -m benchmarks.retrieval.context_pages ../shared/data/financebench/dev

Before: the pages of the first K passages of a search. After: the pages of as many that each say something new, neighbours
merged, as `rag ask` takes them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rag
from benchmarks.harness.measure import figure, machine_facts
from benchmarks.harness.pages import Cell, page, publish, table
from benchmarks.retrieval.collections import Task, build, page_task, read_lines
from rag.answers.context import distinct, merged, white_space_between
from rag.answers.question import SPARE
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import Hit, Passage

COUNTS = (5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path, help="a folder with questions.jsonl and PDFs")
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"))
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    task = page_task("pages", read_lines(arguments.collection / "questions.jsonl"))
    gold = gold_pages(task)
    with rag.open_index(arguments.indexes / "financebench-dev", create=True) as index:
        build(index, arguments.collection)
        rows = [row(index, task.questions, gold, count) for count in COUNTS]
    heads = ["passages", "questions", "before", "after", "passages shown after", "characters before", "characters after"]
    told = "Questions with a gold page among the pages of the first passages, before and after the context step."
    facts = machine_facts({"groundtext": Path(sys.executable)})
    publish(page(told, table(heads, rows), facts), arguments.output)


def row(index: rag.Index, questions: dict[str, str], gold: dict[str, set[str]], count: int) -> list[Cell]:
    """Counts of questions, and means of passages and characters."""
    found = [0, 0]
    shown, lengths = 0, [0, 0]
    for number, question in questions.items():
        hits = retrieve(question, index=index, k=SPARE * count).hits
        before = hits[:count]
        after = merged(distinct(hits, count), between=white_space_between(index))
        for place, passages in enumerate((before, after)):
            found[place] += bool(pages_of(passages) & gold[number])
            lengths[place] += sum(len(passage.text) for passage in passages)
        shown += len(after)
    many = len(questions)
    return [count, many, *found, figure(shown / many, 1), *(round(length / many) for length in lengths)]


def gold_pages(task: Task) -> dict[str, set[str]]:
    """The pages with the evidence, by question, as `pages_of` names them."""
    gold: dict[str, set[str]] = {}
    for relevant in task.relevant:
        gold.setdefault(relevant.query_id, set()).add(relevant.doc_id)
    return gold


def pages_of(passages: Sequence[Hit] | Sequence[Passage]) -> set[str]:
    """Each page as SOURCE#PAGE."""
    return {
        f"{Path(passage.source).stem}#{page}"
        for passage in passages
        if passage.pages
        for page in range(passage.pages[0], passage.pages[1] + 1)
    }


if __name__ == "__main__":
    main()
