"""Loading a file returns a document or raises an error with a status."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import pickle
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from paths import SHARED_DATA
from pdf_writer import encrypted, pdf

from rag.documents import EXAMPLE_SUFFIXES, SUFFIXES, is_supported, load, load_bytes
from rag.documents.common.titles import named, readable_name, title_like
from rag.errors import DocumentError
from rag.types import Document

DATA = SHARED_DATA
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared test data (../shared/data) is absent")


def pages(document: Document) -> list[str]:
    """The text of each page, as `page_starts` cuts it, without the separator."""
    ends = [*document.page_starts[1:], len(document.text)]
    return [document.text[start:end].rstrip("\n") for start, end in zip(document.page_starts, ends, strict=True)]


def from_html(body: str, head: str = "") -> Document:
    return load_bytes(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode(), source="page.html")


def failure(content: bytes, source: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        load_bytes(content, source=source)
    assert source in str(caught.value)
    return caught.value


class TestChoosingTheLoader:
    def test_content_goes_before_the_suffix(self) -> None:
        assert load_bytes(pdf(["a page"]), source="report.txt").media_type == "application/pdf"
        assert load_bytes(b"<!DOCTYPE html><p>a page</p>", source="report.txt").media_type == "text/html"
        assert (
            load_bytes(b"<?xml version='1.0'?>\n<!-- x -->\n<html><p>a page</p></html>", source="-").media_type == "text/html"
        )

    def test_the_suffix_tells_apart_what_content_does_not(self) -> None:
        assert load_bytes(b"# a", source="a.MD").media_type == "text/markdown"
        assert load_bytes(b"# a", source="a.txt").media_type == "text/plain"
        assert load_bytes(b"# a", source="-").media_type == "text/plain"
        assert load_bytes(b"# a", source="-", name_hint="a.md").media_type == "text/markdown"

    def test_passwords_go_to_the_loaders_that_take_them(self) -> None:
        locked = encrypted(pdf(["secret"]), user_password="sesame")
        assert load_bytes(locked, source="a.pdf", passwords=("other", "sesame")).text == "secret"
        assert load_bytes(b"words", source="a.txt", passwords=("sesame",)).text == "words"

    def test_text_that_talks_of_pdf_stays_text(self) -> None:
        assert load_bytes(b"The signature is %PDF-1.7.", source="about.txt").text == "The signature is %PDF-1.7."

    def test_a_folder_is_searched_for_the_known_suffixes(self) -> None:
        assert is_supported("a/b.PDF")
        assert is_supported(Path("x.htm"))
        assert not is_supported("a.pdf.part")
        assert is_supported("talk.vtt")
        assert is_supported("module.py")
        assert not is_supported("Makefile")
        assert set(EXAMPLE_SUFFIXES) <= set(SUFFIXES)

    def test_source_is_the_path_as_given_unless_told(self, tmp_path: Path) -> None:
        path = tmp_path / "My_Notes.txt"
        path.write_text("words")
        assert load(path).source == str(path)
        assert load(str(path), source="notes").source == "notes"
        assert load(path, source="notes").title == "My Notes"

    def test_importing_the_package_loads_no_parser(self) -> None:
        code = "import sys, rag.documents; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert not {"pypdfium2", "pypdf", "lxml", "trafilatura", "markdown_it", "charset_normalizer", "docutils"} & set(loaded)


class TestFailures:
    @pytest.mark.parametrize(
        ("content", "source", "status"),
        [
            (b"", "empty.pdf", "no-text"),
            (b" \n\t\n", "blank.txt", "no-text"),
            (codecs.BOM_UTF16_LE + "\n \n".encode("utf-16-le"), "blank16.txt", "no-text"),
            (b"<html><script>draw()</script></html>", "app.html", "no-text"),
            (b"%PDF-1.7\nrubbish", "cut.pdf", "corrupt"),
            (b"not a pdf", "fake.pdf", "corrupt"),
            (bytes(range(256)) * 40, "photo", "unsupported"),
            (b"PK\x03\x04" + b"word/document.xml" * 50, "report.docx", "corrupt"),
            (b"PK\x03\x04" + b"notes.txt" * 50, "notes", "corrupt"),
            (b"{\\rtf1\\ansi Hello}", "letter.rtf", "unsupported"),
        ],
    )
    def test_status_tells_why_there_is_no_document(self, content: bytes, source: str, status: str) -> None:
        assert failure(content, source).status == status

    def test_a_missing_file_and_a_folder_are_unreadable(self, tmp_path: Path) -> None:
        for path in (tmp_path / "missing.pdf", tmp_path):
            with pytest.raises(DocumentError, match="path") as caught:
                load(path)
            assert caught.value.status == "unreadable"

    def test_errors_and_documents_survive_the_way_between_processes(self) -> None:
        error = failure(b"not a pdf", "fake.pdf")
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.status, again.page) == (str(error), "corrupt", None)
        document = load_bytes(pdf(["one", "two"]), source="a.pdf")
        assert pickle.loads(pickle.dumps(document)) == document


class TestPdf:
    def test_every_page_keeps_its_place_and_empty_ones_their_entry(self) -> None:
        document = load_bytes(pdf(["first page\nits second line", "", "third page"]), source="a.pdf")
        assert pages(document) == ["first page\nits second line", "", "third page"]
        assert document.page_statuses == ("ok", "no-text", "ok")
        assert document.pages_of(document.text.index("third"), len(document.text)) == (3, 3)

    @pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
    def test_encryption_with_an_empty_password_is_no_obstacle(self, algorithm: str) -> None:
        content = encrypted(pdf(["secret", "words"]), user_password="", algorithm=algorithm)
        assert b"secret" not in content
        assert pages(load_bytes(content, source="a.pdf")) == ["secret", "words"]

    def test_a_password_is_asked_for_in_the_error(self) -> None:
        error = failure(encrypted(pdf(["secret"]), user_password="x"), "locked.pdf")
        assert error.status == "encrypted"
        assert "Save a copy without the password" in str(error)

    def test_a_page_that_pdfium_cannot_find_is_read_by_pypdf(self) -> None:
        content = pdf(["one", "two", "three"]).replace(b"7 0 obj", b"7 0 obx")
        document = load_bytes(content, source="a.pdf")
        assert pages(document) == ["one", "two", "three"]
        assert document.page_statuses == ("ok", "ok", "ok")

    def test_no_readable_page_is_corrupt_and_no_words_are_no_text(self) -> None:
        assert failure(pdf(["one", "two"], broken={1, 2}), "a.pdf").status == "corrupt"
        assert failure(pdf(["", ""]), "scan.pdf").status == "no-text"


class TestTitles:
    @pytest.mark.parametrize(
        "junk",
        ["", "untitled", "Untitled Document 3", "Microsoft Word - plan.docx", "report.indd", "0000764478-23-000006", "Slide 1"],
    )
    def test_what_is_no_title_is_not_taken(self, junk: str) -> None:
        assert title_like(junk) == ""

    @pytest.mark.parametrize(
        "title", ["Getting started with Node.js", "Middlemarch", "年次報告書", "Microsoft Word - Our plan"]
    )
    def test_what_is_a_title_is(self, title: str) -> None:
        assert title_like(title) == title.removeprefix("Microsoft Word - ")

    def test_name_and_title_are_joined_only_when_each_adds_something(self) -> None:
        assert named("attention_is_all_you_need.pdf", "Attention Is All You Need") == "attention is all you need"
        assert named("duck.pdf", "The duck and its kin") == "The duck and its kin"
        assert named("ACME_2021.pdf", "Annual report") == "ACME 2021: Annual report"

    def test_file_names_become_readable_and_keep_dates_and_forms(self) -> None:
        assert readable_name("docs/8-K_dated-2022-07-01.pdf") == "8-K dated 2022-07-01"
        assert readable_name("two-different-pages.pdf") == "two different pages"


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be"])
    def test_unicode_in_any_dress(self, encoding: str) -> None:
        text = "Größe: 5 €, naïve café — fin.\nΚαλημέρα\n"
        marked = encoding.endswith(("le", "be")) and encoding.startswith("utf-32")
        content = (codecs.BOM_UTF32_BE if marked else b"") + text.encode(encoding)
        assert load_bytes(content, source="a.txt").text == text

    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("cp1252", "L’été où nous étions là, le café coûtait 3 € à la crémerie d’en face, bien sûr."),
            ("cp1250", "Każdy człowiek ma prawo do życia, wolności i bezpieczeństwa swojej osoby. Chrząszcz brzmi w trzcinie."),
            ("cp1251", "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом."),
            ("koi8_r", "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом."),
            ("gb18030", "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。"),
            ("cp932", "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"),
        ],
    )
    def test_older_encodings_are_recognised(self, encoding: str, text: str) -> None:
        assert load_bytes(text.encode(encoding), source="a.txt").text == text


class TestHtml:
    @pytest.mark.parametrize(
        ("encoding", "declaration"),
        [
            ("cp1251", "windows-1251"),
            ("cp932", "Shift_JIS"),
            ("iso2022_jp", "iso-2022-jp"),
            ("utf-8", "latin-1"),
            ("utf-16", ""),
        ],
    )
    def test_declared_and_marked_encodings_are_followed(self, encoding: str, declaration: str) -> None:
        words = "слово" if encoding != "iso2022_jp" else "日本語"
        page = f'<html><head><meta charset="{declaration}"></head><body><p>{words}</p></body></html>'
        assert load_bytes(page.encode(encoding), source="a.html").text == words

    def test_deep_nesting_is_read_and_deeper_than_that_is_told(self) -> None:
        assert from_html("<div>" * 1500 + "core" + "</div>" * 1500 + "<p>end").text == "core\n\nend"
        assert failure(b"<html>" + b"<div>" * 3000 + b"core", "deep.html").status == "corrupt"


@needs_data
@pytest.mark.slow
class TestRealFiles:
    def test_filings_open_and_their_pages_fit_together(self) -> None:
        sizes = {path: path.stat().st_size for path in (DATA / "financebench/dev/pdfs").glob("*.pdf")}
        for path in sorted(sizes, key=lambda path: sizes[path])[:8]:
            document = load(path)
            assert "\n\n".join(pages(document)) == document.text
            assert document.page_statuses.count("ok") > 0.95 * len(document.page_starts)
            assert document.title.startswith(readable_name(path.name))
            assert not re.search("[\0\r\ufffe\ufeff\xa0]", document.text)

    def test_the_gold_evidence_is_on_the_page_that_people_named(self) -> None:
        questions = [json.loads(line) for line in (DATA / "financebench/dev/questions.jsonl").read_text("utf-8").splitlines()]
        found = Counter[bool]()
        for question in questions:
            path = DATA / "financebench/dev/pdfs" / f"{question['doc_name']}.pdf"
            if path.stat().st_size > 700_000:
                continue
            texts = pages(load(path))
            for evidence in question["evidence"]:
                wanted = set(re.findall(r"\w+", evidence["evidence_text"]))
                there = set(re.findall(r"\w+", texts[evidence["evidence_page_num"]]))
                found[len(wanted & there) > 0.9 * len(wanted)] += 1
        assert found[True] > 0.9 * found.total()

    def test_awkward_pdfs_give_text_or_a_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rag.documents.pdf.ocr.is_installed", lambda: False)
        with (DATA / "pdf_nasty/manifest.tsv").open(encoding="utf-8", newline="") as manifest:
            for row in csv.DictReader(manifest, delimiter="\t"):
                path = DATA / "pdf_nasty/files" / row["source"] / row["file"]
                if int(row["chars_pypdfium2"]):
                    document = load(path)
                    assert len(document.page_starts) == int(row["pages"]), path.name
                    assert len(document.text) > 0.8 * int(row["chars_pypdfium2"]) - 5, path.name
                else:
                    expected = "encrypted" if row["open_error"] else "no-text"
                    assert failure(path.read_bytes(), row["file"]).status == expected

    def test_articles_are_extracted_as_people_marked_them(self) -> None:
        truth = json.loads((DATA / "html_articles/ground-truth.json").read_text("utf-8"))
        precisions, recalls = [], []
        for path in sorted((DATA / "html_articles/html").glob("*.html.gz")):
            key = path.name.removesuffix(".html.gz")
            document = load_bytes(gzip.decompress(path.read_bytes()), source=f"{key}.html")
            assert all(document.text.startswith(h.text, h.start) for h in document.headings)
            have, want = shingles(document.text), shingles(truth[key]["articleBody"])
            precisions.append((have & want).total() / max(1, have.total()))
            recalls.append((have & want).total() / max(1, want.total()))
        precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
        assert 2 * precision * recall / (precision + recall) >= 0.95


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Runs of four words, counted with repetition, as the article extraction benchmark has it."""
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i : i + 4]) for i in range(len(words) - 3))
