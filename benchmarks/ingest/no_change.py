"""Index many small files, then time the runs that find nothing to do.

python -m benchmarks.ingest.no_change --files 2000 --rounds 7
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from benchmarks.harness.contestants import OURS, common_arguments, index_with_ours, our_python
from benchmarks.harness.measure import Run, figure, interleave, machine_facts, note, run_process, spread
from benchmarks.harness.pages import Page, page, publish, table

WORDS = (
    "harbour keeper signal lantern tide fog buoy channel pilot vessel anchor chart current depth storm shelter quay crew cargo "
    "ledger winter repair mast rope sail inspection schedule night watch report distance northern island passage"
)
WORDS_A_FILE = 40
HELP, SECOND = "rag --help", "rag index, nothing changed"


def make_files(folder: Path, count: int) -> None:
    """Small texts that differ from each other, the same ones each time."""
    chance, words = random.Random(0), WORDS.split()
    folder.mkdir()
    for number in range(count):
        text = " ".join(chance.choices(words, k=WORDS_A_FILE))
        (folder / f"note-{number:05}.txt").write_text(f"Note {number}. {text.capitalize()}.\n", encoding="utf-8")


def index_again(arguments: argparse.Namespace, folder: Path, index: Path) -> Run:
    """The same command once more; raises SystemExit when it found anything to do."""
    sizes = ["--chunk-tokens", str(arguments.chunk_tokens), "--overlap-tokens", str(arguments.overlap_tokens)]
    run = run_process([arguments.rag, "index", folder, "--index", index, "--json", *sizes])
    done = [key for key in ("added", "changed", "renamed", "removed", "failed") if run.json[key]]
    if done or run.json["unchanged"] != arguments.files:
        raise SystemExit(f"The run was to find {arguments.files} unchanged files: {run.json}")
    return run


def measure(arguments: argparse.Namespace) -> tuple[Run, dict[str, list[Run]]]:
    """The run that builds the index, and the rounds that find it up to date."""
    with tempfile.TemporaryDirectory(prefix="groundtext-bench-") as place:
        folder, index = Path(place) / "notes", Path(place) / "index"
        make_files(folder, arguments.files)
        first = index_with_ours(arguments.rag, folder, index, tokens=arguments.chunk_tokens, overlap=arguments.overlap_tokens)
        note(f"first run: {first.wall:.2f} s")
        commands = {
            SECOND: lambda: index_again(arguments, folder, index),
            HELP: lambda: run_process([arguments.rag, "--help"]),
        }
        return first, interleave(commands, arguments.rounds)


def result(arguments: argparse.Namespace) -> Page:
    """The whole page."""
    facts = machine_facts({OURS: our_python(arguments.rag)})
    first, runs = measure(arguments)
    rows = [("rag index, the first time (once)", figure(first.wall, 2), figure(first.cpu, 2), figure(first.peak_mb))]
    for name, group in runs.items():
        seconds, cpu = (spread((getattr(run, field) for run in group), 3) for field in ("wall", "cpu"))
        rows.append((name, seconds, cpu, spread((run.peak_mb for run in group), 0)))
    intro = f"{arguments.files:,} files of about {WORDS_A_FILE} words; {arguments.rounds} rounds, median [min–max]."
    return page("## Indexing again", intro, facts, table(("", "seconds", "CPU seconds", "peak MB"), rows))


def main() -> None:
    parser = common_arguments(__doc__, rounds=7, megabytes=None)
    parser.add_argument("--files", type=int, default=2000, metavar="N")
    arguments = parser.parse_args()
    publish(result(arguments), arguments.output)


if __name__ == "__main__":
    main()
