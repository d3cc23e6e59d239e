"""A model's answer is split into sentences, and remarks that are no part of a summary go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.summaries.talk import says_nothing
from rag.summaries.wording import statements


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (
            "The hall is open on Sundays, but not in winter. The hall is not\nopen at Easter. The dog is not allowed inside the hall.",
            [
                "The hall is open on Sundays, but not in winter.",
                "The hall is not open at Easter.",
                "The dog is not allowed inside the hall.",
            ],
        ),
        ("Ada Brandt\nhad been ill for some days.", ["Ada Brandt had been ill for some days."]),
        (
            "The letter that was sent in 1805 was a gift from the family\nEstates of Halden were sold in\n1806.",
            ["The letter that was sent in 1805 was a gift from the family Estates of Halden were sold in 1806."],
        ),
        ("- the mill was\n  sold\n- the bridge", ["the mill was sold", "the bridge"]),
        ("Marketing\nDesign\nSales", ["Marketing", "Design", "Sales"]),
        ("The mill was sold.\nthe bridge was not.", ["The mill was sold.", "the bridge was not."]),
        ("The mill\n\nwas sold.", ["The mill", "was sold."]),
        (
            "这座塔很高,高三百三十米,高三百三十米以上,而且一八八九年建成于法国首都巴黎的战神广场上,由居斯塔夫埃菲尔设计\n并且很美。",
            None,
        ),
    ],
)
def test_a_line_break_ends_no_sentence(written, found):
    if found is None:
        assert statements(written) == [written.replace("\n", "")]
    else:
        assert statements(written) == found


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("**The mill** was __sold at last__ to **them**.", "The mill was sold at last to them."),
        ("**Point 3** is that 2**10 lines are in __init__ of it.", "Point 3 is that 2**10 lines are in __init__ of it."),
        ("__Note__ that a ** b is no emphasis.", "Note that a ** b is no emphasis."),
    ],
)
def test_emphasis_is_taken_off_and_names_and_powers_stay(written, left):
    assert statements(written) == [left]


def test_remarks_and_headlines_are_no_part_of_a_summary():
    mill = "The mill was sold in 1501."
    assert statements(f"Certainly!\n\n## Summary\n\n{mill}\n\nLet me know if you would like me to shorten it.") == [mill]
    assert statements(f"Sure. {mill}\n\n(Word count: 98)\n\nI hope this helps!") == [mill]
    assert statements(f"```text\n{mill}\n```") == [mill]
    assert statements("# The mill was sold") == ["The mill was sold"]
    assert statements("Let me know if the mill is sold.") == ["Let me know if the mill is sold."]


SHARES = "; ".join(f"in {year} the share of women on the board was {year % 100} %" for year in range(2019, 2023))
RENTS = ", ".join(
    f"the tenant shall pay the {what} on the first day of each {when}" for what, when in zip("abcd", "wxyz", strict=True)
)


@pytest.mark.parametrize(
    "sentence", [f"{SHARES}.", SHARES, f"{RENTS}, failing which the lease ends.", "It prints - - - - - - - - - and ends"]
)
def test_a_long_sentence_with_new_parts_is_no_circle(sentence):
    assert statements(sentence) == [sentence]


@pytest.mark.parametrize(
    "something",
    [
        "Miller: Six point five.",
        "Yes.",
        "They were okay.",
        "Oh no, they did not.",
        "Status: OK.",
        "Answer: HMM.",
        "Solution set: {2, 3}.",
        "Code: {okay}.",
        "5 mm.",
        "→ ½",
        "Ah, the mill burns.",
        "The text is written in Latin.",
        "The text is written in a formal tone and argues that taxes must rise.",
        "The text is well-structured: Part I sets duties.",
        "The summary is clear and says profits fell.",
        "The text is clear that taxes rise.",
        "The document was written in a monastery in 1501.",
    ],
)
def test_short_answers_and_facts_about_a_text_stay(something):
    assert statements(f"The miller came home. {something}") == ["The miller came home.", something]


def test_a_sentence_with_the_words_of_an_earlier_one_is_left_out():
    assert statements("Most users are forty five. Users are forty five.") == ["Most users are forty five."]
    apart = ["Er kam nach Hause.", "Sie kam nach Hause.", "Er kam auch nach Hause.", "It is 5 mm wide.", "It is 5 um wide."]
    assert statements(" ".join(apart)) == apart


@pytest.mark.parametrize(
    "answer",
    [
        "The text does not mention who has a dragon.",
        "The provided document doesn't contain dragons.",
        "There is no information about dragons in the text.",
        "I'm sorry, but I can’t help with that.",
    ],
)
def test_an_answer_that_the_text_lacks_the_topic_is_nothing(answer):
    assert says_nothing(answer, was_asked=True)
    assert not says_nothing(answer)
    assert not says_nothing(f"{answer} The mill was sold.", was_asked=True)


def test_what_a_text_says_of_others_is_something():
    assert not says_nothing("The committee does not mention who paid.", was_asked=True)
    assert not says_nothing("There is no mill in the valley.", was_asked=True)


@given(st.text(alphabet="ab AB.\n-#*_`|1", max_size=300))
def test_any_text_has_statements_without_line_breaks(written):
    assert not any("\n" in sentence for sentence in statements(written))
