"""The text of a PDF includes filled-in fields and typed notes, in their places."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from paths import SHARED_DATA
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

from rag.documents.pdf.fields import Field, with_fields_in_place
from rag.documents.pdf.read import load

SHOWN, HIDDEN = 4, 2
SEVERAL_LINES, COMB = 1 << 12, 1 << 24

LABELS = "First name:                         Last name:\n\nRemarks\n\nSigned"
FIRST_LINE, THIRD_LINE, FOURTH_LINE = 720, 692, 678

Filled = tuple[str, float, float, int]
"""What was filled in, where its text begins, its base line, and the annotation's flags."""


def filled(*fields: Filled, drawn: bool = True, kind: str = "/Widget") -> bytes:
    """A page of labels with fields. Fields without an appearance are left to the viewer, as many programs do."""
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


def _annotation(writer: PdfWriter, field: Filled, resources: DictionaryObject, drawn: bool, kind: str) -> DictionaryObject:
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


def form_of(*words: tuple[float, float, str], fields: Sequence[DictionaryObject] = (), turned: int = 0) -> bytes:
    """A page of words at their places, with fields without an appearance, as many programs write them."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([""]))))
    page = writer.pages[0]
    stream = DecodedStreamObject()
    stream.set_data("".join(f"BT /F1 10 Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in words).encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    page[NameObject("/Rotate")] = NumberObject(turned)
    annotations = ArrayObject([writer._add_object(field) for field in fields])
    page[NameObject("/Annots")] = annotations
    form = _dictionary(Fields=annotations, NeedAppearances=BooleanObject(True), DR=page["/Resources"])
    form[NameObject("/DA")] = TextStringObject("/F1 10 Tf 0 g")
    writer._root_object[NameObject("/AcroForm")] = form
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def field(text: str, left: float, bottom: float, right: float, top: float, **entries: object) -> DictionaryObject:
    return _widget("/Tx", (left, bottom, right, top), V=TextStringObject(text), **entries)


def _widget(kind: str, place: tuple[float, float, float, float], **entries: object) -> DictionaryObject:
    common = {"Type": NameObject("/Annot"), "Subtype": NameObject("/Widget"), "FT": NameObject(kind), "F": NumberObject(SHOWN)}
    name = TextStringObject(f"{place[0]} {place[1]}")
    return _dictionary(**common | {"T": name, "DA": TextStringObject("/F1 10 Tf 0 g"), "Rect": _numbers(*place)} | entries)


class TestForms:
    def test_an_answer_of_several_lines_follows_its_question_whole(self) -> None:
        rain = field("It was raining. " * 20, 72, 540, 400, 690, Ff=NumberObject(SEVERAL_LINES))
        car = field("The car broke. " * 20, 72, 240, 400, 390, Ff=NumberObject(SEVERAL_LINES))
        found = lines(
            form_of((72, 700, "1. The accident"), (72, 400, "2. The damage"), (72, 200, "Signed"), fields=[rain, car])
        )
        questions = [found.index(words) for words in ("1. The accident", "2. The damage", "Signed")]
        assert " ".join(found[questions[0] + 1 : questions[1]]) == " ".join(["It was raining."] * 20)
        assert " ".join(found[questions[1] + 1 : questions[2]]) == " ".join(["The car broke."] * 20)

    def test_a_stamp_leaves_columns_to_be_read_one_after_the_other(self) -> None:
        left = [
            f"the left column has line {word} of its text" for word in "one two three four five six seven eight nine".split()
        ]
        right = [line.replace("left", "right") for line in left]
        words = [
            (x, 700 - 14 * number, line)
            for number, pair in enumerate(zip(left, right, strict=True))
            for x, line in zip((72, 320), pair, strict=True)
        ]
        stamp = field("APPROVED", 300, 740, 500, 755)
        assert lines(form_of(*words)) == [*left, *right]
        assert lines(form_of(*words, fields=[stamp])) == [*left, *right, "APPROVED"]
        below = [*words, (72, 400, "Signed:"), (320, 400, "Place:")]
        fields = [field("Ann", 130, 396, 280, 412), field("Paris", 370, 396, 500, 412)]
        assert lines(form_of(*below, fields=fields)) == [*left, "Signed: Ann", *right, "Place: Paris"]

    def test_a_form_of_many_fields_is_looked_at_line_by_line(self) -> None:
        text = "\r\n".join(["label words that fill the line"] * 60)
        boxes: list[tuple[float, float, float, float]] = [
            (5.0 * (n % 32), 5.0 * (n % 32) + 5, -10.0 * (n // 32), 8 - 10.0 * (n // 32)) for n in range(len(text))
        ]
        looked_at = Looks(boxes)
        fields = [Field("x", [(200.0, 205.0, -10.0 * line, 8 - 10.0 * line)]) for line in range(60)]
        found, _ = with_fields_in_place(text, looked_at, fields)
        assert found.split("\r\n") == ["label words that fill the line x"] * 60
        assert looked_at.count < 60 * 32 * 10


class Looks(list[tuple[float, float, float, float]]):
    """Boxes that count the accesses to them."""

    count = 0

    def __getitem__(self, key: Any) -> Any:
        self.count += 1
        return super().__getitem__(key)


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
