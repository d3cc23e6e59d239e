"""How often a page that holds the evidence is found, beside LangChain + FAISS with the same embedder.

    python -m benchmarks.retrieval.pages_found ../shared/data/financebench/dev

A question counts as found when a page with its evidence is among the pages of the first K passages. LangChain reads, splits
and searches as its documentation shows, once with chunks of as many tokens as ours have and once with its tutorial's 1,000
characters, of which 200 overlap. Its chunks lie on one page each; ours may go over the end of a page, so how many pages the
passages name is told too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import rag
from benchmarks.harness.contestants import peer_command, peer_python
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import ROOT, figure, machine_facts, note
from benchmarks.harness.pages import Cell, page, publish, table
from benchmarks.retrieval.collections import SAMPLES, build, page_task, read_lines
from benchmarks.retrieval.context_pages import gold_pages, pages_of

COUNTS = (5, 10)
TOKENS, OVERLAP_TOKENS = 230, 20
LANGCHAIN = {
    f"LangChain + FAISS, {TOKENS} tokens": ("--size", str(TOKENS), "--overlap", str(OVERLAP_TOKENS)),
    "LangChain + FAISS, 1,000 characters": ("--size", "1000", "--overlap", "200", "--characters"),
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """What was found for each question in turn: the pages of each passage, best first, as `SOURCE#PAGE`."""

    name: str
    chunks: int
    found: list[list[set[str]]]

    def pages(self, count: int) -> list[set[str]]:
        """The pages of the first passages, for each question."""
        return [set().union(*passages[:count]) for passages in self.found]

    def hits(self, gold: Sequence[set[str]], count: int) -> list[bool]:
        """Whether one of the right pages is among them, for each question."""
        return [bool(pages & right) for pages, right in zip(self.pages(count), gold, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path, help="a folder with questions.jsonl and PDFs")
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"), help="built indexes are kept here")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    facts = machine_facts({"groundtext": Path(sys.executable), "LangChain's": peer_python("langchain")})
    task = page_task("pages", read_lines(arguments.collection / "questions.jsonl"))
    by_question = gold_pages(task)
    gold = [by_question[number] for number in task.questions]
    questions = list(task.questions.values())
    contestants = [*ours(arguments.collection, questions, arguments.indexes), *langchain(arguments.collection, questions)]
    rows = [row(contestant, contestants[0], gold) for contestant in contestants]
    first, deep = COUNTS
    header = ("", "passages", f"found in {first}", f"found in {deep}", f"ours in {first}, times", f"pages named in {first}")
    told = (
        f"Of {len(questions)} questions, those of which a page with the evidence is among the pages of the first {first} or {deep} "
        "passages. The quotient is of the first row's [95 % of the quotients over questions drawn again]."
    )
    publish(page("## Pages found", told, facts, table(header, rows)), arguments.output)


def ours(collection: Path, questions: Sequence[str], indexes: Path) -> Iterator[Contestant]:
    """Each way to search one index; hybrid, the default, first."""
    with rag.open_index(indexes / "financebench-dev", create=True) as index:
        build(index, collection)
        for mode in ("hybrid", "dense", "keyword"):
            searches = (rag.search(question, index=index, k=max(COUNTS), mode=mode) for question in questions)
            yield Contestant(f"rag search, {mode}", len(index), [[pages_of([hit]) for hit in hits] for hits in searches])


def langchain(collection: Path, questions: Sequence[str]) -> Iterator[Contestant]:
    """With each of its sizes of chunks."""
    files = sorted(collection.rglob("*.pdf"))
    for name, sizes in LANGCHAIN.items():
        note(name)
        command = [*peer_command("langchain", "pages", *files, *sizes), "-k", str(max(COUNTS))]
        ran = subprocess.run(command, input=json.dumps(questions), stdout=subprocess.PIPE, cwd=ROOT, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{name} ended with {ran.returncode}.")
        told = json.loads(ran.stdout.splitlines()[-1])
        found = [[{f"{Path(source).stem}#{page}"} for source, page in hits] for hits in told["found"]]
        yield Contestant(name, told["chunks"], found)


def row(contestant: Contestant, first: Contestant, gold: Sequence[set[str]]) -> list[Cell]:
    found = [sum(contestant.hits(gold, count)) for count in COUNTS]
    pages = np.mean([len(named) for named in contestant.pages(COUNTS[0])])
    gain = quotient(first.hits(gold, COUNTS[0]), contestant.hits(gold, COUNTS[0]))
    return [contestant.name, contestant.chunks, *found, gain, figure(float(pages), 1)]


def quotient(above: Sequence[bool], below: Sequence[bool]) -> Figure:
    """Of what was found, with the range of that quotient over questions drawn again (paired bootstrap)."""
    pairs = np.array([above, below], dtype=float)
    drawn = np.random.default_rng(0).integers(0, pairs.shape[1], (SAMPLES, pairs.shape[1]))
    sums = pairs[:, drawn].sum(axis=2)
    low, high = np.percentile(sums[0] / np.maximum(sums[1], 1), [2.5, 97.5])
    return Figure(float(pairs[0].sum() / max(pairs[1].sum(), 1)), float(low), float(high), ".2f")


if __name__ == "__main__":
    main()
