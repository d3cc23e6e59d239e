"""Properties of every text and of any bytes."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pdf_writer import pdf

from rag.documents import EXAMPLE_SUFFIXES, load_bytes
from rag.documents.common.characters import tidy, visible, with_line_feeds
from rag.documents.common.encodings import decode
from rag.documents.pdf.hyphens import MARKER, join_divided_words
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
def test_joining_words_loses_only_the_markers(pages: list[str]) -> None:
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


any_line = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
said = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30).filter(
    lambda text: tidy(text).strip()
)
markup_lines = st.sampled_from(
    "One|Two|===|---|~~~|=====|== Two|= One|----|....|==|. item|- item|:a: b|:Author: Ada|.. note::|.. image:: x|   text|::||"
    "+---+|| a ||.. _x:|[abc]|``x``|`a|>>> x|1. a|..|.. |x| replace:: y".split("|")
)


def folded(text: str) -> str:
    """The text as a cell or a caption shows it: normalized, on one line."""
    return " ".join(visible(text).split())


def at(document: Document, label: str) -> str:
    """The text at all places with that label, without the line feeds between places."""
    assert document.places
    ends = [*document.places.starts[1:], len(document.text)]
    spans = zip(document.places.labels, document.places.starts, ends, strict=True)
    return "\n".join(document.text[start:end].strip("\n") for name, start, end in spans if name == label)


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(any_line, min_size=1, max_size=8), st.sampled_from([".txt", ".md", ".py", ".adoc", ".rst"]))
def test_a_line_is_where_its_number_says(lines: list[str], suffix: str) -> None:
    text = with_line_feeds("\n".join(["first", *lines, "end"]))
    document = load_bytes(text.encode(), source=f"a{suffix}")
    assert document.text == text
    assert document.places
    for number, line in enumerate(text.split("\n")):
        assert document.text.startswith(line, document.places.starts[number])
        assert document.place_of(document.places.starts[number], document.places.starts[number] + 1) == f"line {number + 1}"


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(markup_lines, max_size=14), st.sampled_from([".rst", ".adoc"]))
def test_markup_headings_start_lines_of_the_untouched_text(lines: list[str], suffix: str) -> None:
    text = "\n".join([*lines, "end"])
    document = load_bytes(text.encode(), source=f"a{suffix}")
    assert document.text == text
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(set(starts))
    for heading in document.headings:
        assert heading.start == 0 or text[heading.start - 1] == "\n"
        assert heading.text.split()[0] in "".join(text[heading.start :].split("\n")[:2])


@given(
    st.lists(st.lists(said, min_size=2, max_size=4), min_size=1, max_size=6), st.sampled_from(["excel", "excel-tab", "unix"])
)
def test_a_row_of_a_table_is_where_its_number_says(rows: list[list[str]], dialect: str) -> None:
    rows = [[f"row{number}", "x", *row] for number, row in enumerate(rows)]
    out = io.StringIO(newline="")
    csv.writer(out, dialect, quoting=csv.QUOTE_ALL).writerows(rows)
    document = load_bytes(out.getvalue().encode(), source="a.csv")
    for number, row in enumerate(rows, start=1):
        assert at(document, str(number)) == " | ".join(map(folded, row)).rstrip(" |")
    assert all(document.text.startswith(heading.text, heading.start) for heading in document.headings)


@given(st.lists(st.dictionaries(said, said, min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_record_of_json_lines_is_where_its_line_says(records: list[dict[str, str]]) -> None:
    document = load_bytes("\n".join(map(json.dumps, records)).encode(), source="a.jsonl")
    for number, record in enumerate(records, start=1):
        lines = at(document, str(number)).split("\n")
        assert [folded(line) for line in lines] == [folded(f"{key}: {value}") for key, value in record.items()]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.lists(said, min_size=1, max_size=3).map("\n".join),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(said, inner, max_size=4),
    max_leaves=12,
)


def leaves(value: Any) -> Iterator[str]:
    """Every name and text in a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value


@settings(deadline=None)
@given(json_values)
def test_json_loses_no_name_and_no_text(value: Any) -> None:
    document = outcome(json.dumps(value).encode(), "a.json")
    if isinstance(document, DocumentError):
        assert document.status == "no-text"
        assert not list(leaves(value))
        return
    text = folded(document.text)
    assert all(folded(leaf) in text for leaf in leaves(value))


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(st.tuples(st.sampled_from(["code", "markdown", "raw"]), said), min_size=1, max_size=6))
def test_a_cell_of_a_notebook_is_where_its_number_says(cells: list[tuple[str, str]]) -> None:
    content = {"cells": [{"cell_type": kind, "source": [source]} for kind, source in cells], "nbformat": 4}
    document = load_bytes(json.dumps(content).encode(), source="a.ipynb")
    for number, (_, source) in enumerate(cells, start=1):
        assert at(document, str(number)) == tidy(source).strip("\n")
    for heading in document.headings:
        assert heading.start == 0 or document.text[heading.start - 1] == "\n"


@given(
    st.lists(st.text("abc äöü中文字.,", min_size=1).filter(str.strip), min_size=1, max_size=9),
    st.sampled_from([".vtt", ".srt"]),
)
def test_a_cue_is_where_its_time_says(cues: list[str], suffix: str) -> None:
    mark = "." if suffix == ".vtt" else ","
    blocks = [f"{n}\n00:{n:02}:05{mark}000 --> 00:{n:02}:06{mark}000\n{cue}\n" for n, cue in enumerate(cues, start=1)]
    document = load_bytes("\n".join((["WEBVTT\n"] if suffix == ".vtt" else []) + blocks).encode(), source=f"a{suffix}")
    for number, cue in enumerate(cues, start=1):
        assert at(document, f"0:{number:02}:05") == folded(cue)


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(st.text("ab \n", min_size=1).filter(str.strip), min_size=1, max_size=4))
def test_a_line_of_an_attachment_is_where_its_number_says(texts: list[str]) -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "ada@example.org", "Texts"
    for number, text in enumerate(texts):
        mail.add_attachment(text.encode(), maintype="text", subtype="plain", filename=f"{number}.txt")
    document = load_bytes(mail.as_bytes(), source="a.eml")
    assert document.places
    assert document.places.starts[-1] < len(document.text)
    for number, text in enumerate(texts):
        for line, words in enumerate(text.split("\n"), start=1):
            if words.strip():
                assert at(document, f"{number}.txt line {line}") == words


@settings(deadline=None)  # the first call imports a parser
@given(st.lists(st.tuples(said, said), min_size=2, max_size=4))
def test_a_message_is_where_its_number_says(messages: list[tuple[str, str]]) -> None:
    box = b""
    for subject, body in messages:
        mail = EmailMessage()
        mail["From"], mail["Subject"] = "ada@example.org", subject
        mail.set_content(body, cte="base64")
        box += b"From ada@example.org Wed May  1 10:00:00 2024\n" + mail.as_bytes() + b"\n"
    document = load_bytes(box, source="a.mbox")
    for number, (subject, body) in enumerate(messages, start=1):
        assert at(document, str(number)).endswith(tidy(body).strip("\n"))
        assert document.headings[number - 1].text == folded(subject)
    assert all(document.text.startswith(heading.text, heading.start) for heading in document.headings)


@settings(deadline=None)  # the first call imports a parser
@given(
    st.binary(max_size=400),
    st.sampled_from(["", *EXAMPLE_SUFFIXES, ".mbox", ".srt", ".jsonl", ".tsv"]),
    st.sampled_from(
        [
            b"",
            b"%PDF-1.7\n",
            b"<html>",
            b"\xff\xfe",
            b"# ",
            b"PK\x03\x04",
            b'{"a": [',
            b"From: a\nTo: b\n",
            b"WEBVTT\n\n",
            b'a,b\n"',
            b"= ",
        ]
    ),
)
def test_any_bytes_give_a_document_or_a_reason(content: bytes, suffix: str, start: bytes) -> None:
    document = outcome(start + content, f"file{suffix}")
    if isinstance(document, DocumentError):
        assert str(document).startswith(f"file{suffix} ")
        return
    assert document.text.strip()
    assert document.title
    document.text.encode("utf-8")
    assert all(0 <= heading.start < len(document.text) for heading in document.headings)
    assert not document.places or document.places.starts[-1] < len(document.text)
