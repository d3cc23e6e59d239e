"""A text checked against documents, and at the shell."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import rag
from rag.answers.check import check_documents
from rag.cli import main
from rag.grounding.lexical import LexicalVerifier
from rag.types import Document

GUIDE = Document(
    "The tower is 34 metres tall.\n\nSeven carp live in the pond.",
    "guide.pdf",
    "Guide",
    page_starts=(0, 30),
    page_statuses=("ok", "ok"),
)


def test_citations_of_documents_have_pages_and_exact_quotes():
    checked = check_documents("Seven carp live in the pond [4]. The mill is old.", [GUIDE], verifier=LexicalVerifier())
    assert [(s.text, s.support, s.citations) for s in checked.sentences] == [
        ("Seven carp live in the pond.", "full", (1,)),
        ("The mill is old.", "none", ()),
    ]
    (citation,) = checked.citations
    assert (citation.source, citation.pages, GUIDE.text[citation.start : citation.end]) == ("guide.pdf", (2, 2), citation.quote)


@pytest.fixture
def tower(tmp_path):
    path = tmp_path / "tower.txt"
    path.write_text("The tower is 34 metres tall.", encoding="utf-8")
    return str(path)


def test_the_command_checks_a_text_against_files(tower, tmp_path):
    (tmp_path / "pond.txt").write_text("Seven carp live in the pond.", encoding="utf-8")
    done = CliRunner().invoke(
        main, ["check", "Seven carp live in the pond.", "--sources", tower, str(tmp_path / "pond.txt"), "--json"]
    )
    record = json.loads(done.stdout)
    assert (done.exit_code, set(record)) == (0, {"sentences", "citations", "seconds"})
    assert record["sentences"][0]["support"] == "full"
    assert record["citations"][0]["quote"] == "Seven carp live in the pond."


def test_the_command_reads_a_file_or_stdin(tower, tmp_path):
    answer = tmp_path / "answer.txt"
    answer.write_text("The tower is 43 metres tall.", encoding="utf-8")
    of_a_file = CliRunner().invoke(main, ["check", str(answer), "--sources", tower])
    of_stdin = CliRunner().invoke(main, ["check", "-", "--sources", tower], input="The tower is 43 metres tall.")
    assert of_a_file.stdout.startswith("The tower is 43 metres tall [1]. (partly supported)\n")
    assert of_stdin.stdout == of_a_file.stdout


def test_sources_need_their_option_and_exclude_an_index(tower):
    assert "--sources" in CliRunner().invoke(main, ["check", "Text.", tower]).stderr
    both = CliRunner().invoke(main, ["check", "Text.", "--sources", tower, "--index", "i"])
    assert (both.exit_code, "cannot go together" in both.stderr) == (2, True)


def test_check_uses_the_packaged_embedder():
    (sentence,) = rag.check(
        "The boat with its sailors sank in March.", sources=["The vessel with her crew went down in March."]
    )
    (by_words,) = rag.check(
        "The boat with its sailors sank in March.",
        sources=["The vessel with her crew went down in March."],
        verifier=LexicalVerifier(),
    )
    assert sentence.score > by_words.score
