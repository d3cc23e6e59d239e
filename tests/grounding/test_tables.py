"""Tables in plain text, and sentences whose numbers are looked up in them."""

from __future__ import annotations

import pytest

from rag.grounding.cells import looked_up
from rag.grounding.citations import Citations
from rag.grounding.lexical import LexicalVerifier
from rag.grounding.tables import header_of, tables_in, value_of
from rag.types import Passage

MILLS = """Mill | Year | Sacks ground | Income (kEUR)
Lund | 2022 | 1200 | 340
Lund | 2023 | 1350 | 395
Kell | 2022 | 980 | 281
Kell | 2023 | 1015 | 290"""
ACCOUNTS = """Results of the brewery (in millions, except per share amounts):

 |  | Year ended |
 | May 31, 2019 | May 31, 2018 | May 31, 2017
Sales: |  |  |
Beer sold | $ 1,169 | $ 1,116 | $ 981
Malt sold | 254 | 268 | 275
Result: |  |  |
Profit (loss) | (19) | 12 | 33
Interest paid | (7) | (9) | (4)
Profit per share | $ 4.60 | $ 0.43 | $ 1.75
"""
CODES = "| Code | Meaning | What to do |\n|---|---|---|\n| F11 | no flame | open the tap |\n| F22 | pump blocked | call the service |"


def support(sentence, *texts):
    return LexicalVerifier().check(sentence, [Passage(n, text, f"{n}.md") for n, text in enumerate(texts, 1)])[0].support


def test_a_cell_knows_its_row_its_column_and_its_section():
    (table,) = tables_in(ACCOUNTS)
    cells = {cell.text: (cell.label, cell.column, cell.section) for cell in table.values}
    assert cells["254"] == ("Malt sold", "May 31, 2019", "Sales:")
    assert cells["$ 1,116"] == ("Beer sold", "Year ended May 31, 2018", "Sales:")
    assert cells["(19)"][2] == "Result:"
    assert all(ACCOUNTS[cell.start : cell.end] == cell.text for cell in table.values)


def test_bars_around_a_table_and_its_rule_are_no_cells():
    (table,) = tables_in(CODES)
    assert [[CODES[slice(*cell)] for cell in row] for row in table.grid][:2] == [
        ["Code", "Meaning", "What to do"],
        ["F11", "no flame", "open the tap"],
    ]
    assert table.header == 1


def test_prose_with_a_bar_is_no_table():
    assert tables_in("Either this | or that.\n\nNothing else.") == ()


@pytest.mark.parametrize(("text", "value"), [("$ 1,169", 1169), ("(7)", 7), ("6.1%", 6.1), ("281 (a)", 281)])
def test_a_cell_that_is_a_number_has_a_value(text, value):
    assert float(value_of(text).value) == value


@pytest.mark.parametrize("text", ["Q1 2023", "May 31, 2019", "–", "", "3 to 5", "level 2"])
def test_a_cell_with_words_or_dates_has_none(text):
    assert value_of(text) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "The Lund mill ground 1,350 sacks in 2023.",
        "Kell ground 980 sacks in 2022.",
        "Income of the Lund mill in 2023 was 395 kEUR.",
        "Income of the Lund mill in 2023 was 395 thousand euros.",
        "Income of the Lund mill in 2023 was 395,000 euros.",
    ],
)
def test_the_right_cell_supports(sentence):
    assert support(sentence, MILLS) == "full"


@pytest.mark.parametrize(
    "sentence",
    [
        "The Lund mill ground 1,200 sacks in 2023.",
        "Kell ground 1,350 sacks in 2023.",
        "Income of the Lund mill in 2023 was 340 kEUR.",
        "Income of the Lund mill in 2023 was 395 euros.",
        "Income of the Lund mill in 2023 was 395 million euros.",
        "The Lund mill ground 1,350 sacks in 2015.",
        "The Lund mill did not grind 1,350 sacks in 2023.",
        "The Visby mill ground 1,350 sacks in 2023.",
    ],
)
def test_another_row_year_scale_denial_or_name_does_not(sentence):
    assert support(sentence, MILLS) != "full"


@pytest.mark.parametrize(
    ("sentence", "is_true"),
    [
        ("Beer sold in 2018 was 1,116 million.", True),
        ("Beer sold in 2018 was $1,116.", False),
        ("Beer sold in 2018 was 1,169 million.", False),
        ("Profit per share in 2017 was $1.75.", True),
        ("Profit in 2019 was 19 million.", False),
        ("Interest paid in 2018 was 9 million.", True),
    ],
)
def test_scales_exceptions_and_signs_count(sentence, is_true):
    assert (support(sentence, ACCOUNTS) == "full") == is_true


@pytest.mark.parametrize(
    ("sentence", "is_true"),
    [
        ("F22 means that the pump is blocked.", True),
        ("F11 means that the pump is blocked.", False),
        ("F11 means no flame.", True),
    ],
)
def test_words_of_a_row_are_not_those_of_another(sentence, is_true):
    assert (support(sentence, CODES) == "full") == is_true


def test_prose_that_says_so_outweighs_a_table_of_something_else():
    prose = "The Visby mill ground 1,350 sacks in 2021."
    assert support(prose, MILLS) != "full"
    assert support(prose, MILLS, prose) == "full"


def test_a_number_is_found_with_the_cell_that_is_meant_instead():
    (found,) = looked_up("The Kell mill ground 1,350 sacks in 2023.", [Passage(1, MILLS, "m.csv")])
    assert (found.agrees, found.cell.text, found.instead.text) == (False, "1350", "1015")


def test_a_cell_is_cited_by_its_row_with_the_header_of_its_table():
    passage = Passage(1, f"Sacks by mill\n\n{MILLS}", "m.md", start=100)
    citations = Citations([passage], LexicalVerifier())
    citations.cite(citations.judge("The Lund mill ground 1,350 sacks in 2023."))
    (citation,) = citations.citations
    assert citation.quote == "Lund | 2023 | 1350 | 395"
    assert citation.header.text == "Mill | Year | Sacks ground | Income (kEUR)"
    assert passage.text[citation.header.start - 100 : citation.header.end - 100] == citation.header.text


def test_a_sentence_has_no_header():
    assert header_of(ACCOUNTS, 0, 20) is None
