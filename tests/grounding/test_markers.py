"""Brackets that are text stay text; what a model writes as a citation is read and taken away."""

from __future__ import annotations

import pytest

from rag.grounding.markers import leading_markers, without_markers, written_numbers

SOURCE = "Weights are [2, 5, 1]. By Article [12], argv[2] is the second argument. The tower stands.[3]"


@pytest.mark.parametrize(
    "text",
    [
        "Call `argv[2]` first.",
        "```\nprint(x[1])\n```",
        "An unclosed fence:\n```python\nprint(x[1])",
        "Readings are scaled to [0, 1].",
        "The vector of weights is [2, 5, 1].",
        "By Article [12] it is void.",
        "The second argument is argv[2].",
        "See (3) and list[0].",
    ],
)
def test_brackets_that_are_text_stay(text):
    assert without_markers(text, [SOURCE]) == text
    assert written_numbers(text, [SOURCE]) == []


@pytest.mark.parametrize(
    ("text", "plain", "numbers"),
    [
        ("It is tall [1].", "It is tall.", [1]),
        ("It is tall[2].", "It is tall.", [2]),
        ("The tower stands.[3]", "The tower stands.", [3]),
        ("`x` is tall [1][2].", "`x` is tall.", [1, 2]),
        ("It is tall [2, 5].", "It is tall.", [2, 5]),
        ("It is tall [[1]2].", "It is tall.", [1]),
    ],
)
def test_markers_are_taken_away(text, plain, numbers):
    assert without_markers(text, [SOURCE]) == plain
    assert written_numbers(text, [SOURCE]) == numbers


def test_leading_markers_end_where_the_words_begin():
    assert leading_markers("[1] [2] It is tall [3].") == len("[1] [2]")
    assert leading_markers("It is tall [3].") == 0
    assert leading_markers("[0, 1] is the interval.") == 0
