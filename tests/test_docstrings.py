"""The examples in docstrings, run in a folder with three small documents."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from paths import ROOT

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "rag").rglob("*.py")
    if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_as_shown(name, folder, monkeypatch):
    folder.rename(folder.with_name("docs"))
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("RAG_LLM", "extractive")
    outcome = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert outcome.attempted > 0
    assert outcome.failed == 0
