"""The text of a PDF is what its pages show: order, words, scripts, labels, headings, encryption."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import SHARED_DATA
from pdf_writer import encrypted, pdf
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from rag.documents.pdf.hyphens import MARKER, join_divided_words
from rag.documents.pdf.read import load
from rag.documents.pdf.running import parts_of
from rag.errors import DocumentError
from rag.types import Document

LEFT = [
    "The river rises in the hills above",
    "the town and runs for ninety miles",
    "before it meets the sea. Herons nest",
    "along its banks in early spring, and",
    "otters were seen again last autumn",
    "after an absence of forty years that",
    "nobody has explained so far, though",
    "the water has become much cleaner.",
    "Anglers pay a small fee each season",
]
RIGHT = [
    "Bridges were built of timber first",
    "and of stone from the year of the",
    "great flood onwards. The oldest of",
    "them still carries carts and people",
    "on market days, when the road from",
    "the south is closed to all traffic",
    "and the ferry does not run because",
    "of the crowds on both of its piers",
    "that wait for the boats with goods",
]


def drawn(*streams: str) -> bytes:
    """A PDF whose pages are drawn by these content streams; font F1 is Helvetica."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["x"] * len(streams)))))
    for page, stream in zip(writer.pages, streams, strict=True):
        contents = DecodedStreamObject()
        contents.set_data(stream.encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(contents)
    return written(writer)


def written(writer: PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def put(text: str, x: float, y: float, size: float = 10) -> str:
    return f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n"


def loaded(content: bytes, **options: Sequence[str]) -> Document:
    return load(content, source="a.pdf", name="a.pdf", **options)


def pages(document: Document) -> list[str]:
    ends = [*document.page_starts[1:], len(document.text)]
    return [document.text[start:end].rstrip("\n") for start, end in zip(document.page_starts, ends, strict=True)]


class TestReadingOrder:
    def test_a_word_that_a_column_divides_is_whole(self) -> None:
        left = [*LEFT[:3], "along its banks in the early spring-", "time and otters were seen last year", *LEFT[5:]]
        stream = "".join(
            put(a, 72, 700 - 14 * n) + put(b, 320, 700 - 14 * n) for n, (a, b) in enumerate(zip(left, RIGHT, strict=True))
        )
        assert "in the early springtime and otters" in loaded(drawn(stream)).text

    @pytest.mark.parametrize(
        ("matrix", "rotation"), [("0 1 -1 0 792 0", 90), ("-1 0 0 -1 612 792", 180), ("0 -1 1 0 0 612", 270)]
    )
    def test_columns_of_a_rotated_page_are_read_in_order(self, matrix: str, rotation: int) -> None:
        lines = zip(LEFT, RIGHT, strict=True)
        stream = "".join(put(left, 72, 700 - 14 * n) + put(right, 320, 700 - 14 * n) for n, (left, right) in enumerate(lines))
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(drawn(f"q {matrix} cm {stream} Q"))))
        writer.pages[0].rotate(rotation)
        assert loaded(written(writer)).text.split("\n") == [*LEFT, *RIGHT]


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (f"consec{MARKER}tetuer", "consectetuer"),
            (f"well known. It is well{MARKER}known", "well known. It is well-known"),
            (f"non-GAAP and non{MARKER}GAAP", "non-GAAP and non-GAAP"),
            (f"proof-of{MARKER}concept", "proof-of-concept"),
            (f"a{MARKER}b{MARKER}c", "abc"),
            (f"{MARKER}", ""),
            (f"ends{MARKER}", "ends-"),
        ],
    )
    def test_how_the_document_writes_a_word_elsewhere_decides(self, text: str, expected: str) -> None:
        assert join_divided_words([text]) == [expected]

    @given(st.lists(st.text(alphabet="ab -\n" + MARKER)))
    def test_nothing_but_hyphens_and_line_ends_is_lost(self, texts: list[str]) -> None:
        joined = join_divided_words(texts)
        assert re.sub(r"[\s-]", "", "".join(joined)) == re.sub(rf"[\s{MARKER}-]", "", "".join(texts))
        assert len(joined) == len(texts)
        assert not any(MARKER in text for text in joined)


class TestRunningLines:
    def test_left_and_right_pages_may_differ(self) -> None:
        texts = [f"{('The book', 'A chapter')[n % 2]} {n + 1}\nbody {n * n}" for n in range(8)]
        assert [part.header for part in parts_of(texts)] == [text.split("\n")[0] for text in texts]

    def test_roman_numbers_count_pages_too(self) -> None:
        texts = [f"words {word}\n{roman}" for word, roman in zip("abcd", ("iii", "iv", "v", "vi"), strict=True)]
        assert [part.footer for part in parts_of(texts)] == ["iii", "iv", "v", "vi"]

    def test_numbers_that_do_not_count_pages_are_text(self) -> None:
        texts = [f"words {word}\n{number}" for word, number in zip("abcd", (17, 4, 2022, 9), strict=True)]
        assert [part.body for part in parts_of(texts)] == texts

    def test_a_page_of_nothing_else_keeps_its_text(self) -> None:
        assert [part.body for part in parts_of(["Draft", "Draft", "Draft"])] == ["Draft"] * 3

    @given(st.lists(st.text(alphabet="ab1\n ").map(str.strip), max_size=12))
    def test_every_line_stays_and_in_order(self, texts: list[str]) -> None:
        for text, part in zip(texts, parts_of(texts), strict=True):
            assert [*filter(None, "\n".join((part.header, part.body, part.footer)).split("\n"))] == [
                *filter(None, text.split("\n"))
            ]


class TestPasswords:
    @pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
    @pytest.mark.parametrize("password", ["", "open", "größer"])
    def test_any_of_the_given_passwords_opens(self, algorithm: str, password: str) -> None:
        content = encrypted(pdf(["secret words"]), user_password=password, algorithm=algorithm)
        assert loaded(content, passwords=["wrong", password]).text == "secret words"

    def test_the_error_says_whether_passwords_were_tried(self) -> None:
        content = encrypted(pdf(["secret"]), user_password="open")
        with pytest.raises(DocumentError, match="--password-file") as untried:
            loaded(content)
        with pytest.raises(DocumentError, match="not among those given") as tried:
            loaded(content, passwords=["hunter2"])
        assert untried.value.status == tried.value.status == "encrypted"
        assert "hunter2" not in str(tried.value)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the shared test data (../shared/data) is absent")
def test_the_evidence_that_experts_marked_is_on_its_page() -> None:
    data = SHARED_DATA / "financebench/dev"
    questions = [json.loads(line) for line in (data / "questions.jsonl").read_text("utf-8").splitlines()]
    names = sorted({question["doc_name"] for question in questions})
    texts = {name: pages(load((data / f"pdfs/{name}.pdf").read_bytes(), source=name, name=name)) for name in names}
    found = [
        ascii_only(evidence["evidence_text"]) in ascii_only(texts[question["doc_name"]][evidence["evidence_page_num"]])
        for question in questions
        for evidence in question["evidence"]
    ]
    assert sum(found) >= 0.95 * len(found)


def ascii_only(text: str) -> str:
    """The evidence of the data set lacks all other characters, such as dashes and curved quotes."""
    return re.sub(r"[^\x21-\x7e]", "", text)
