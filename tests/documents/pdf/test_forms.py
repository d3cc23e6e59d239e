"""What people filled in and typed onto a PDF is in the text, where a reader sees it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from paths import SHARED_DATA
from pdf_glyphs import glyph_pdf, leftwards
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
    """A page of words at their places, whose fields are left to the reader, as many programs do."""
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


def button(left: float, bottom: float, *, checked: bool, flags: int = SHOWN) -> DictionaryObject:
    """A check box that draws its mark as lines, if at all."""
    state, look = NameObject("/Yes" if checked else "/Off"), DecodedStreamObject()
    look.set_data(b"2 2 m 10 10 l S")
    look.update(_dictionary(Type=NameObject("/XObject"), Subtype=NameObject("/Form"), BBox=_numbers(0, 0, 12, 12)))
    looks = _dictionary(Yes=look, Off=_nothing())
    place = (left, bottom, left + 12, bottom + 12)
    return _widget("/Btn", place, V=state, AS=state, AP=_dictionary(N=looks), F=NumberObject(flags))


def _nothing() -> DecodedStreamObject:
    look = DecodedStreamObject()
    look.update(_dictionary(Type=NameObject("/XObject"), Subtype=NameObject("/Form"), BBox=_numbers(0, 0, 12, 12)))
    return look


def _widget(kind: str, place: tuple[float, float, float, float], **entries: object) -> DictionaryObject:
    common = {"Type": NameObject("/Annot"), "Subtype": NameObject("/Widget"), "FT": NameObject(kind), "F": NumberObject(SHOWN)}
    name = TextStringObject(f"{place[0]} {place[1]}")
    return _dictionary(**common | {"T": name, "DA": TextStringObject("/F1 10 Tf 0 g"), "Rect": _numbers(*place)} | entries)


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


class TestForms:
    def test_an_answer_of_several_lines_stays_in_one_piece_under_its_question(self) -> None:
        rain = field("It was raining. " * 20, 72, 540, 400, 690, Ff=NumberObject(SEVERAL_LINES))
        car = field("The car broke. " * 20, 72, 240, 400, 390, Ff=NumberObject(SEVERAL_LINES))
        found = lines(
            form_of((72, 700, "1. The accident"), (72, 400, "2. The damage"), (72, 200, "Signed"), fields=[rain, car])
        )
        questions = [found.index(words) for words in ("1. The accident", "2. The damage", "Signed")]
        assert " ".join(found[questions[0] + 1 : questions[1]]) == " ".join(["It was raining."] * 20)
        assert " ".join(found[questions[1] + 1 : questions[2]]) == " ".join(["The car broke."] * 20)

    def test_a_field_far_below_its_line_comes_before_the_next_line(self) -> None:
        content = form_of((72, 700, "Remarks"), (72, 300, "Signed"), fields=[field("None", 90, 500, 200, 514)])
        assert lines(content) == ["Remarks", "None", "Signed"]

    def test_fields_of_a_row_are_one_line(self) -> None:
        rows = [("Pens", "12", "3.50"), ("Paper", "5", ""), ("", "7", "8.00")]
        fields = [
            field(text, 72 + 120 * column, 676 - 20 * row, 160 + 120 * column, 692 - 20 * row)
            for row, texts in enumerate(rows)
            for column, text in enumerate(texts)
        ]
        head = [(72 + 120 * column, 700, word) for column, word in enumerate(("Item", "Number", "Price"))]
        assert lines(form_of(*head, fields=fields[::-1])) == ["Item Number Price", "Pens 12 3.50", "Paper 5", "7 8.00"]

    def test_a_field_on_a_ruled_line_stands_above_the_words_below_it(self) -> None:
        fields = [field("Ann", 72, 700, 200, 714), field("Miller", 300, 700, 400, 714)]
        words = [(72, 700, "____________"), (72, 686, "(first name)"), (300, 686, "(last name)")]
        assert lines(form_of(*words, fields=fields)) == ["Ann ____________ Miller", "(first name) (last name)"]

    def test_characters_in_cells_of_their_own_are_one_word(self) -> None:
        cells = field("12345 789", 140, 696, 340, 712, MaxLen=NumberObject(9), Ff=NumberObject(COMB))
        assert lines(form_of((72, 700, "Tax number"), fields=[cells])) == ["Tax number 12345 789"]

    def test_buttons_are_marked_whether_they_are_checked(self) -> None:
        fields = [button(200, 598, checked=True), button(260, 598, checked=False), button(400, 598, checked=True, flags=HIDDEN)]
        words = [(72, 600, "Smoker?"), (216, 600, "Yes"), (276, 600, "No"), (320, 600, "Perhaps")]
        assert lines(form_of(*words, fields=fields)) == ["Smoker? ☒ Yes ☐ No Perhaps"]

    def test_a_button_before_the_words_of_a_line_stands_before_them(self) -> None:
        words = [(90, 700, "First"), (90, 680, "Second")]
        fields = [button(72, 698, checked=False), button(72, 678, checked=True)]
        assert lines(form_of(*words, fields=fields)) == ["☐ First", "☒ Second"]

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

    def test_a_field_beside_other_scripts_stands_beside_them(self) -> None:
        words = leftwards("שלום", 300, 700) + leftwards("עולם", 300, 660)
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(glyph_pdf(words))))
        fields = [field("Ann", 230, 697, 260, 709), field("Bob", 230, 657, 260, 669)]
        annotations = ArrayObject([writer._add_object(one) for one in fields])
        writer.pages[0][NameObject("/Annots")] = annotations
        fonts = _dictionary(Font=_dictionary(F1=_dictionary(Subtype=NameObject("/Type1"), BaseFont=NameObject("/Helvetica"))))
        writer._root_object[NameObject("/AcroForm")] = _dictionary(
            Fields=annotations, NeedAppearances=BooleanObject(True), DR=fonts
        )
        out = io.BytesIO()
        writer.write(out)
        assert lines(out.getvalue()) == ["שלום Ann", "עולם Bob"]

    def test_lines_of_a_page_turned_clockwise_are_read_from_the_first(self) -> None:
        words = [(72, 700 - 14 * number, f"Line {number} of a page") for number in range(5)]
        assert lines(form_of(*words, turned=90)) == [text for _, _, text in words]
        answer = field("Ann", 200, 696 - 14 * 2, 300, 696 - 14 * 2 + 12)
        assert lines(form_of(*words, turned=90, fields=[answer]))[2] == "Line 2 of a page Ann"

    @pytest.mark.parametrize("look", ["0 1 -1 0", "0 -1 1 0"])
    def test_lines_that_are_turned_themselves_are_read_from_the_first(self, look: str) -> None:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([""]))))
        stream = DecodedStreamObject()
        step = 14 if look.startswith("0 1") else -14
        stream.set_data(
            "".join(f"BT /F1 10 Tf {look} {300 + step * n} 400 Tm (Line {n} of a page) Tj ET\n" for n in range(5)).encode()
        )
        writer.pages[0][NameObject("/Contents")] = writer._add_object(stream)
        out = io.BytesIO()
        writer.write(out)
        assert lines(out.getvalue()) == [f"Line {n} of a page" for n in range(5)]

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


class TestComments:
    def test_notes_and_remarks_stand_after_the_page_with_their_authors(self) -> None:
        notes = [note("/Text", "Is this\rright?", "Ann"), note("/Highlight", "Check the sum", ""), note("/Text", "", "Bob")]
        assert lines(form_of((72, 700, "The total"), fields=notes)) == [
            "The total",
            "[Comment by Ann: Is this right?]",
            "[Comment: Check the sum]",
        ]

    def test_a_form_keeps_the_comments_on_it(self) -> None:
        fields = [field("Ann", 130, 697, 200, 711), note("/Text", "Is this right?", "Bob")]
        assert lines(form_of((72, 700, "Name"), fields=fields)) == ["Name Ann", "[Comment by Bob: Is this right?]"]

    def test_what_is_hidden_or_only_repeats_the_page_is_no_comment(self) -> None:
        notes = [note("/Highlight", "total of", "Ann"), note("/Text", "Secret", "Ann", flags=HIDDEN)]
        assert lines(form_of((72, 700, "The total of all"), fields=notes)) == ["The total of all"]


def note(kind: str, text: str, author: str, *, flags: int = SHOWN) -> DictionaryObject:
    contents, name = TextStringObject(text), TextStringObject(author)
    place = _numbers(300, 700, 320, 720)
    return _dictionary(Subtype=NameObject(kind), Contents=contents, T=name, F=NumberObject(flags), Rect=place)


class Looks(list[tuple[float, float, float, float]]):
    """Boxes that count how often one is looked at."""

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
