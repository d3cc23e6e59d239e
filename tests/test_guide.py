"""The commands that the README and the guide show are run, in a folder that looks as they say."""

from __future__ import annotations

import re
import sys

import pytest
from paths import ROOT
from shown_commands import CELL, run, shown_on, shows


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
