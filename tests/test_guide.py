"""The commands and the Python cells of README, tutorial and how-to pages do what the pages show."""

from __future__ import annotations

import sys

import pytest
from paths import ROOT
from shown_commands import CELL, run, shown_on, shows

PAGES = ["README.md", "docs/tutorial.md", *sorted(f"docs/how-to/{path.name}" for path in (ROOT / "docs/how-to").glob("*.md"))]
WITH_COMMANDS = [page for page in PAGES if shown_on(ROOT / page)]
WITH_CELLS = [page for page in PAGES if CELL.search((ROOT / page).read_text("utf-8"))]
NO_COMMANDS = {"docs/how-to/choose-an-embedder.md", "docs/how-to/use-in-a-notebook.md", "docs/how-to/use-vllm-or-a-server.md"}
"""Pages about models that have to be fetched, or about Python."""


def test_every_page_shows_commands_that_are_run():
    assert set(PAGES) - set(WITH_COMMANDS) == NO_COMMANDS


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({*WITH_COMMANDS, *WITH_CELLS}))
def test_a_page_does_what_it_shows(page, place, tmp_path_factory):
    environment = {"RAG_LLM": "extractive", "RAG_CACHE": str(tmp_path_factory.getbasetemp() / "guide-cache")}
    if page == "docs/tutorial.md":
        del environment["RAG_LLM"]  # the packaged model, as a newcomer has it
    for shown in shown_on(ROOT / page):
        code, output = run(shown.command, place, environment)
        assert code == shown.exit_code, f"$ {shown.command}\n{output}"
        assert shows(output, shown.output), f"$ {shown.command}\n{output}\ndoes not show\n{shown.output}"
    if page in WITH_CELLS:
        cells = CELL.findall((ROOT / page).read_text(encoding="utf-8"))
        (place / "cells.py").write_text("\n".join(cells), encoding="utf-8")
        code, output = run(f'PYTHONPATH="{ROOT}" "{sys.executable}" cells.py', place, environment)
        assert (code, output) == (0, "")


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
