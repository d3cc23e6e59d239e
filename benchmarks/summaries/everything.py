"""Summaries of long documents through one vLLM server: speed, quality, coverage, a whole book, a killed batch.

    python -m benchmarks.summaries.everything --data ../shared/data --model FOLDER --python .venv-vllm/bin/python
    python -m benchmarks.summaries.everything speed kills --quick …      # some of them, at a size for trying

LangChain runs in an environment of its own: `benchmarks/environments.sh summaries-langchain`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.answers.batch import served
from benchmarks.harness.measure import machine_facts, note
from benchmarks.harness.pages import page, publish
from benchmarks.summaries import coverage as summaries_coverage
from benchmarks.summaries import quality as summaries_quality
from benchmarks.summaries import runs as summaries_runs
from benchmarks.summaries import speed as summaries_speed

PARTS = {
    "speed": (summaries_speed.measure, summaries_speed.Size(), summaries_speed.QUICK),
    "kills": (summaries_runs.killed_and_resumed, summaries_runs.Size(), summaries_runs.QUICK),
    "coverage": (summaries_coverage.measure, summaries_coverage.Size(), summaries_coverage.QUICK),
    "quality": (summaries_quality.measure, summaries_quality.Size(), summaries_quality.QUICK),
    "book": (summaries_runs.war_and_peace, summaries_runs.Size(), summaries_runs.QUICK),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all if none is named")
    parser.add_argument("--data", type=Path, required=True, help="the folder with book_war_and_peace, squality, qmsum, leval")
    parser.add_argument("--model", type=Path, required=True, help="for vLLM: a folder")
    parser.add_argument("--python", type=Path, required=True, help="the Python that has vLLM")
    parser.add_argument("--window", type=int, default=4096)
    parser.add_argument("--rounds", type=int, help="of `speed`")
    parser.add_argument("--documents", type=int, help="of each collection, for `quality` (all)")
    parser.add_argument("--quick", action="store_true", help="sizes that show only that everything runs")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.parts) - PARTS.keys()):
        parser.error(f"unknown {', '.join(unknown)}; known are {', '.join(PARTS)}")
    peer = {"LangChain's": summaries_speed.PEER} if summaries_speed.PEER.exists() else {}
    facts = machine_facts({"vLLM's": arguments.python, **peer})
    sections = []
    model, python = str(arguments.model.resolve()), str(arguments.python.absolute())
    with served(model, python=python, window=arguments.window) as (server, _):
        for name in arguments.parts or PARTS:
            measure, usual, quick = PARTS[name]
            note(f"{name} …")
            size = sized(name, quick if arguments.quick else usual, arguments)
            sections.append(measure(server, arguments.data, size))  # type: ignore[operator]
    told = f"{facts}\n- Model {arguments.model.name}, window {arguments.window}."
    publish(page("## Summaries through vLLM", told, *sections), arguments.output)


def sized(name: str, size: Any, arguments: argparse.Namespace) -> Any:
    """The size of a part, with what the command line says of it."""
    if name == "speed" and arguments.rounds:
        return replace(size, rounds=arguments.rounds)
    return replace(size, documents=arguments.documents) if name == "quality" and arguments.documents else size


if __name__ == "__main__":
    main()
