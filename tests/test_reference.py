"""The reference pages are those of the code as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from paths import ROOT

GENERATED = [path.name for path in sorted((ROOT / "docs" / "reference").glob("*.md")) if "[[[cog" in path.read_text("utf-8")]


def test_commands_and_python_names_are_generated():
    assert GENERATED == ["commands.md", "python.md"]


@pytest.mark.parametrize("page", ["commands.md", pytest.param("python.md", marks=pytest.mark.slow)])
def test_a_generated_page_is_up_to_date(page):
    path = ROOT / "docs" / "reference" / page
    command = [sys.executable, "-m", "cogapp", "-I", str(ROOT / "docs"), "--check", "--diff", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"Run `make docs`.\n{done.stdout}"
