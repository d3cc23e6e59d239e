"""The commands that the README and the guide show are run, in a folder that looks as they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT

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


@pytest.fixture
def place(tmp_path):
    """A folder with the example documents in `docs`, the recipes and what they point at, and `rag` on the path."""
    documents = ROOT / "rag" / "demo" / "documents"
    shutil.copytree(documents, tmp_path / "docs")
    shutil.copytree(documents, tmp_path / "rag" / "demo" / "documents")
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    launcher = tmp_path / "bin" / "rag"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "cli.py"}" "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return tmp_path


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


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/cookbook.md"])
def test_every_command_of_a_page_does_what_the_page_shows(page, place, tmp_path_factory):
    environment = {"RAG_LLM": "extractive", "RAG_CACHE": str(tmp_path_factory.getbasetemp() / "guide-cache")}
    commands = shown_on(ROOT / page)
    assert any(shown.command.startswith("rag ask") for shown in commands)
    for shown in commands:
        code, output = run(shown.command, place, environment)
        assert code == shown.exit_code, f"$ {shown.command}\n{output}"
        assert shows(output, shown.output), f"$ {shown.command}\n{output}\ndoes not show\n{shown.output}"


@pytest.mark.slow
def test_the_cells_of_the_cookbook_run_one_after_the_other(place):
    cells = CELL.findall((ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8"))
    assert len(cells) > 2
    (place / "cells.py").write_text("\n".join(cells), encoding="utf-8")
    code, output = run(f'PYTHONPATH="{ROOT}" "{sys.executable}" cells.py', place, {})
    assert (code, output) == (0, "")


def test_every_link_of_the_guides_leads_somewhere():
    for page in ("docs/guide.md", "docs/cookbook.md", "pipelines/README.md", "indexes/README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        headings = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, fragment = target.partition("#")
            linked = (ROOT / page).parent / path if path else ROOT / page
            assert linked.exists(), f"{page}: {target}"
            assert not fragment or path or fragment in headings, f"{page}: {target}"


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    ("expected", "fits"),
    [
        ((), True),
        (("one",), True),
        (("one …",), False),
        (("two …", "  four"), True),
        (("  four", "two …"), False),
        (("wo three",), False),
    ],
)
def test_shown_output_is_compared_line_by_line_and_in_order(expected, fits):
    assert shows("one\ntwo three\nmore\n  four\n", expected) is fits
