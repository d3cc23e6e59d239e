"""The pages for people who work on the toolkit: their links lead somewhere, and their examples run."""

from __future__ import annotations

import re
import sys

import pytest
from paths import ROOT
from shown_commands import CELL, run

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (
        ROOT / "CONTRIBUTING.md",
        ROOT / "docs" / "architecture.md",
        *(ROOT / "docs" / "decisions").glob("*.md"),
        *(ROOT / "docs" / "how-to").glob("*.md"),
        *(ROOT / "docs" / "measurements").glob("*.md"),
        *(ROOT / "docs" / "reference").glob("*.md"),
    )
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_links_and_scripts_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert [target for target in links if target and not ((ROOT / page).parent / target).exists()] == []
    named = re.findall(r"`((?:benchmarks|tests|rag|docs)/[\w/.-]+)", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_four_parts_and_is_listed(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert all(f"**{part}" in text for part in ("Context", "Decision", "Consequences", "Alternatives"))
    assert f"({path.name})" in (path.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_examples_run_and_their_components_keep_the_contracts(page, folder):
    folder.rename(folder.with_name("docs"))
    cells = CELL.findall((ROOT / page).read_text(encoding="utf-8"))
    (folder.parent / "test_cells.py").write_text("\n".join(cells), encoding="utf-8")
    command = f'PYTHONPATH="{ROOT}" "{sys.executable}" -m pytest -q -p no:cacheprovider test_cells.py'
    code, output = run(command, folder.parent, {})
    assert code == 0, output
    assert " passed" in output
