"""The reference pages agree with the code."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import pytest
from paths import ROOT

from rag import Answer, Citation, Hit, RemoveReport, Sentence, Summary, SyncReport
from rag.documents.families import SUFFIXES
from rag.errors import DOCUMENT_STATUSES

GENERATED = [path.name for path in sorted((ROOT / "docs" / "reference").glob("*.md")) if "[[[cog" in path.read_text("utf-8")]


def test_commands_and_python_names_are_generated():
    assert GENERATED == ["commands.md", "python.md"]


@pytest.mark.parametrize("page", ["commands.md", pytest.param("python.md", marks=pytest.mark.slow)])
def test_a_generated_page_is_up_to_date(page):
    path = ROOT / "docs" / "reference" / page
    command = [sys.executable, "-m", "cogapp", "-I", str(ROOT / "docs"), "--check", "--diff", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"Run `make docs`.\n{done.stdout}"


def test_the_settings_page_has_every_variable():
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    code = "".join(path.read_text("utf-8") for path in (ROOT / "rag").rglob("*.py"))
    variables = set(re.findall(r"\bRAG_[A-Z_]+\b", code))
    assert {variable for variable in variables if f"`{variable}`" not in page} == set()


def test_the_formats_page_has_every_suffix():
    page = (ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    suffixes = {suffix for suffix, family in SUFFIXES.items() if family != "code"}
    assert {suffix for suffix in suffixes if f"`{suffix}`" not in page} == set()


def test_the_json_page_has_every_status_and_field():
    page = (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
    shown = (Answer, Sentence, Citation, Hit, SyncReport, RemoveReport, Summary)
    fields = {field.name for kind in shown for field in dataclasses.fields(kind)}
    assert {name for name in {*fields, *DOCUMENT_STATUSES} if f'"{name}"' not in page and f"`{name}`" not in page} == set()
