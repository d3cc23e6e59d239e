"""The documents and questions of `rag demo`: the expected quotes are on the expected pages."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from lxml import html
from paths import ROOT

from rag.demo.demo import open_demo_index

DEMO = ROOT / "rag" / "demo"
DOCUMENTS = DEMO / "documents"
QUESTIONS: list[dict[str, Any]] = json.loads((DEMO / "questions.json").read_text(encoding="utf-8"))
ANSWERABLE = [entry for entry in QUESTIONS if entry["expect"] is not None]


def pdf_pages(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [one_line(page.get_textpage().get_text_range()) for page in pdf]


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def visible_text(path: Path) -> str:
    article = html.document_fromstring(path.read_text(encoding="utf-8")).find(".//article")
    assert article is not None
    return one_line(article.text_content())


def text_of(source: str, page: int | None) -> str:
    """The words of a document, or of one page of it, with single spaces."""
    path = DOCUMENTS / source
    if path.suffix == ".pdf":
        pages = pdf_pages(path)
        return " ".join(pages) if page is None else pages[page - 1]
    return visible_text(path) if path.suffix == ".html" else one_line(path.read_text(encoding="utf-8"))


def all_places() -> list[tuple[str, int | None, str]]:
    """(source, page, text) for each page of the PDF and for each other document."""
    places: list[tuple[str, int | None, str]] = []
    for path in sorted(DOCUMENTS.iterdir()):
        if path.suffix == ".pdf":
            places += [(path.name, number, text) for number, text in enumerate(pdf_pages(path), start=1)]
        else:
            places.append((path.name, None, text_of(path.name, None)))
    return places


def test_two_questions_can_be_answered_and_the_last_cannot() -> None:
    assert [entry["expect"] is not None for entry in QUESTIONS] == [True, True, False]
    assert all(entry["question"].endswith("?") for entry in QUESTIONS)


@pytest.mark.parametrize("entry", ANSWERABLE, ids=lambda entry: entry["expect"]["source"])
def test_an_expected_quote_stands_in_its_place_and_nowhere_else(entry: dict[str, Any]) -> None:
    expect = entry["expect"]
    found = [(source, page) for source, page, text in all_places() if expect["quote_contains"] in text]
    assert found == [(expect["source"], expect["page"])]


def test_the_answers_lie_deep_in_the_pdf_and_in_another_format() -> None:
    by_format = {Path(entry["expect"]["source"]).suffix: entry["expect"]["page"] for entry in ANSWERABLE}
    assert len(by_format) == 2
    assert by_format[".pdf"] >= 3


def test_no_document_has_a_word_about_the_last_question() -> None:
    words = {"composed", "composer", "opera", "dutchman"}
    for source, _, text in all_places():
        assert not words & set(re.findall(r"\w+", text.lower())), source


def test_the_demo_shows_four_formats_in_few_bytes() -> None:
    files = [path for path in DEMO.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.suffix for path in DOCUMENTS.iterdir()} == {".pdf", ".html", ".md", ".txt"}
    assert sum(path.stat().st_size for path in files) < 200_000


def test_handbook_pages_are_full_and_end_with_their_number() -> None:
    pages = pdf_pages(DOCUMENTS / "handbook.pdf")
    assert len(pages) == 5
    for number, text in enumerate(pages, start=1):
        assert len(text.split()) > 250
        assert text.endswith(f"Station Handbook Page {number}")


def test_a_document_holds_text_in_japanese_and_german() -> None:
    page = text_of("tides.html", None)
    assert "トルヴァー・ネス灯台へようこそ" in page
    assert "Bitte prüfen Sie" in page


@pytest.mark.skipif(importlib.util.find_spec("reportlab") is None, reason="reportlab, which lays out the PDF, is not installed")
def test_the_script_in_examples_makes_the_packaged_handbook(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "examples" / "make_demo_pdf.py"))
    script["write_handbook"](tmp_path / "handbook.pdf")
    assert pdf_pages(tmp_path / "handbook.pdf") == pdf_pages(DOCUMENTS / "handbook.pdf")


def test_the_licence_is_the_whole_apache_licence() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.split()[:5] == ["Apache", "License", "Version", "2.0,", "January"]
    assert [f"   {number}. " in licence for number in range(1, 10)] == [True] * 9
    assert "APPENDIX: How to apply the Apache License to your work." in licence
    assert licence.rstrip().endswith("limitations under the License.")


def test_a_broken_demo_index_is_rebuilt(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RAG_CACHE", str(tmp_path))
    (tmp_path / "demo-index").mkdir()
    (tmp_path / "demo-index" / "catalog.sqlite").write_bytes(b"not a catalog" * 1000)
    with open_demo_index() as index:
        assert len(index) == 0
