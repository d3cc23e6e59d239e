"""Run every benchmark: a quick form of each, in minutes, or everything, in hours.

    python -m benchmarks.run                       # into benchmarks/results/DATE-MACHINE.md, figures in DATE-MACHINE.json
    python -m benchmarks.run speed quality         # only these parts, into .bench/check
    python -m benchmarks.run --check               # then compare with the last kept result (compare.py); kept in .bench/check
    python -m benchmarks.run --full                # every `make bench-PART`, each into DATE-MACHINE-PART.md

Parts: speed, index, documents, quality, answers, summaries. What this machine lacks the data or vLLM for is left out, and the page
says why. Nothing else should run beside it. Exits with 1 if a benchmark failed, or --check found something worse.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.compare import RESULTS, judge, last_kept
from benchmarks.harness.contestants import HERE, as_module
from benchmarks.harness.corpus import BENCH, BOOK
from benchmarks.harness.figures import Figures, to_json
from benchmarks.harness.measure import ROOT, machine_name, note
from benchmarks.harness.pages import FIGURES, published_figures
from benchmarks.harness.parts import PARTS, Command

CHECKED = BENCH / "check"


@dataclass(frozen=True, slots=True)
class Section:
    """What a command printed and measured, or why it did not."""

    command: str
    markdown: str = ""
    figures: Figures = field(default_factory=dict)
    left_out: str = ""
    failed: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For the file of figures."""
        told: dict[str, Any] = {"command": self.command}
        if self.left_out:
            return told | {"left out": self.left_out}
        if self.failed:
            told["failed"] = self.failed
        return told | {"figures": to_json(self.figures)}

    def text(self) -> str:
        """A section: under its own headings, or else the script's name, what was printed and by which command."""
        printed = with_headings_from(2, self.markdown.strip())
        heading = "" if printed.startswith("#") else f"## {self.command.removeprefix('make ').split()[0]}"
        came = f"Made by `{self.command}`."
        if self.left_out:
            came = f"`{self.command}` was left out: {self.left_out}."
        elif self.failed:
            came = f"**`{self.command}` failed: {self.failed}**"
        return "\n\n".join(filter(None, (heading, printed, came)))


@dataclass(frozen=True, slots=True)
class Results:
    """All pages of a run, by script or target."""

    form: str
    machine: str
    pages: dict[str, Section] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As compare.py reads it. Commands that measure nothing are not in it."""
        pages = {name: page.to_dict() for name, page in self.pages.items()}
        return {"form": self.form, "date": str(date.today()), "machine": self.machine, "pages": pages}

    def text(self, title: str, made_by: str) -> str:
        """The page."""
        return "\n\n".join([f"# {title}", made_by, *(page.text() for page in self.pages.values())])

    @property
    def has_failed(self) -> bool:
        return any(page.failed for page in self.pages.values())


def with_headings_from(level: int, markdown: str) -> str:
    """The same with its highest heading on that level, and the others as far below it as they were."""
    levels = [len(found) for found in re.findall(r"^(#+) ", markdown, re.MULTILINE)]
    shift = level - min(levels, default=level)
    return re.sub(r"^(#+) ", lambda found: "#" * (len(found[1]) + shift) + " ", markdown, flags=re.MULTILINE)


def printed(command: Sequence[str], shown: str) -> Section:
    """Run to the end; what it tells on stderr is passed on."""
    note(f"\n{shown}")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output, tempfile.NamedTemporaryFile() as figures:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, FIGURES: figures.name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            last = ""
            for line in process.stderr or ():
                sys.stderr.write(line)
                last = last if line.startswith("make") else line.strip() or last
        output.seek(0)
        failed = f"{last} (exit code {process.returncode})" if process.returncode else ""
        return Section(shown, output.read(), published_figures(Path(figures.name)), failed=failed)


def run_quick(names: Sequence[str], data: Path, machine: str, plot: Path) -> Results:
    """The quick form of these parts, one command after the other."""
    commands = [command for name in names for command in PARTS[name]]
    make_environments([command for command in commands if not command.obstacle(data)])
    results = Results("quick", machine)
    for command in commands:
        obstacle = command.obstacle(data)
        script, *options = command.line(data, plot)
        line = [sys.executable, *as_module(script), *options]
        page = Section(command.shown, left_out=obstacle) if obstacle else printed(line, command.shown)
        if page.markdown or page.left_out or page.failed:
            results.pages[command.script] = page
    return results


def make_environments(commands: Sequence[Command]) -> None:
    """Install the peers. A command whose peer could not be installed says so itself."""
    if peers := list(dict.fromkeys(peer for command in commands for peer in command.peers)):
        subprocess.run([str(HERE / "environments.sh"), *peers], cwd=ROOT, check=False, stdout=sys.stderr)


def run_full(names: Sequence[str], data: Path, machine: str, folder: Path) -> bool:
    """Every part as make has it, each kept as soon as it is there; whether all succeeded."""
    succeeded = True
    for name in names:
        target, output = f"bench-{name}", folder / f"{date.today()}-{machine}-{name}.md"
        options = [f"DATA={data}", *([f"OUTPUT={output}"] if name == "index" else [])]  # which draws its plot beside it
        page = printed(["make", "--silent", target, *options], f"make {target}")
        results = Results("full", machine, {target: page})
        keep(results, output, f"{name.capitalize()}: {date.today()}, {machine}", f"`make {target}`, of `make bench-full`.")
        succeeded &= not page.failed
    return succeeded


def keep(results: Results, output: Path, title: str, made_by: str) -> None:
    """Print the page, and write it and its figures."""
    text = results.text(title, made_by)
    print(text)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text + "\n", encoding="utf-8")
    output.with_suffix(".json").write_text(as_lines(results.to_dict()), encoding="utf-8")
    note(f"\n{output}\n{output.with_suffix('.json')}")


def as_lines(result: Mapping[str, Any]) -> str:
    """JSON with a line for each figure, so that a difference can be read."""
    text = json.dumps(result, ensure_ascii=False, indent=1)
    return re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all if none is named")
    parser.add_argument("--full", action="store_true", help="everything, in hours")
    parser.add_argument(
        "--check", action="store_true", help="compare with the last kept result, and fail where something is worse"
    )
    parser.add_argument("--data", type=Path, default=BOOK.parent.parent, metavar="DIR", help="the folder of the collections")
    parser.add_argument("--machine", default=machine_name(), metavar="NAME", help="what results are called (%(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the quick form's page; its figures lie beside it")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.parts) - PARTS.keys()):
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(PARTS)}")
    if arguments.full and (arguments.check or arguments.output):
        parser.error("--full names its pages itself, and only the quick form is checked")
    return arguments


def main() -> None:
    arguments = options()
    names = [name for name in PARTS if name in (arguments.parts or PARTS)]
    data, machine = arguments.data.resolve(), arguments.machine
    if arguments.full:
        sys.exit(0 if run_full(names, data, machine, RESULTS) else 1)
    kept_at = last_kept(machine) if arguments.check else None
    folder = RESULTS if names == list(PARTS) and not arguments.check else CHECKED
    output = (arguments.output or folder / f"{date.today()}-{machine}.md").absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    results = run_quick(names, data, machine, output.with_suffix(".svg"))
    made_by = "The quick form of every benchmark (`make bench`): small sizes, few rounds. `make bench-full` has the large ones."
    keep(results, output, f"{date.today()}, {machine}", made_by)
    worse = judge(results.to_dict(), kept_at) if kept_at else False
    sys.exit(1 if worse or results.has_failed else 0)


if __name__ == "__main__":
    main()
