"""The word lists of languages: each section names its source, and the tool can renew those from CLDR."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from rag.grounding.lexical import LexicalVerifier
from rag.text.language import FOLDER, Language, language, languages, of_all, values_of_all
from rag.text.words import denials_in, is_denial, is_negated
from rag.types import Passage
from tools.languages import renew, written

FILES = sorted(FOLDER.glob("*.json"))
NAMES = {field.name for field in fields(Language)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_section_has_a_source_and_lists_that_the_code_reads(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content.pop("code"), type(content.pop("name"))) == (path.stem, str)
    for section in content.values():
        assert section["source"].startswith(("Compiled by hand, groundtext ", "Unicode CLDR by Babel "))
        assert section.keys() - {"source"} <= NAMES
        assert all(section.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_words_are_in_lower_case_and_once_in_a_list(path):
    for field in NAMES - {"code", "name"}:
        words = list(getattr(language(path.stem), field))
        assert words == [word.lower() for word in words]
        assert len(words) == len(set(words))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_as_the_tool_writes_it(path):
    text = path.read_text(encoding="utf-8")
    assert written(renew(json.loads(text))) == text


def test_english_wins_where_languages_disagree():
    assert languages()[0].code == "en"
    assert values_of_all("scales")["billion"] == 10**9
    assert set(language("de").months) < set(values_of_all("months"))


def test_every_irregular_form_is_of_a_word_in_a_pair():
    english = language("en")
    words = {word for pair in (*english.up_and_down, *english.opposites) for word in pair.split()}
    assert english.forms.keys() <= words


def test_one_list_of_denials_serves_search_and_verification():
    assert all(is_denial(word) and is_negated(f"… {word} …") for word in of_all("denials"))
    assert is_denial("isn’t")
    assert is_denial("isn't")
    assert denials_in("Er kam nicht, and she didn't go") == 2
    assert not is_negated("The note is knotted.")


@pytest.mark.parametrize(
    ("sentence", "source", "is_true"),
    [
        ("Le moulin fut vendu le 14 juillet 1911.", "Le moulin fut vendu le 14 juillet 1911 à Lund.", True),
        ("Le moulin fut vendu le 14 juin 1911.", "Le moulin fut vendu le 14 juillet 1911 à Lund.", False),
        ("El molino se vendió el 3 de mayo de 1911.", "El molino se vendió el 3 de marzo de 1911 en Lund.", False),
        ("Der Gewinn der Mühle stieg um 5 %.", "Der Gewinn der Mühle stieg um 5 Prozent.", True),
        ("Der Gewinn der Mühle war 3.000.000 Kronen.", "Der Gewinn der Mühle war 3 Millionen Kronen.", True),
        ("Der Gewinn der Mühle war 3 Milliarden Kronen.", "Der Gewinn der Mühle war 3 Millionen Kronen.", False),
    ],
)
def test_dates_and_scales_of_other_languages_are_compared(sentence, source, is_true):
    judged, _ = LexicalVerifier().check(sentence, [Passage(1, source, "m.txt")])
    assert (judged.support == "full") == is_true
