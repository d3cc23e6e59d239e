"""Every example runs in a folder of its own, as a user runs it, and prints what it promises."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from paths import ROOT

EXAMPLES = ROOT / "examples"
TESTED_ELSEWHERE = {"make_demo_pdf.py"}
"""It needs reportlab; test_demo_documents.py runs it where that is installed."""

SHOWS = {
    "ask_a_folder.py": [
        r"^4 documents, 4 of them new$",
        r"^The station cat is called Bosun \[1\]",
        r"\[1\] volunteers\.md, pages None: “The station cat is called Bosun\.”",
    ],
    "check_any_text.py": [
        r"^full .*330 metres tall\.  \[1\]$",
        r"^(partial|none) .*1892",
        r"^none  *0\.00 .*Penguins.*no source$",
    ],
    "keep_in_step.py": [
        r"^first run: 3 added, 0 changed, 0 renamed, 0 removed, 0 unchanged$",
        r"^nothing happened: 0 added, 0 changed, 0 renamed, 0 removed, 3 unchanged$",
        r"^some changes: 0 added, 1 changed, 1 renamed, 1 removed, 0 unchanged$",
    ],
    "search_modes.py": [
        r"^dense:\n  1\. .*Staying the night$",
        r"^keyword:\n  nothing$",
        r"^hybrid:\n  1\. .*Staying the night$",
        r"^only PDF:\n  1\. .* handbook\.pdf, pages \(",
    ],
    "talk.py": [
        r"^  looked for: How many steps does it have\? \(tall tower\)$",
        r"142 steps",
        r"^3 turns so far$",
        r"cost 23,400 pounds",
    ],
    "cited_json.py": [r'"quote": "The causeway to Tolver Ness is 1,350 metres long\."', r'"model": "extractive"'],
}


@pytest.fixture
def environment(monkeypatch):
    """Child processes import the package of this checkout and see no settings of the developer."""
    for name in [name for name in os.environ if name.startswith("RAG_") and name != "RAG_CACHE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")


def test_every_script_is_expected_to_show_something():
    assert {path.name for path in EXAMPLES.glob("*.py")} - TESTED_ELSEWHERE == set(SHOWS)


def test_the_notebook_has_no_outputs_and_no_local_paths():
    for cell in read_notebook().cells:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
        assert "/home/" not in cell.source


@pytest.mark.slow
@pytest.mark.parametrize("script", SHOWS)
def test_a_script_shows_what_it_promises(script, environment, tmp_path):
    output = run_script(script, tmp_path)
    for pattern in SHOWS[script]:
        assert re.search(pattern, output, re.MULTILINE), output


@pytest.mark.slow
def test_the_json_of_an_answer_can_be_read_by_another_program(environment, tmp_path):
    answer = json.loads(run_script("cited_json.py", tmp_path))
    markers = {citation["marker"] for citation in answer["citations"]}
    assert answer["answerable"]
    assert all(set(sentence["citations"]) <= markers for sentence in answer["sentences"])


@pytest.mark.slow
def test_an_own_folder_can_be_asked(environment, tmp_path, folder):
    output = run_script("ask_a_folder.py", tmp_path, str(folder), "How tall is the tower?")
    assert "3 documents, 3 of them new" in output
    assert "“The tower is 34 metres tall.”" in output


@pytest.mark.slow
def test_the_notebook_runs_and_its_objects_show_themselves(environment, tmp_path):
    notebook = read_notebook()
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    hits, answer, not_found = [
        output["data"]["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    assert "Staying the night" in hits
    assert "<mark>The station cat is called Bosun.</mark>" in answer
    assert "Not found in these documents." in not_found
    printed = "".join(
        output["text"] for cell in notebook.cells for output in cell.get("outputs", []) if output["output_type"] == "stream"
    )
    assert "5 pages" in printed
    assert "4 added, 0 unchanged, 0 failed" in printed
    assert re.search(r"^full .*Bosun", printed, re.MULTILINE)
    assert re.search(r"^none .*Norwegian", printed, re.MULTILINE)


def read_notebook() -> nbformat.NotebookNode:
    notebook = nbformat.read(EXAMPLES / "first-steps.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def run_script(name: str, cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
