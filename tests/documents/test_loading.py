"""What loading a file gives, and what it says when there is nothing to give."""

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


def from_markdown(text: str) -> Document:
    return load_bytes(text.encode(), source="notes.md")


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
            with pytest.raises(DocumentError, match=r"cannot be read: .+ Check the path") as caught:
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

    def test_words_do_not_fuse_across_pages(self) -> None:
        assert load_bytes(pdf(["ends here", "begins there"]), source="a.pdf").text == "ends here\n\nbegins there"

    def test_a_divided_word_is_joined_and_a_compound_keeps_its_hyphen(self) -> None:
        text = "The measures are non-GAAP.\nWe use non-\nGAAP numbers, conse-\nquently they are well-\nknown. Known well."
        assert load_bytes(pdf([text]), source="a.pdf").text == (
            "The measures are non-GAAP.\nWe use non-GAAP numbers, consequently they are well-known. Known well."
        )

    @pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
    def test_encryption_with_an_empty_password_is_no_obstacle(self, algorithm: str) -> None:
        content = encrypted(pdf(["secret", "words"]), user_password="", algorithm=algorithm)
        assert b"secret" not in content
        assert pages(load_bytes(content, source="a.pdf")) == ["secret", "words"]

    def test_a_password_is_asked_for_in_the_error(self) -> None:
        error = failure(encrypted(pdf(["secret"]), user_password="x"), "locked.pdf")
        assert error.status == "encrypted"
        assert "Save a copy without the password" in str(error)

    def test_a_broken_page_costs_that_page_only(self) -> None:
        document = load_bytes(pdf(["one", "two", "three"], broken={2}), source="a.pdf")
        assert pages(document) == ["one", "", "three"]
        assert document.page_statuses == ("ok", "failed", "ok")

    def test_a_page_that_pdfium_cannot_find_is_read_by_pypdf(self) -> None:
        content = pdf(["one", "two", "three"]).replace(b"7 0 obj", b"7 0 obx")
        document = load_bytes(content, source="a.pdf")
        assert pages(document) == ["one", "two", "three"]
        assert document.page_statuses == ("ok", "ok", "ok")

    def test_no_readable_page_is_corrupt_and_no_words_are_no_text(self) -> None:
        assert failure(pdf(["one", "two"], broken={1, 2}), "a.pdf").status == "corrupt"
        assert failure(pdf(["", ""]), "scan.pdf").status == "no-text"

    def test_title_is_the_file_name_and_what_the_metadata_adds(self) -> None:
        assert load_bytes(pdf(["x"], title="Annual report"), source="3M_2022_10K.pdf").title == "3M 2022 10K: Annual report"
        assert load_bytes(pdf(["x"], title="Microsoft Word - x.doc"), source="3M_2022_10K.pdf").title == "3M 2022 10K"


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

    def test_a_few_bad_bytes_do_not_spoil_utf8(self) -> None:
        content = "Grüße aus Köln, schöne Straßen überall, für Käthe, natürlich höchst gemütlich".encode() + b" \xff end"
        assert load_bytes(content, source="a.txt").text.endswith("gemütlich \ufffd end")

    def test_line_ends_become_line_feeds_and_the_rest_stays(self) -> None:
        document = load_bytes(b"a \r\nb\rc\n\n\n  d\0e\f", source="a.txt")
        assert document.text == "a \nb\nc\n\n\n  de\f"
        assert document.page_starts == ()


class TestMarkdown:
    def test_headings_start_where_their_lines_start(self) -> None:
        text = "# One #\r\n\r\nwords\r\n\r\n  Two\r\nlines\r\n===\r\n\r\nThree\n---\n###### Six\n"
        document = from_markdown(text)
        assert document.text == text.replace("\r\n", "\n")
        assert [(h.level, h.text) for h in document.headings] == [(1, "One"), (1, "Two lines"), (2, "Three"), (6, "Six")]
        lines = [document.text[h.start :].split("\n")[0] for h in document.headings]
        assert lines == ["# One #", "  Two", "Three", "###### Six"]

    def test_what_only_looks_like_a_heading_is_none(self) -> None:
        text = "```sh\n# comment\n```\n~~~\n# x\n```\n~~~\n\n    # code\n\n#hashtag\n\n- item\n---\n\n<!--\n# out\n-->\n\n> # quoted\n"
        assert from_markdown(text).headings == ()

    def test_heading_text_is_without_marks(self) -> None:
        document = from_markdown("## Use **`rag index`** with [links](http://x.y/z) and snake_case {#use}\n")
        assert document.headings[0].text == "Use rag index with links and snake_case"

    def test_front_matter_gives_the_title_and_no_heading(self) -> None:
        document = from_markdown('---\nlayout: post\ntitle: "A: day"\n---\n\n# Other\n')
        assert document.title == "A: day"
        assert [h.text for h in document.headings] == ["Other"]
        assert document.text[document.headings[0].start :] == "# Other\n"

    def test_a_rule_at_the_top_is_no_front_matter(self) -> None:
        assert [h.text for h in from_markdown("---\n\n# One\n\n---\n\n# Two\n").headings] == ["One", "Two"]

    def test_title_is_the_first_top_heading_else_the_name(self) -> None:
        assert from_markdown("## Minor\n\n# Major\n").title == "Major"
        assert from_markdown("just words").title == "notes"


class TestHtml:
    def test_headings_have_their_places(self) -> None:
        document = from_html("<h1>Top <em>most</em><br>line</h1><p>One&nbsp;two.</p><ul><li><h2>In a list</h2>x</li></ul>")
        assert document.text == "Top most line\n\nOne two.\n\n- In a list\n\nx"
        assert [(h.level, h.text) for h in document.headings] == [(1, "Top most line"), (2, "In a list")]
        assert all(document.text.startswith(h.text, h.start) for h in document.headings)

    def test_lists_keep_the_numbers_that_the_page_gives_them(self) -> None:
        document = from_html(
            '<ol start="5"><li>five</li><li value="9">nine</li><li value="x">ten</li></ol><ol start="a"><li>one</li></ol>'
        )
        assert [line for line in document.text.split("\n") if line] == ["5. five", "9. nine", "10. ten", "1. one"]

    def test_tables_keep_rows_and_lists_their_numbers(self) -> None:
        table = "<table><tr><th>Year</th><th>Sales</th></tr><tr><td><p>2022</p></td><td></td><td>5</td></tr></table>"
        document = from_html(f"{table}<ol><li>one<ul><li>inner</li></ul></li><li><p>two</p></li></ol>")
        assert document.text == "Year | Sales\n2022 | | 5\n\n1. one\n\n  - inner\n\n2. two"

    def test_a_short_page_is_taken_whole(self) -> None:
        assert from_html("<ol><li>c<li>b</ol><ol><li>x</ol>").text == "1. c\n2. b\n\n1. x"

    def test_a_layout_table_keeps_its_paragraphs_apart(self) -> None:
        document = from_html(
            "<table><tr><td><h2>Left</h2>a</td><td><table><tr><td>1</td><td>2</td></tr></table></td></tr></table>"
        )
        assert document.text == "Left\n\na\n\n1 | 2"

    def test_preformatted_text_keeps_its_lines(self) -> None:
        document = from_html("<p>Run:</p><pre><code>if x:\n    <b>y</b>()  \n\nz</code></pre><p>Done</p>")
        assert document.text == "Run:\n\nif x:\n    y()\n\nz\n\nDone"

    def test_menus_scripts_and_permalinks_are_left_out(self) -> None:
        furniture = "<nav>Home</nav><script>x</script><div hidden>h</div><p style='display: none'>n</p><footer>©</footer>"
        document = from_html(f"{furniture}<main><h1>Title<a href='#t'>¶</a></h1><p>Body</p></main><div>Ads</div>")
        assert document.text == "Title\n\nBody"

    def test_an_article_is_taken_out_of_its_surroundings(self) -> None:
        story = "".join(
            f"<p>Sentence {n} of the story tells what happened on that day, and why it mattered.</p>" for n in range(9)
        )
        aside = "<div class='related'><a href='/1'>Ten tricks</a> <a href='/2'>Buy now</a></div>"
        page = f"{aside}<article><h1>The story</h1>{story}</article>{aside}"
        document = from_html(page, head="<meta property='og:type' content='article'><title>The story - Daily</title>")
        assert document.title == "The story - Daily"
        assert "Sentence 8 of the story" in document.text
        assert "Buy now" not in document.text

    def test_collapsed_and_short_parts_of_a_manual_stay(self) -> None:
        document = from_html(
            "<main><h1>f</h1><details open><summary>More</summary><p>A.</p></details><h2>See</h2><p>g</p></main>"
        )
        assert document.text == "f\n\nMore\n\nA.\n\nSee\n\ng"

    def test_title_falls_back_to_heading_and_name(self) -> None:
        assert from_html("<h1>Ducks and geese</h1>", head="<title>untitled</title>").title == "Ducks and geese"
        assert from_html("<p>words</p>").title == "page"

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
