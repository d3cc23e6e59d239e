"""groundtext beside LangChain + FAISS, LlamaIndex + FAISS, txtai and Chroma: the same passages, the same vectors.

    benchmarks/environments.sh
    python -m benchmarks.index.stores --chunks 100000 --rounds 3

Every store is built, searched and relieved of one document in processes of their own, in turn; each round begins with another one.
Runs in groundtext's own environment.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.contestants import HERE, OURS, as_module, known_names, peer_python
from benchmarks.harness.corpus import BENCH
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import figure, machine_facts, note, run_process, spread
from benchmarks.harness.pages import Cell, Page, page, publish, table
from benchmarks.index.oracle import nearest_rows
from benchmarks.index.scale_corpus import SCALE, Text, read_documents, scale_corpus

STORES = BENCH / "stores"
K = 10
PASSAGES_OF_THE_REMOVED = 20
TIE = 1e-5


@dataclass(frozen=True, slots=True)
class Contestant:
    """How to run one store's script; `environment` is the peer's, empty for ours."""

    environment: str
    script: str
    options: tuple[str, ...] = ()

    def run(self, *arguments: str | Path) -> Any:
        python = peer_python(self.environment) if self.environment else Path(sys.executable)
        program = [HERE / self.script] if self.script.startswith("peers/") else as_module(self.script)
        return run_process([python, *program, *arguments, *self.options]).json


CONTESTANTS = {
    OURS: Contestant("", "index/store_groundtext.py"),
    "langchain": Contestant("langchain", "peers/store_langchain.py"),
    "llamaindex": Contestant("llamaindex", "peers/store_llamaindex.py"),
    "txtai": Contestant("txtai", "peers/store_txtai.py"),
    "txtai-hybrid": Contestant("txtai", "peers/store_txtai.py", ("--hybrid",)),
    "chroma": Contestant("chroma", "peers/store_chroma.py"),
}


# what all are given


def export(corpus: Path, chunks: int, out: Path) -> list[list[int]]:
    """Write the first whole documents of a corpus, about so many passages; the rows of each document, those of about twenty
    passages first."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    row, removable = 0, []
    with (out / "passages.jsonl").open("w", encoding="utf-8") as lines:
        for text in read_documents(corpus, 10**9):
            if row >= chunks:
                break
            lines.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines_of(text, row))
            removable.append(list(range(row, row + len(text.chunks))))
            row += len(text.chunks)
    np.save(out / "vectors.npy", np.load(corpus / "vectors.npy", mmap_mode="r")[:row])
    return sorted(removable, key=lambda rows: abs(len(rows) - PASSAGES_OF_THE_REMOVED))


def lines_of(text: Text, first_row: int) -> list[dict[str, Any]]:
    return [{"row": row, "source": text.source, "text": passage} for row, passage in enumerate(text.passages(), first_row)]


# rounds


def one_round(contestant: Contestant, name: str, exported: Path, corpus: Path, removed: Sequence[int], every: int) -> Any:
    """Everything that one store does in a round."""
    folder = STORES / name
    shutil.rmtree(folder, ignore_errors=True)
    result = contestant.run("build", exported, "--out", folder)
    result["disk_mb"] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    result |= contestant.run("search", folder, "--questions", corpus, "--every", str(every))
    result |= contestant.run("delete", folder, "--passages", ",".join(map(str, removed)))
    note(f"{name}: built in {result['build']:.0f} s, loaded in {result['load']:.2f} s, deleted in {result['delete']:.2f} s")
    return result


def recall(result: Mapping[str, Any], exported: Path, corpus: Path, every: int) -> float:
    """The share of the ten truly nearest passages that dense search found."""
    vectors = np.load(exported / "vectors.npy", mmap_mode="r")
    asked = np.load(corpus / "questions.npy")[::every]
    cosines, _ = nearest_rows(asked, vectors, K)
    right = 0
    for question, tenth, found in zip(asked, cosines[:, -1], result["dense"]["found"], strict=True):
        right += int((vectors[found] @ question >= tenth - TIE).sum())
    return right / (K * len(asked))


# the table


def rows(runs: Mapping[str, Sequence[Any]], recalls: Mapping[str, float]) -> list[list[Cell]]:
    """A row a store; medians, and the least and the most."""

    def each(group: Sequence[Any], value: Callable[[Any], float], digits: int) -> Figure:
        return spread((value(run) for run in group), digits)

    made = []
    for name, group in runs.items():
        for mode in ("dense", "hybrid"):
            if mode in group[0]:
                made.append(
                    [
                        f"{group[0]['name']}, {mode}" if mode not in group[0]["name"] else group[0]["name"],
                        *(each(group, lambda run, p=p, mode=mode: run[mode]["whole"][p], 1) for p in ("p50", "p95")),
                        *(each(group, lambda run, p=p, mode=mode: run[mode]["alone"][p], 1) for p in ("p50", "p95")),
                        figure(recalls[name], 3) if mode == "dense" else "",
                    ]
                )
    return made


def upkeep_rows(runs: Mapping[str, Sequence[Any]]) -> list[list[Cell]]:
    return [
        [
            group[0]["name"],
            spread((run["build"] for run in group), 0),
            spread((run["load"] for run in group), 2),
            spread((run["resident_mb"] for run in group), 0),
            spread((run["resident_mb"] - run["before_mb"] for run in group), 0),
            spread((run["delete"] for run in group), 2),
            figure(statistics.median(run["disk_mb"] for run in group)),
        ]
        for group in runs.values()
    ]


def result(runs: Mapping[str, Sequence[Any]], recalls: Mapping[str, float], facts: str, rounds: int) -> Page:
    passages = next(iter(runs.values()))[0]["passages"]
    asked = next(iter(runs.values()))[0]["questions"]
    intro = (
        f"{passages:,} passages, the same texts and vectors for all; {asked} real questions, {K} hits; rounds: {rounds}, "
        "median [min–max]. Everyone embeds questions with the same weights, the peers with torch. groundtext and `txtai, hybrid` "
        "keep a keyword index too."
    )
    search_header = ("search, ms", "p50", "p95", "without embedding, p50", "p95", "recall@10")
    upkeep_header = (
        "store", "build, s", "load, s", "resident while searching, MB", "– over Python and the model, MB", "delete a document, s",
        "disk, MB",
    )  # fmt: skip
    tables = (table(search_header, rows(runs, recalls)), table(upkeep_header, upkeep_rows(runs)))
    return page("## Beside other stores", intro, facts, *tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="R")
    parser.add_argument("--every", type=int, default=2, metavar="N", help="ask every Nth question of the corpus")
    parser.add_argument("--corpus", type=Path, default=SCALE, metavar="DIR")
    parser.add_argument(
        "--only", type=lambda text: known_names(text, list(CONTESTANTS)), default=list(CONTESTANTS), metavar="NAMES"
    )
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    environments = {CONTESTANTS[name].environment for name in arguments.only} - {""}
    facts = machine_facts({OURS: Path(sys.executable)} | {name: peer_python(name) for name in sorted(environments)})
    corpus = scale_corpus(arguments.chunks, folder=arguments.corpus)
    exported = STORES / "export"
    removable = export(corpus, arguments.chunks, exported)
    runs: dict[str, list[Any]] = {name: [] for name in arguments.only}
    for number in range(arguments.rounds):
        shift = number % len(arguments.only)
        for name in arguments.only[shift:] + arguments.only[:shift]:
            removed = removable[number]
            runs[name].append(one_round(CONTESTANTS[name], name, exported, corpus, removed, arguments.every))
    recalls = {name: recall(group[0], exported, corpus, arguments.every) for name, group in runs.items() if "dense" in group[0]}
    for name in arguments.only:
        shutil.rmtree(STORES / name, ignore_errors=True)
    publish(result(runs, recalls, facts, arguments.rounds), arguments.output)


if __name__ == "__main__":
    main()
