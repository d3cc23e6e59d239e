"""Workbooks: cells, merged ranges, dates and numbers as their program shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_files import cells, load, refused, unpacked, xlsx, zipped

from rag.documents.office.numbers import general, shown
from rag.documents.office.sheets import column_name


class TestSheets:
    def test_each_row_is_a_line_and_can_be_found_again(self) -> None:
        sheets = {"Budget": cells(1, "Item", "Cost") + cells(2, "Fish", 12), "Next year": cells(5, "", "Roses", first="B")}
        document = load(xlsx(sheets), "xlsx")
        assert document.text == "Budget\n\nItem | Cost\nFish | 12\n\nNext year\n\nRoses"
        assert [heading.text for heading in document.headings] == ["Budget", "Next year"]
        found = {
            text: document.place_of(start := document.text.index(text), start + len(text)) for text in ("Fish | 12", "Roses")
        }
        assert found == {"Fish | 12": "Budget!A2:B2", "Roses": "'Next year'!C5"}
        assert document.place_of(0, document.text.index("Fish") + 4) == "Budget!A1:B2"

    def test_empty_columns_take_no_room_and_empty_rows_part_tables(self) -> None:
        far = '<row r="9"><c r="XFD9"><v>1</v></c></row><row r="1048576"/><row r="2000000"><c><v>5</v></c></row>'
        assert (
            load(xlsx({"S": cells(1, "a", "", "c") + cells(2, "", "", "d") + far}), "xlsx").text == "S\n\na | c\n| d\n\n| | 1"
        )

    def test_cells_show_values_and_never_formulas(self) -> None:
        row = (
            '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><f>1+1</f><v>2</v></c><c r="C1"><f>A1</f></c>'
            '<c r="D1" t="b"><v>1</v></c><c r="E1" t="e"><v>#DIV/0!</v></c><c r="F1" t="str"><f>x</f><v>text</v></c>'
            '<c r="G1" t="s"><v>99</v></c><c r="H1" s="1"><v>45322</v></c><c r="I1" s="2"><v>0.125</v></c></row>'
        )
        texts = "<si><r><t>rich </t></r><r><t>text</t></r><rPh><t>furigana</t></rPh></si>"
        text = load(xlsx({"S": row}, texts=texts, formats=["dd/mm/yyyy", "0.0%"]), "xlsx").text
        assert text == "S\n\nrich text | 2 | TRUE | #DIV/0! | text | 2024-01-31 | 12.5%"

    def test_workbooks_that_count_days_from_1904_are_read_so(self) -> None:
        row = '<row><c s="1"><v>0.5</v></c><c s="1"><v>43860</v></c></row>'
        assert load(xlsx({"S": row}, formats=["yyyy-mm-dd"], since_1904=True), "xlsx").text == "S\n\n1904-01-01 | 2024-01-31"

    def test_hidden_sheets_say_so_and_the_ones_only_programs_show_are_left_out(self) -> None:
        sheets = {"A": cells(1, "a"), "B": cells(1, "b"), "C": cells(1, "c"), "Empty": ""}
        assert load(xlsx(sheets, states={"B": "hidden", "C": "veryHidden"}), "xlsx").text == "A\n\na\n\nB (hidden)\n\nb"

    def test_a_merged_cell_stands_in_every_row(self) -> None:
        rows = cells(1, "Fish", "carp") + cells(2, "", "eel")
        merged = '<mergeCells><mergeCell ref="A1:A2"/><mergeCell ref="B1:B9999999"/><mergeCell ref="nonsense"/></mergeCells>'
        document = load(xlsx({"S": rows}, after=merged), "xlsx")
        assert document.text == "S\n\nFish | carp\nFish | eel"

    def test_too_many_cells_are_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rag.documents.office.sheets.MOST_CELLS", 5)
        assert load(xlsx({"S": cells(1, 1, 2, 3) + cells(2, 4, 5)}), "xlsx").text.endswith("4 | 5")
        assert refused(xlsx({"S": cells(1, 1, 2, 3) + cells(2, 4, 5, 6)}), "xlsx").status == "too-large"

    def test_empty_and_binary_workbooks_say_what_they_are(self) -> None:
        assert refused(xlsx({"S": ""}), "xlsx").status == "no-text"
        parts = {
            name.replace("workbook.xml", "workbook.bin"): part.replace(b"workbook.xml", b"workbook.bin")
            for name, part in unpacked(xlsx({"S": ""})).items()
        }
        assert refused(zipped(parts), "xlsx").status == "unsupported"

    def test_columns_are_named_as_in_a_spreadsheet(self) -> None:
        assert [column_name(column) for column in (1, 26, 27, 702, 703, 16384)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]


class TestShownNumbers:
    @pytest.mark.parametrize(
        ("value", "code", "text"),
        [
            (1234.5, '#,##0.00 "€"', "1,234.50 €"),
            (1234.5, "[$€-407] #,##0", "€ 1,235"),
            (-1234.5, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_)', "(1,234.50)"),
            (0, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_)', "-"),
            (-5, "0.00", "-5.00"),
            (2.5, "0", "3"),
            (7, "00000", "00007"),
            (1234567, '0.0,,"M"', "1.2M"),
            (12345, "0.00E+00", "1.23E+04"),
            (1 / 3, "0.##", "0.33"),
            (5, 'General" pcs"', "5 pcs"),
            (0.5, "# ?/?", "0.5"),
            (123456789, "000\\-00\\-0000", "123456789"),
            (12, "[Red]0;[Blue]-0", "12"),
            (1e300, "#,##0%", None),
            (45322.4, "d/m/yy h:mm", "2024-01-31 09:36"),
            (45322, "[$-409]mmmm yyyy;@", "2024-01"),
            (45322, "yyyy", "2024"),
            (45322, "d-mmm", "2024-01-31"),
            (59, "yyyy-mm-dd", "1900-02-28"),
            (61, "yyyy-mm-dd", "1900-03-01"),
            (0.75, "h:mm AM/PM", "18:00"),
            (1.5, "[h]:mm:ss", "36:00:00"),
            (-1, "yyyy-mm-dd", "-1"),
            (1e9, "yyyy-mm-dd", "1000000000"),
        ],
    )
    def test_formats(self, value: float, code: str, text: str | None) -> None:
        assert shown(value, code) == text or text is None

    def test_plain_numbers_lose_the_noise_of_binary_fractions(self) -> None:
        assert [general(value) for value in (0.1 + 0.2, 3.0, 1234567890123, 1 / 3, -2.50)] == [
            "0.3",
            "3",
            "1234567890123",
            "0.3333333333",
            "-2.5",
        ]

    @given(st.floats(allow_nan=False, allow_infinity=False), st.text('0#?.,%;"\\[]yYmdhsE+-/@_* GeneralAMP€', max_size=20))
    def test_no_number_and_no_format_makes_it_raise(self, value: float, code: str) -> None:
        assert isinstance(shown(value, code), str)
