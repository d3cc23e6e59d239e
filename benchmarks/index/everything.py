"""What `make bench-index` runs: kills, an index from ten thousand to a million passages, other stores beside it; one page.

    .venv/bin/python -m benchmarks.index.everything --output benchmarks/results/DATE-index.md     # hours; nothing else should run
    .venv/bin/python -m benchmarks.index.everything --chunks 20000 --kills 20 --rounds 1          # to try it

Runs in groundtext's own environment. The first time, it embeds the texts that are at hand for up to --minutes (see
real_passages.py) and makes the corpus (see scale_corpus.py); both stay in .bench/.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness.contestants import as_module
from benchmarks.harness.measure import ROOT, note
from benchmarks.harness.pages import FIGURES, Page, page, publish, published_figures
from benchmarks.index.scale_corpus import SCALE, has_passages

STORES_AT = 100_000
KILLS = "index/kills.py"


def page_of(script: str, *options: str) -> Page:
    """The page of one benchmark, run in a process of its own. Raises CalledProcessError where it failed."""
    with tempfile.TemporaryDirectory(prefix="groundtext-bench-") as folder:
        output = Path(folder) / "page.md"
        note(f"{script} {' '.join(options)}")
        command = [sys.executable, *as_module(script), *options, "--output", str(output)]
        environment = {**os.environ, FIGURES: str(figures := Path(folder) / "figures.jsonl")}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
        return Page(output.read_text(encoding="utf-8").strip(), published_figures(figures))


def embed_what_is_here(minutes: float) -> None:
    """Real passages for the corpus, where there is no corpus yet."""
    subprocess.run([sys.executable, *as_module("index/real_passages.py"), "--minutes", str(minutes)], check=True, cwd=ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=1_000_000, metavar="N", help="the largest index")
    parser.add_argument("--kills", type=int, default=1000, metavar="N", help="0 leaves them out")
    parser.add_argument("--rounds", type=int, default=3, metavar="R", help="of the other stores; 0 leaves them out")
    parser.add_argument("--minutes", type=float, metavar="X", help="of embedding, the first time (35 for a million passages)")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    chunks = str(arguments.chunks)
    if not has_passages(SCALE, arguments.chunks):
        embed_what_is_here(arguments.minutes or max(1.0, 35 * arguments.chunks / 1_000_000))
    plot = ["--plot", str(arguments.output.with_suffix(".svg"))] if arguments.output else []
    parts = [page("# The index")]
    if arguments.kills:
        parts.append(page_of(KILLS, "--kills", str(arguments.kills)))
    parts.append(page_of("index/scale.py", "--chunks", chunks, *plot))
    if arguments.rounds:
        stores = str(min(arguments.chunks, STORES_AT))
        parts.append(page_of("index/stores.py", "--chunks", stores, "--rounds", str(arguments.rounds)))
    publish(page(*parts), arguments.output)


if __name__ == "__main__":
    main()
