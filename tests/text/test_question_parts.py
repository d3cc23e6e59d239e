"""The questions in what a person wrote."""

from __future__ import annotations

import pytest

from rag.text.question_parts import MOST, question_parts, questions_in

MAIL = "Dear all,\n\nI hope you are well. I could not find it. Who leads the warehouse? Many thanks\nKim"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("How tall is the tower?", ()),
        ("carp pond", ()),
        ("", ()),
        (MAIL, ("Who leads the warehouse?",)),
        ("How tall is the tower? And who built it?", ("How tall is the tower?", "And who built it?")),
        ("I would like to know: how tall is the tower?", ("how tall is the tower?",)),
        ("What is the ratio: 3?", ()),
        ("The tower is old.\n\nWho built it?", ("Who built it?",)),
        ("Tell me its height. Tell me its age.", ("Tell me its height.", "Tell me its age.")),
        ("你好。塔有多高？谢谢", ("塔有多高？",)),
        ("مرحبا. ما ارتفاع البرج؟", ("ما ارتفاع البرج؟",)),
    ],
)
def test_sentences_that_ask_are_parted_from_what_is_around_them(text, parts):
    assert question_parts(text) == parts


def test_a_pasted_page_is_read_as_a_whole():
    sentences = [f"Neighbour number {number} bought a bicycle." for number in range(MOST + 1)]
    assert len(question_parts(" ".join(sentences[:MOST]))) == MOST
    assert question_parts(" ".join(sentences)) == ()
    assert question_parts(" ".join([*sentences, "Who sold it?"])) == ("Who sold it?",)


def test_each_question_is_found_once():
    text = 'Dear all, I could not find it. Who built the mill? "How old is the weir?" Who built the mill? Thanks.'
    assert questions_in(text) == ("Who built the mill?", '"How old is the weir?"')


@pytest.mark.parametrize(
    "text",
    ["Who built the mill?", "The mill is old. Who built it?", "The mill is old. The weir is new.", ""],
    ids=["one", "one among others", "none", "empty"],
)
def test_a_single_question_is_not_taken_apart(text):
    assert questions_in(text) == ()


def test_a_list_of_very_many_questions_is_searched_as_a_whole():
    assert len(questions_in(" ".join(f"Is it {number}?" for number in range(MOST)))) == MOST
    assert questions_in(" ".join(f"Is it {number}?" for number in range(MOST + 1))) == ()
