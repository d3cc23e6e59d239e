"""Run all benchmarks one after the other and join their tables into one page.

    python benchmarks/run.py --output benchmarks/results/2026-01-31.md

Takes from half an hour to hours, by the size of the corpus; nothing else should run beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from contestants import HERE
from measure import ROOT, publish


def page(script: str, options: list[str]) -> str:
    """The Markdown of one benchmark, run in a process of its own. Raises CalledProcessError where it failed."""
    with tempfile.TemporaryDirectory(prefix="groundtext-bench-") as folder:
        output = Path(folder) / "page.md"
        command = [sys.executable, str(HERE / script), *options, "--output", str(output)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return output.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="book")
    parser.add_argument("--megabytes", default="1")
    parser.add_argument("--rounds", default="3", help="of indexing; the short measurements take seven")
    parser.add_argument("--rag", default=str(ROOT / ".venv" / "bin" / "rag"), metavar="PATH", help="our command")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    ours = ["--rag", arguments.rag]
    corpus = [*ours, "--corpus", arguments.corpus, "--megabytes", arguments.megabytes]
    pages = [
        page("index_speed.py", [*corpus, "--rounds", arguments.rounds]),
        page("search_cold.py", corpus),
        page("no_change.py", ours),
    ]
    publish("# Benchmarks\n\n" + "\n\n".join(text.strip() for text in pages), arguments.output)


if __name__ == "__main__":
    main()
