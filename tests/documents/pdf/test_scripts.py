"""PDFs in scripts that run from right to left, that have no spaces, or that stand upright."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import SHARED_DATA
from pdf_glyphs import Glyph, across, downwards, glyph_pdf, leftwards

from rag.documents.pdf.east_asian import in_whole_sentences
from rag.documents.pdf.read import load
from rag.documents.pdf.right_to_left import in_order_of_speech, with_glyphs_turned_back

absent = pytest.mark.skipif(not SHARED_DATA.exists(), reason="the shared test data (../shared/data) is absent")


def text_of(*glyphs: list[Glyph]) -> str:
    return load(glyph_pdf([glyph for line in glyphs for glyph in line]), source="a.pdf", name="a.pdf").text


def text_of_file(path: str) -> str:
    return load((SHARED_DATA / path).read_bytes(), source="a.pdf", name="a.pdf").text


class TestRightToLeft:
    @pytest.mark.parametrize("words", ["مرحبا بكم", "שלום עולם", "سنة (2024)"])
    @pytest.mark.parametrize("drawn", ["as it is read", "as it is seen"])
    def test_words_are_in_reading_order_however_they_were_drawn(self, words: str, drawn: str) -> None:
        seen = words.replace("(2024)", "(4202)").translate(str.maketrans("()", ")(")) if "(" in words else words
        glyphs = leftwards(seen, 300, 700)
        assert text_of(glyphs if drawn == "as it is read" else glyphs[::-1]) == words

    @pytest.mark.parametrize("words", ["كان أيضًا هنا", "بناءً على", "كَتَبَ", "كتاب مُحمد", "شَدَّ", "שָׁלוֹם עוֹלָם"])
    @pytest.mark.parametrize("drawn", ["as it is read", "as it is seen", "marks last"])
    def test_marks_stand_after_their_letters_and_part_no_word(self, words: str, drawn: str) -> None:
        glyphs = leftwards(words, 300, 700)
        if drawn == "as it is seen":
            glyphs.reverse()
        elif drawn == "marks last":
            glyphs.sort(key=lambda glyph: glyph[3])
            glyphs.reverse()
        assert text_of(glyphs) == words

    @pytest.mark.parametrize(
        ("glyphs", "word"),
        [
            ("م لا ك", "ملاك"),
            ("م \ufefb ك", "ملاك"),  # a character of Unicode for both letters
            ("عبد الله", "عبدالله"),
            ("عبد \ufdf2", "عبدالله"),
            ("و حَبيبي", "وحَبيبي"),  # a whole word in one glyph
            ("ا ل م", "الم"),
        ],
    )
    def test_a_glyph_of_several_letters_gives_them_in_order(self, glyphs: str, word: str) -> None:
        line: list[Glyph] = [(letters, 300 - 10 * number, 700, 10) for number, letters in enumerate(glyphs.split())]
        assert text_of(line) == word

    @pytest.mark.parametrize("word", ["شركة", "المالية", "שלום", "كَتَبَ"])
    def test_a_word_drawn_from_left_to_right_is_reversed(self, word: str) -> None:
        seen = [(text, x, x + width) for text, x, _, width in sorted(leftwards(word, 300, 700), key=lambda one: one[1])]
        text = "Made in 2024 " + "".join(letter for letter, _, _ in seen)
        start = len(text) - len(seen)

        def box_of(place: int) -> tuple[float, float, float, float]:
            left, right = seen[place - start][1:] if place >= start else (6.0 * place, 6.0 * place + 6)
            return left, right, 700.0, 708.0

        assert in_order_of_speech(text, box_of) == "Made in 2024 " + word

    def test_letters_beyond_right_to_left_scripts_are_left_alone(self) -> None:
        assert text_of(across("Hello (2024) a\u0301", 72, 700)) == "Hello (2024) á"

    @given(st.text(alphabet="اللهبي َّשל \r\nab1"), st.integers(1, 3))
    def test_no_letter_is_lost(self, text: str, letters_of_a_glyph: int) -> None:
        def box_of(position: int) -> tuple[float, float, float, float]:
            left = 500.0 - 5 * (position // letters_of_a_glyph)
            return left, left + 5, 0.0, 8.0

        assert sorted(in_order_of_speech(text, box_of).replace(" ", "")) == sorted(text.replace(" ", ""))
        assert len(with_glyphs_turned_back(text, box_of)) == len(text)

    @absent
    def test_words_of_real_documents_are_whole(self) -> None:
        text = text_of_file("pdf_nasty/files/docling/right_to_left_01.pdf")
        assert "يؤدي إلى اتخاذ" in text.replace("أن ", "").replace("أيضًا ", "")
        assert "أيضًا" in text
        assert "بناءً على" in text
        assert not re.search(r"\s[\u064b-\u0652]", text)

    @absent
    @pytest.mark.parametrize("name", ["habibi", "habibi-oneline-cmap", "habibi-rotated"])
    def test_a_real_word_in_one_glyph_is_not_reversed(self, name: str) -> None:
        text = text_of_file(f"pdf_nasty/files/sample-files/015-arabic__{name}.pdf")
        assert "حَبيبي" in text
        assert "يبيبَح" not in text


CHINESE = [
    "中华人民共和国的一切权力属于人民。人民行使国家权",
    "力的机关是全国人民代表大会和地方各级人民代表大",
    "会。人民依照法律规定管理国家事务。",
]
JAPANESE = [
    "日本国民は正当に選挙された国会における代表者を通じ",
    "て行動しわれらとわれらの子孫のために諸国民との協和",
    "による成果を確保する。",
]


def lines_of(lines: list[str], left: float = 72, top: float = 700) -> list[Glyph]:
    return [glyph for number, line in enumerate(lines) for glyph in across(line, left, top - 12 * number)]


def columns_of(columns: list[str], right: float = 500, top: float = 700) -> list[Glyph]:
    return [glyph for number, column in enumerate(columns) for glyph in downwards(column, right - 14 * number, top)]


class TestEastAsian:
    @pytest.mark.parametrize("lines", [CHINESE, JAPANESE])
    def test_a_sentence_has_neither_spaces_nor_line_ends_inside(self, lines: list[str]) -> None:
        assert text_of(lines_of(lines)) == "".join(lines)

    def test_a_paragraph_ends_where_its_last_line_does(self) -> None:
        indented = across("第二段落从这里开始并且也有很多文字在这一行上面。", 88, 652)
        assert text_of(lines_of(CHINESE), indented) == "".join(CHINESE) + "\n第二段落从这里开始并且也有很多文字在这一行上面。"

    def test_an_indented_first_line_goes_on_at_the_margin(self) -> None:
        first = across(CHINESE[0][:-2], 88, 712)
        assert text_of(first, lines_of(CHINESE[1:])) == CHINESE[0][:-2] + "".join(CHINESE[1:])

    @pytest.mark.parametrize(
        "lines",
        [
            ["东京电力公司", "大阪电力公司", "京都电力公司"],  # names below each other
            [CHINESE[0], "・" + CHINESE[1]],  # a list
            [CHINESE[0] + "。", CHINESE[1]],  # a sentence ends
            [CHINESE[0][:15], CHINESE[1]],  # there was room for more
            ["第一章总论以及本法的适用范围与原则", CHINESE[0], CHINESE[1][:5] + "。"][:2],  # a heading
        ],
    )
    def test_lines_that_end_for_another_reason_stay(self, lines: list[str]) -> None:
        assert text_of(lines_of(lines)) == "\n".join(lines)

    def test_a_table_of_single_characters_has_a_line_a_row(self) -> None:
        names = ["营业收入", "营业支出", "投资收入"]
        rows = [across(name, 72, 700 - 12 * n) + across("本年度的金额", 200, 700 - 12 * n) for n, name in enumerate(names)]
        assert text_of(*rows) == "\n".join(f"{name} 本年度的金额" for name in names)

    def test_korean_words_are_whole_across_line_ends(self) -> None:
        lines = [
            "보험금의 경우 보장금액 등이 높게 책정되어 있다 보",
            "니 상해나 재해로 인정할 지 여부에 대하여 약관상 ",
            "명백한 규정이 없는 한 관련 분쟁이 지속적으로 일 ",
        ]
        lines += ["보험실무상 어떤 회사는 재해로 인정하여 이를 지 ", "급한다."]
        assert text_of(lines_of(lines)) == "".join(lines[:2]).rstrip() + "\n" + "\n".join(line.strip() for line in lines[2:])

    def test_korean_lines_stay_where_no_line_end_has_a_space(self) -> None:
        lines = ["보험금의 경우 보장금액 등이 높게 책정되어 있다 보", "니 상해나 재해로 인정할 지 여부에 대하여 약관상의"]
        assert text_of(lines_of(lines)) == "\n".join(lines)

    @given(st.lists(st.text(alphabet="日本語。、ab12 \u3000가나", min_size=1), max_size=8), st.booleans(), st.integers(1, 40))
    def test_nothing_but_spaces_and_line_ends_is_lost(self, lines: list[str], upright: bool, width: int) -> None:
        text = "\r\n".join(lines)

        def box_of(position: int) -> tuple[float, float, float, float]:
            along, line = 8.0 * (position % width), 12.0 * (position // width)
            return (-line, 8 - line, -along - 8, -along) if upright else (along, along + 8, -line - 8, -line)

        assert sorted(re.sub(r"\s", "", in_whole_sentences(text, box_of))) == sorted(re.sub(r"\s", "", text))

    @absent
    def test_words_of_a_real_document_are_whole(self) -> None:
        text = text_of_file("pdf_gold/normal_4pages.pdf")
        for words in ("코로나바이러스감염증-19", "국내 확진자는", "단계에 돌입하였음을", "구분 개정전 개정후\n"):
            assert words in text
        assert "재해로\n인정하여" in text  # the line ends with the word

    @absent
    def test_a_real_table_keeps_its_rows(self) -> None:
        lines = text_of_file("pdf_nasty/files/pypdf/issue-914-xmp-data.pdf").split("\n")
        assert lines[1] == "302000001 10.12 散称华联粉条 2700549 334010053 0.5 红豆"
        assert len(lines) > 40

    @absent
    def test_other_scripts_of_one_real_page_stand_in_its_lines(self) -> None:
        assert "مرحبا بالعالم" in text_of_file("pdf_nasty/files/pypdf/hello-world.pdf").split("\n")
        assert "こんにちは世界" in text_of_file("pdf_nasty/files/pypdf/hello-world.pdf").split("\n")


class TestUpright:
    @pytest.mark.parametrize("drawn", ["from right to left", "from left to right"])
    @pytest.mark.parametrize("columns", [2, 3, 8])
    def test_columns_are_read_from_right_to_left(self, columns: int, drawn: str) -> None:
        words = [f"{number}段落の文字列です" for number in "一二三四五六七八"[:columns]]
        placed = [downwards(column, 500 - 14 * number, 700) for number, column in enumerate(words)]
        assert text_of(*(placed if drawn == "from right to left" else placed[::-1])) == "\n".join(words)

    def test_one_tier_of_the_page_is_read_after_the_other(self) -> None:
        words = [f"{number}段落の文字列です" for number in "一二三四五六七八"]
        assert text_of(columns_of(words[:4]), columns_of(words[4:], top=500)) == "\n".join(words)

    def test_a_sentence_goes_on_from_column_to_column(self) -> None:
        assert text_of(columns_of(JAPANESE)) == "".join(JAPANESE)

    def test_ruby_characters_follow_the_text(self) -> None:
        ruby = downwards("にほんこくみん", 509, 700, size=4)
        assert text_of(columns_of(JAPANESE), ruby) == "".join(JAPANESE) + "\nにほんこくみん"

    def test_a_page_number_below_stands_after_the_text(self) -> None:
        assert text_of(across("12", 300, 60, width=6), columns_of(JAPANESE)) == "".join(JAPANESE) + "\n12"
