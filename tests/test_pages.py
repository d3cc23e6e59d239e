"""The pages of docs/: links lead somewhere, the index is complete, examples of components run."""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from paths import ROOT
from shown_commands import CELL, run

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "pipelines/README.md", ROOT / "indexes/README.md")
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def test_links_lead_somewhere():
    targets = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page))]
    assert targets
    assert [(page, target) for page, target in targets if not leads_somewhere(page, target)] == []


def test_named_files_exist():
    names = [(page, name) for page in PAGES for name in re.findall(r"`((?:benchmarks|tests|rag|docs)/[\w/.-]+)", text_of(page))]
    assert names
    assert [(page, name) for page, name in names if not (ROOT / name).exists()] == []


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def leads_somewhere(page: str, target: str) -> bool:
    if "://" in target:
        return True
    path, _, fragment = target.partition("#")
    linked = (ROOT / page).parent / path if path else ROOT / page
    return linked.exists() and (not fragment or fragment in anchors_of(linked))


@cache
def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_table_of_contents_lists_every_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [
        path.relative_to(ROOT / "docs") for room in ("how-to", "reference") for path in (ROOT / "docs" / room).glob("*.md")
    ]
    assert [str(page) for page in pages if f"({page})" not in text] == []


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
