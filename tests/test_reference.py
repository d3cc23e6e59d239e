"""The reference pages are those of the code as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from paths import ROOT

PAGES = [str(path) for path in sorted((ROOT / "docs" / "reference").glob("*.md")) if "[[[cog" in path.read_text("utf-8")]


@pytest.mark.slow
def test_generated_pages_are_up_to_date():
    command = [sys.executable, "-m", "cogapp", "-I", str(ROOT / "docs"), "--check", "--diff", *PAGES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert len(PAGES) == 2
    assert done.returncode == 0, f"Run `make docs`.\n{done.stdout}"
