"""Workbooks: cells, merged ranges, dates and numbers as their program shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_files import cells, load, refused, xlsx

from rag.documents.office.numbers import general, shown
from rag.documents.office.sheets import column_name


class TestSheets:
    def test_too_many_cells_are_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rag.documents.office.sheets.MOST_CELLS", 5)
        assert load(xlsx({"S": cells(1, 1, 2, 3) + cells(2, 4, 5)}), "xlsx").text.endswith("4 | 5")
        assert refused(xlsx({"S": cells(1, 1, 2, 3) + cells(2, 4, 5, 6)}), "xlsx").status == "too-large"

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
