"""What holds for every text and every heap of bytes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pdf_writer import pdf

from rag.documents import SUFFIXES, load_bytes
from rag.documents.characters import tidy, with_line_feeds
from rag.documents.encodings import decode
from rag.documents.hyphens import MARKER, join_divided_words
from rag.errors import DocumentError
from rag.types import Document

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates included, as damaged files have them
winansi_line = st.text(st.characters(codec="cp1252", categories=["L", "N", "P"], exclude_characters="-\xad"), max_size=30)
html_pieces = st.sampled_from(
    "<p> </p> <h1> </h1> <h3> <ul> </ul> <ol> <li> </li> <table> <tr> <td> </table> <pre> </pre> <br> <div> </div> <b> </b>"
    " <main> </main> <nav> &nbsp; &shy; &#0; <!-- --> <![CDATA[ ]]> word 中文 café\n\n \t & < >".split(" ")
)
markdown_lines = st.sampled_from(
    ["# One", "Two", "===", "---", "", "```", "    code", "- item", "> ## quote", "title: x", "### "]
)


def outcome(content: bytes, source: str) -> Document | DocumentError:
    try:
        return load_bytes(content, source=source)
    except DocumentError as error:
        return error


@given(any_text)
@example("e\u0301\r\r\n\xa0\u2028 \u1680\n\ufeff")
def test_normalising_twice_changes_nothing(text: str) -> None:
    for normalise in (tidy, with_line_feeds):
        once = normalise(text)
        assert normalise(once) == once
        assert "\r" not in once
        assert "\0" not in once
        once.encode("utf-8")
    assert unicodedata.is_normalized("NFC", tidy(text))


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0")
    ),  # UTF-16's mark and a NUL are UTF-32's mark
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
def test_marked_text_comes_back_whole(text: str, encoding: str) -> None:
    content = text.encode("utf-8-sig" if encoding == "utf-8" else encoding)
    assert decode(content) == text


@given(st.lists(any_text, max_size=4))
def test_joining_words_leaves_no_marker_and_loses_no_other_character(pages: list[str]) -> None:
    joined = join_divided_words(pages)
    assert [page.replace(MARKER, "").replace("-", "") for page in pages] == [page.replace("-", "") for page in joined]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(winansi_line, max_size=3), min_size=1, max_size=5))
def test_a_page_lies_between_its_start_and_the_next(pages: list[list[str]]) -> None:
    document = outcome(pdf(["\n".join(lines) for lines in pages]), "a.pdf")
    if isinstance(document, DocumentError):
        assert document.status == "no-text"
        assert not any("".join(lines) for lines in pages)
        return
    ends = [*document.page_starts[1:], len(document.text)]
    for lines, start, end, status in zip(pages, document.page_starts, ends, document.page_statuses, strict=True):
        text = document.text[start:end]
        assert status == ("ok" if text.strip() else "no-text")
        assert "".join(text.split()) == "".join(unicodedata.normalize("NFC", "".join(lines)).split())


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(html_pieces, max_size=40), st.sampled_from(["", "<meta property='og:type' content='article'>"]))
def test_html_headings_are_where_they_say(pieces: list[str], head: str) -> None:
    document = outcome(f"<html>{head}{' '.join(pieces)}".encode(), "a.html")
    if isinstance(document, DocumentError):
        assert document.status == "no-text"
        return
    assert document.text == document.text.strip("\n")
    assert all(document.text.startswith(heading.text, heading.start) for heading in document.headings)
    assert [heading.start for heading in document.headings] == sorted(heading.start for heading in document.headings)


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(markdown_lines, max_size=12))
def test_markdown_headings_start_lines_of_the_untouched_text(lines: list[str]) -> None:
    text = "\n".join([*lines, "end"])
    document = load_bytes(text.encode(), source="a.md")
    assert document.text == text
    for heading in document.headings:
        assert heading.start == 0 or text[heading.start - 1] == "\n"
        assert heading.text.split()[0] in text[heading.start :].split("\n")[0]


@settings(deadline=None)  # the first call imports a parser
@given(
    st.binary(max_size=400),
    st.sampled_from(["", *SUFFIXES]),
    st.sampled_from([b"", b"%PDF-1.7\n", b"<html>", b"\xff\xfe", b"# "]),
)
def test_any_bytes_give_a_document_or_a_reason(content: bytes, suffix: str, start: bytes) -> None:
    document = outcome(start + content, f"file{suffix}")
    if isinstance(document, DocumentError):
        assert str(document).startswith(f"file{suffix} ")
        return
    assert document.text.strip()
    assert document.title
    document.text.encode("utf-8")
