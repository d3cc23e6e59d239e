"""How loading gets faster with the number of worker processes. Prints Markdown.

python -m benchmarks.documents.cores ../shared/data/financebench/dev/pdfs --rounds 5

Each measurement is a fresh process that loads every document of a folder `--times` over, the workers' start included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.harness.contestants import as_module
from benchmarks.harness.measure import ROOT, Run, interleave, machine_facts, ratios, run_process, spread
from benchmarks.harness.pages import page, publish, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=3, help="how often each file is loaded, so that there are enough of them")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--load", type=int, metavar="JOBS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        print(json.dumps(_loaded(arguments.folder, arguments.load, arguments.times)))
        return
    cores = len(os.sched_getaffinity(0))
    steps = sorted({1, *(2**power for power in range(1, 10) if 2**power <= cores), cores})
    runs = interleave({str(jobs): partial(_run, arguments.folder, jobs, arguments.times) for jobs in steps}, arguments.rounds)
    seconds = {jobs: [run.json["seconds"] for run in runs[jobs]] for jobs in runs}
    rows = [[jobs, spread(took, 2), spread(ratios(seconds["1"], took), 2)] for jobs, took in seconds.items()]
    told = runs["1"][0].json
    facts = machine_facts({"groundtext": Path(sys.executable)})
    head = f"{told['files']} files, {told['pages']} pages."
    publish(page(head, facts, table(["processes", "seconds", "times as fast as one"], rows)), arguments.output)


def _run(folder: Path, jobs: int, times: int) -> Run:
    command = [sys.executable, *as_module("documents/cores.py"), folder.resolve(), "--load", str(jobs), "--times", str(times)]
    return run_process(command, environment={"PYTHONPATH": str(ROOT)})


def _loaded(folder: Path, jobs: int, times: int) -> dict[str, float]:
    from rag.documents import is_supported
    from rag.documents.loading.workers import load_all

    files = [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and is_supported(path)]
    files *= times
    began, pages = time.perf_counter(), 0
    for one in load_all(files, jobs=jobs):
        pages += len(one.document.page_starts) if one.document else 0
    return {"seconds": time.perf_counter() - began, "files": len(files), "pages": pages}


if __name__ == "__main__":
    main()
