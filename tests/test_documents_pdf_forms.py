"""What people filled in and typed onto a PDF is in the text, where a reader sees it."""

from __future__ import annotations

import io

import pytest
from conftest import SHARED_DATA
from pdf_writer import pdf
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from rag.documents.pdf import load

LABELS = "First name:                         Last name:\n\nRemarks\n\nSigned"
FIRST_LINE, THIRD_LINE, FOURTH_LINE = 720, 692, 678

Field = tuple[str, float, float, int]
"""What was filled in, where its text begins, its base line, and the annotation's flags."""


def filled(*fields: Field, drawn: bool = True, kind: str = "/Widget") -> bytes:
    """A page of labels with fields; those that are not drawn are left to the reader, as many programs do."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([LABELS]))))
    page = writer.pages[0]
    resources = page["/Resources"]
    annotations = [writer._add_object(_annotation(writer, field, resources, drawn, kind)) for field in fields]
    page[NameObject("/Annots")] = ArrayObject(annotations)
    if kind == "/Widget":
        form = _dictionary(Fields=ArrayObject(annotations), NeedAppearances=BooleanObject(not drawn), DR=resources)
        form[NameObject("/DA")] = TextStringObject("/F1 10 Tf 0 g")
        writer._root_object[NameObject("/AcroForm")] = form
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _annotation(writer: PdfWriter, field: Field, resources: DictionaryObject, drawn: bool, kind: str) -> DictionaryObject:
    text, left, base, flags = field
    annotation = _dictionary(
        Type=NameObject("/Annot"),
        Subtype=NameObject(kind),
        FT=NameObject("/Tx"),
        T=TextStringObject(f"{text} {base}"),
        V=TextStringObject(text),
        F=NumberObject(flags),
        DA=TextStringObject("/F1 10 Tf 0 g"),
        Rect=_numbers(left, base - 4, left + 120, base + 12),
    )
    if drawn:
        look = DecodedStreamObject()
        look.set_data(f"BT /F1 12 Tf 0 4 Td ({text}) Tj ET".encode())
        look.update(_dictionary(Type=NameObject("/XObject"), Subtype=NameObject("/Form"), Resources=resources))
        look[NameObject("/BBox")] = _numbers(0, 0, 120, 16)
        annotation[NameObject("/AP")] = _dictionary(N=writer._add_object(look))
    return annotation


def _dictionary(**entries: object) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{key}"): value for key, value in entries.items()})


def _numbers(*values: float) -> ArrayObject:
    return ArrayObject([FloatObject(value) for value in values])


def lines(content: bytes) -> list[str]:
    return [" ".join(line.split()) for line in load(content, source="a.pdf", name="a.pdf").text.split("\n") if line]


SHOWN, HIDDEN = 4, 2


class TestFields:
    @pytest.mark.parametrize("drawn", [True, False])
    def test_a_field_follows_the_words_left_of_it(self, drawn: bool) -> None:
        content = filled(("Alice", 135, FIRST_LINE, SHOWN), drawn=drawn)
        assert lines(content) == ["First name: Alice Last name:", "Remarks", "Signed"]

    def test_two_fields_of_a_line_follow_their_own_words(self) -> None:
        content = filled(("Brandt", 300, FIRST_LINE, SHOWN), ("Ada", 135, FIRST_LINE, SHOWN))
        assert lines(content)[0] == "First name: Ada Last name: Brandt"

    def test_a_field_below_a_line_follows_the_line(self) -> None:
        content = filled(("None so far", 72, FOURTH_LINE, SHOWN))
        assert lines(content) == ["First name: Last name:", "Remarks", "None so far", "Signed"]

    def test_a_field_away_from_all_words_stands_at_the_end(self) -> None:
        assert lines(filled(("Apart", 400, 100, SHOWN)))[-1] == "Apart"

    def test_a_hidden_field_is_not_read(self) -> None:
        assert "Secret" not in " ".join(lines(filled(("Secret", 135, FIRST_LINE, HIDDEN))))

    @pytest.mark.parametrize("kind", ["/FreeText", "/Stamp"])
    def test_text_that_was_typed_onto_the_page_is_read(self, kind: str) -> None:
        assert lines(filled(("APPROVED", 135, THIRD_LINE, SHOWN), kind=kind))[1] == "Remarks APPROVED"

    def test_a_link_adds_nothing(self) -> None:
        assert lines(filled(("elsewhere", 135, FIRST_LINE, SHOWN), kind="/Link"))[0] == "First name: Last name:"

    def test_every_page_has_its_own(self) -> None:
        writer = PdfWriter()
        for word in ("one", "two"):
            writer.append(io.BytesIO(filled((word, 135, FIRST_LINE, SHOWN), kind="/FreeText")))
        out = io.BytesIO()
        writer.write(out)
        document = load(out.getvalue(), source="a.pdf", name="a.pdf")
        assert document.pages_of(document.text.index("one"), document.text.index("one") + 1) == (1, 1)
        assert document.pages_of(document.text.index("two"), document.text.index("two") + 1) == (2, 2)


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the shared test data (../shared/data) is absent")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("libreoffice-form.pdf", "First Name Alice"),
        ("form_evince.pdf", "foo bar"),
        ("form_acrobatReader.pdf", "foo Bar"),
        ("SF424_page2.pdf", "* 10. Name of Federal Agency: U.S. Department of Interior"),
        ("example.pdf", "A PDF with a JPEG image."),
    ],
)
def test_real_forms_hold_what_was_filled_in(name: str, words: str) -> None:
    path = SHARED_DATA / "pdf_nasty/files/pypdf" / name
    assert words in " ".join(lines(path.read_bytes()))
