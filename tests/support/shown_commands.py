"""Commands of a page of documentation, run as the page shows them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


CELL = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


EXIT_CODE = re.compile(r"#\s*exit code (\d+)\s*$")


NOT_RUN = ("make ", "pip ", "git ")
"""These change the machine, or need a network."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of a page and the lines of its output that the page shows; "…" stands for anything."""

    command: str
    output: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        stated = EXIT_CODE.search(self.command)
        return int(stated[1]) if stated else 0


def shown_on(page: Path) -> list[Shown]:
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = entry.splitlines()
            if not command.startswith(NOT_RUN):
                found.append(Shown(command, tuple(line for line in output if line.strip())))
    return found


def run(command: str, place: Path, environment: dict[str, str]) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        env={**kept, "PATH": path, "PYTHONIOENCODING": "utf-8", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


def shows(output: str, expected: tuple[str, ...]) -> bool:
    """Whether the expected lines, or their beginnings, are among the lines of the output, in that order."""
    patterns = [".*".join(map(re.escape, line.rstrip().split("…"))) for line in expected]
    return re.search(r"(?:^|\n)" + r"[^\n]*\n(?:[^\n]*\n)*?".join(patterns), output) is not None if patterns else True
