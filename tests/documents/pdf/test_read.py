"""What a page shows is what the document says: order, words, scripts, labels, headings, encryption."""

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
    def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other(self) -> None:
        lines = zip(LEFT, RIGHT, strict=True)
        stream = put("Of rivers and the bridges that people built over them", 150, 720, 14)
        stream += "".join(put(left, 72, 700 - 14 * n) + put(right, 320, 700 - 14 * n) for n, (left, right) in enumerate(lines))
        stream += put("This line goes over both of the columns and stands at the foot of the page.", 72, 540)
        assert loaded(drawn(stream)).text.split("\n") == [
            "Of rivers and the bridges that people built over them",
            *LEFT,
            *RIGHT,
            "This line goes over both of the columns and stands at the foot of the page.",
        ]

    def test_a_word_that_a_column_divides_is_whole(self) -> None:
        left = [*LEFT[:3], "along its banks in the early spring-", "time and otters were seen last year", *LEFT[5:]]
        stream = "".join(
            put(a, 72, 700 - 14 * n) + put(b, 320, 700 - 14 * n) for n, (a, b) in enumerate(zip(left, RIGHT, strict=True))
        )
        assert "in the early springtime and otters" in loaded(drawn(stream)).text

    def test_columns_that_are_drawn_one_after_the_other_stay_so(self) -> None:
        stream = "".join(put(line, 72, 700 - 14 * n) for n, line in enumerate(LEFT))
        stream += "".join(put(line, 320, 700 - 14 * n) for n, line in enumerate(RIGHT))
        assert loaded(drawn(stream)).text.split("\n") == [*LEFT, *RIGHT]

    @pytest.mark.parametrize(
        ("matrix", "rotation"), [("0 1 -1 0 792 0", 90), ("-1 0 0 -1 612 792", 180), ("0 -1 1 0 0 612", 270)]
    )
    def test_columns_of_a_page_that_lies_on_its_side_are_read_one_after_the_other(self, matrix: str, rotation: int) -> None:
        lines = zip(LEFT, RIGHT, strict=True)
        stream = "".join(put(left, 72, 700 - 14 * n) + put(right, 320, 700 - 14 * n) for n, (left, right) in enumerate(lines))
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(drawn(f"q {matrix} cm {stream} Q"))))
        writer.pages[0].rotate(rotation)
        assert loaded(written(writer)).text.split("\n") == [*LEFT, *RIGHT]

    def test_rows_of_a_table_stay_together(self) -> None:
        stream = "".join(
            put(f"Income from rivers and bridges, part {n}", 72, 700 - 14 * n)
            + "".join(put(f"{n},{column}00,000", 320 + 70 * column, 700 - 14 * n) for column in (1, 2, 3))
            for n in range(1, 13)
        )
        lines = loaded(drawn(stream)).text.split("\n")
        assert lines[0].split() == "Income from rivers and bridges, part 1 1,100,000 1,200,000 1,300,000".split()
        assert len(lines) == 12


class TestWords:
    def test_a_word_that_the_end_of_a_page_divides_stands_whole_where_it_begins(self) -> None:
        assert pages(loaded(pdf(["we met conse-", "quently we left"]))) == ["we met consequently", "we left"]

    def test_it_does_so_across_running_lines(self) -> None:
        texts = [f"My book\nwe met in town {word} and sat conse-\n{n}" for n, word in enumerate(("one", "two", "three"), 1)]
        texts = [text.replace("we met", "quently we met") if n else text for n, text in enumerate(texts)]
        found = pages(loaded(pdf(texts)))
        assert found[0] == "My book\n\nwe met in town one and sat consequently\n\n1"
        assert found[1] == "My book\n\nwe met in town two and sat consequently\n\n2"

    def test_a_dash_between_numbers_is_no_divided_word(self) -> None:
        assert loaded(pdf(["in 1990-", "1995 it rained"])).text == "in 1990-\n\n1995 it rained"

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
    def test_headers_and_page_numbers_become_paragraphs_of_their_own(self) -> None:
        found = pages(loaded(pdf([f"The Annual Report\nText {word} of it.\n{n}" for n, word in enumerate("abcd", 7)])))
        assert found[1] == "The Annual Report\n\nText b of it.\n\n8"

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


class TestOutline:
    def test_entries_are_headings_where_the_page_has_their_words(self) -> None:
        writer = PdfWriter(
            clone_from=PdfReader(io.BytesIO(pdf(["Contents\nto come", "1 First things\nwords\n2 Second\nwords"])))
        )
        part = writer.add_outline_item(title="Part I", page_number=None)
        writer.add_outline_item(title="First  things", page_number=1, parent=part)
        writer.add_outline_item(title="Second", page_number=1, parent=part)
        writer.add_outline_item(title="Not on the page", page_number=1)
        document = loaded(written(writer))
        assert [(h.level, h.text, document.text[h.start :].split("\n")[0]) for h in document.headings] == [
            (1, "Part I", "1 First things"),
            (2, "First things", "1 First things"),
            (2, "Second", "2 Second"),
            (1, "Not on the page", "2 Second"),
        ]
        assert document.heading_at(document.text.index("Second")) == "Not on the page"
        assert document.heading_at(document.text.index("words")) == "Part I > First things"

    def test_an_outline_out_of_order_gives_headings_in_the_order_of_the_text(self) -> None:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["Zebras", "Apes"]))))
        for title, page in (("Apes", 1), ("Zebras", 0)):
            writer.add_outline_item(title=title, page_number=page)
        assert [heading.text for heading in loaded(written(writer)).headings] == ["Zebras", "Apes"]


class TestLabels:
    def test_printed_labels_are_places(self) -> None:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["preface", "more of it", "the text", "its end"]))))
        writer.set_page_label(0, 1, "/r")
        writer.set_page_label(2, 3, "/D", prefix="A-")
        document = loaded(written(writer))
        assert document.places is not None
        assert document.places.labels == ("i", "ii", "A-1", "A-2")
        assert document.place_of(document.text.index("more"), document.text.index("text")) == "pages ii–A-1"
        assert document.pages_of(document.text.index("more"), document.text.index("text")) == (2, 3)

    def test_labels_that_are_the_plain_numbers_say_nothing_new(self) -> None:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["a", "b"]))))
        writer.set_page_label(0, 1, "/D")
        assert loaded(written(writer)).places is None
        assert loaded(pdf(["a", "b"])).places is None


class TestPasswords:
    @pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
    @pytest.mark.parametrize("password", ["", "open", "größer"])
    def test_any_of_the_given_passwords_opens(self, algorithm: str, password: str) -> None:
        content = encrypted(pdf(["secret words"]), user_password=password, algorithm=algorithm)
        assert loaded(content, passwords=["wrong", password]).text == "secret words"

    def test_the_error_tells_whether_passwords_were_tried_and_shows_none(self) -> None:
        content = encrypted(pdf(["secret"]), user_password="open")
        with pytest.raises(DocumentError, match="which --password-file can give") as untried:
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
    """The data set's evidence has lost all other characters, such as dashes and curved quotes."""
    return re.sub(r"[^\x21-\x7e]", "", text)
