"""The language of a text, as far as an answer and its sources may be in different ones."""

from __future__ import annotations

import pytest

from rag.text.tongues import is_of_another_language, language_of, script_of

ENGLISH = "The tower is 34 metres tall, and it was built by the town."


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"),
        ("Der Turm ist 34 Meter hoch und wurde von der Stadt gebaut.", "de"),
        ("La tour est haute de 34 mètres et elle est dans la ville.", "fr"),
        ("La torre es de la ciudad y no está en el puerto.", "es"),
        ("Башня высотой 34 метра.", ""),
        ("Ada Brandt, Lund, 1872", ""),
        ("", ""),
    ],
)
def test_frequent_words_tell_the_language(text, code):
    assert language_of(text) == code


def test_most_letters_tell_the_script():
    assert script_of("Башня (tower) высотой") == "CYRILLIC"
    assert script_of("塔は高い") == "CJK"
    assert script_of("1872 – 34 %") == ""


@pytest.mark.parametrize(
    "text", ["Der Turm ist 34 Meter hoch, und er ist nicht alt.", "灯塔高三十四米。", "Башня высотой 34 метра."]
)
def test_an_answer_in_another_language_is_told(text):
    assert is_of_another_language(text, [ENGLISH])
    assert not is_of_another_language(text, [ENGLISH, text])


@pytest.mark.parametrize("text", ["Ada Brandt, Lund.", "34 m", "The mill is old and it is not tall.", "E22: Pumpe blockiert"])
def test_where_nothing_tells_the_language_it_may_be_the_same(text):
    assert not is_of_another_language(text, [ENGLISH])
    assert not is_of_another_language(text, [])
