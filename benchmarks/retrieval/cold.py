"""Ask one question in a fresh process: `rag search` beside LangChain + FAISS over the same passages and vectors.

    python -m benchmarks.retrieval.cold --megabytes 1 --rounds 7

LangChain's store is filled with groundtext's own passages and vectors, so both search the same thing. `rag --help` and an
empty Python program show what of the time is start-up.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.harness.contestants import (
    OURS,
    common_arguments,
    export_ours,
    index_with_ours,
    our_python,
    peer_command,
    peer_python,
)
from benchmarks.harness.corpus import BENCH, make_corpus
from benchmarks.harness.measure import Run, interleave, machine_facts, note, ratios, run_process, spread
from benchmarks.harness.pages import Page, Table, page, publish, table

QUESTIONS = {
    "book": (
        "Who is the hostess of the soiree in July 1805?",
        "How does Pierre come into his inheritance?",
        "What happens at the battle of Schongrabern?",
        "Why does Prince Andrew leave for the war?",
        "What do the guests say about Napoleon?",
    ),
    "python": (
        "How is a file opened for reading?",
        "What does the context manager of a socket do?",
        "How are arguments of a command line parsed?",
        "What is raised when a key is missing?",
        "How does a thread wait for another one?",
    ),
}
HYBRID, DENSE, HELP, FLOOR, LANGCHAIN = (
    "rag search",
    "rag search --mode dense",
    "rag --help",
    "python -c pass",
    "LangChain search",
)
K = 10


def build(arguments: argparse.Namespace) -> tuple[Path, Path, int]:
    """Our index, LangChain's store of the same passages and vectors, and how many passages those are."""
    ours, export, theirs = (BENCH / "search-cold" / part for part in (OURS, "export", "langchain"))
    if arguments.index:
        ours = arguments.index
    else:
        corpus = make_corpus(arguments.corpus, arguments.megabytes)
        index_with_ours(arguments.rag, corpus, ours, tokens=arguments.chunk_tokens, overlap=arguments.overlap_tokens)
    shutil.rmtree(export, ignore_errors=True)
    export_ours(arguments.rag, ours, export)
    shutil.rmtree(theirs, ignore_errors=True)
    chunks = run_process(peer_command("langchain", "import", export, "--out", theirs)).json["chunks"]
    return ours, theirs, chunks


def contestants(arguments: argparse.Namespace, ours: Path, theirs: Path) -> dict[str, Callable[[], Run]]:
    """Each call asks the next question; all go through the same questions in the same order."""
    rag, python = arguments.rag, our_python(arguments.rag)

    def asking(command: Callable[[str], Sequence[str | Path]]) -> Callable[[], Run]:
        questions: Iterator[str] = itertools.cycle(QUESTIONS[arguments.corpus])
        return lambda: run_process(command(next(questions)))

    return {
        HYBRID: asking(lambda question: [rag, "search", question, "--index", ours, "-k", str(K), "--json"]),
        DENSE: asking(lambda question: [rag, "search", question, "--index", ours, "-k", str(K), "--mode", "dense", "--json"]),
        LANGCHAIN: asking(lambda question: peer_command("langchain", "search", question, "--index", theirs, "-k", str(K))),
        HELP: lambda: run_process([rag, "--help"]),
        FLOOR: lambda: run_process([python, "-c", "pass"]),
    }


def same_passages(runs: Mapping[str, Sequence[Run]]) -> str:
    """How many of LangChain's passages `rag search --mode dense` found too: a fast search that finds others proves nothing."""
    shared = [
        len({hit["chunk"] for hit in ours.json["hits"]} & {hit["chunk"] for hit in theirs.json["hits"]})
        for ours, theirs in zip(runs[DENSE], runs[LANGCHAIN], strict=True)
    ]
    return f"`{DENSE}` and LangChain found the same passages: {sum(shared)} of {K * len(shared)} in {len(shared)} searches."


def times_table(runs: Mapping[str, Sequence[Run]]) -> Table:
    """Wall seconds of each command, and LangChain's over them."""
    theirs = [run.wall for run in runs[LANGCHAIN]]
    rows = []
    for name, group in runs.items():
        seconds = [run.wall for run in group]
        ratio = spread(ratios(theirs, seconds), 1) if name in (HYBRID, DENSE) else ""
        memory = spread((run.peak_mb for run in group), 0)
        rows.append((f"`{name}`", spread(seconds, 3), spread((run.cpu for run in group), 3), memory, ratio))
    return table(("", "seconds", "CPU seconds", "peak MB", "LangChain's seconds over its"), rows)


def result(arguments: argparse.Namespace) -> Page:
    """The whole page."""
    facts = machine_facts({OURS: our_python(arguments.rag), "LangChain": peer_python("langchain")})
    ours, theirs, chunks = build(arguments)
    commands = contestants(arguments, ours, theirs)
    for name, ask in commands.items():
        note(f"warm-up: {name} {ask().wall:.2f} s")
    runs = interleave(commands, arguments.rounds)
    intro = (
        f"One question in a fresh process over {chunks:,} passages of {arguments.index or arguments.corpus}, {K} hits; "
        f"{arguments.rounds} rounds, median [min–max]; the disk's cache is warm."
    )
    return page("## Cold search", intro, facts, times_table(runs), same_passages(runs))


def main() -> None:
    parser = common_arguments(__doc__, rounds=7, megabytes=1.0)
    parser.add_argument(
        "--index",
        type=Path,
        metavar="DIR",
        help="search this index and make none (as benchmarks/retrieval/collections.py leaves)",
    )
    arguments = parser.parse_args()
    publish(result(arguments), arguments.output)


if __name__ == "__main__":
    main()
