"""The questions in what a person wrote."""

from __future__ import annotations

import pytest

from rag.text.question_parts import question_parts

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
