"""Words of every script have one normal form in documents, questions and claims."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.grounding.statements import tokens_of
from rag.text.scripts import pairs, spelled
from rag.text.words import content_stems, is_english, stem_of, stems


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("والكتاب", "كتاب"),
        ("بالكتاب", "كتاب"),
        ("الْمُدَرِّسُونَ", "مدرس"),
        ("المدرســـة", "مدرسه"),
        ("الإسلامية", "اسلام"),
        ("آثار", "اثار"),
        ("ﻛﺘﺎﺏ", "كتاب"),
        ("کتاب", "كتاب"),
        ("کتابهای", "كتاب"),
        ("بازیکنان", "بازيكن"),
    ],
)
def test_arabic_and_persian_words_are_found_by_their_stems(written, same):
    assert stems(written) == stems(same)


@pytest.mark.parametrize(("word", "stem"), [("ولد", "ولد"), ("وطني", "طن"), ("ال", "ال"), ("هي", "هي")])
def test_of_a_short_arabic_word_at_least_two_letters_are_left(word, stem):
    assert spelled(word) == stem


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("हिन्दी", "हिन्‍दी"),
        ("ज़मीन", "जमीन"),
        (unicodedata.normalize("NFD", "résumé"), "resume"),
        (unicodedata.normalize("NFD", "대한민국"), "대한민국"),
        ("Donau\u00addampf\u00adschiff", "Donaudampfschiff"),
        ("۱۳۶۵", "1365"),
        ("१९४७", "1947"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("שָׁלוֹם", "שלום"),
    ],
)
def test_one_word_however_it_is_encoded(written, same):
    assert stems(written) == stems(same) != []


def test_an_indian_word_is_one_word():
    assert stems("हिन्दी में क्या") == ["हिनदी", "में", "कया"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("港の入口", ["港の", "の入", "入口"]),
        ("서울은 수도", ["서울", "울은", "수도"]),
        ("ไปเที่ยว", ["ไป", "ปเ", "เท", "ที", "ีย", "ยว"]),
        ("A港B", ["a", "港", "b"]),
    ],
)
def test_scripts_without_spaces_and_korean_are_cut_into_pairs(text, expected):
    assert stems(text) == expected


def test_plain_text_is_left_unchanged():
    for text in ("Plain words, 12.5 %", "“naïve” – Größe… ½ №", ""):
        assert spelled(text) is text


SENTENCES = (
    "The keeper’s lamps were lit at 21:00.",
    "Der Leuchtturm wurde 1897 gebaut.",
    "وقد افتتحت المدرسة الجديدة في مدينة القاهرة سنة ١٩٥٢.",
    "کتاب‌های تازهٔ او در تهران منتشر شدند.",
    "हिन्दी भारत की राजभाषा है और क्रिकेट लोकप्रिय है।",
    "สงขลาเป็นจังหวัดหนึ่งในภาคใต้",
    "서울은 대한민국의 수도이다.",
    "灯台は港の入口に立っています。",
    "Az országgyűlés épülete a Duna partján áll.",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_words_of_a_claim_are_among_those_of_its_source(sentence):
    words = {token.stem for token in tokens_of(sentence) if not token.quantity}
    assert words
    assert words <= set(stems(sentence))


@given(st.text())
def test_spelling_any_text_twice_changes_nothing(text):
    assert stems(text) == stems(unicodedata.normalize("NFC", text))
    assert all(" " not in stem for stem in stems(text))


@given(st.text(alphabet="กิ่าเ์가나港ー", min_size=1))
def test_pairs_hold_every_sign_but_marks_of_tone(run):
    signs = unicodedata.normalize("NFKC", run).translate(dict.fromkeys(map(ord, "่์")))
    joined = pairs(run)
    assert "".join(pair[:1] for pair in joined) + joined[-1][1:] == signs
    assert all(len(pair) == 2 for pair in joined) or len(joined) == 1


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("What is the height of the tower?", ["height", "tower"]),
        ("كم يبلغ ارتفاع البرج؟", ["يبلغ", "ارتفاع", "البرج"]),
        ("ارتفاع این برج چند متر است؟", ["ارتفاع", "برج", "متر"]),
        ("इस मीनार की ऊँचाई क्या है?", ["मीनार", "ऊँचाई"]),
        ("什么塔？", ["么塔"]),
        ("Wie hoch ist der Turm?", ["Wie", "hoch", "ist", "der", "Turm"]),
        ("من هو علي؟", ["علي"]),
    ],
)
def test_words_that_only_ask_are_left_out_of_a_question(question, left):
    assert content_stems(question) == [stem_of(word) for word in left]


def test_a_question_that_only_names_something_in_english_is_none():
    assert is_english("What does β-catenin do?")
    assert not is_english("من كتب مسلسل Doctor Who في هذه السنة؟")
    assert not is_english("Wie hoch liegt Berlin?")
