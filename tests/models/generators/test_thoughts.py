"""A reasoning model's thoughts are no answer."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.models.generators.thoughts import Sign, pieces_without_thoughts
from rag.types import Usage


def left(pieces):
    async def stream():
        for piece in pieces:
            yield piece
        yield Usage(3, 2)

    async def all_of_it():
        return [piece async for piece in pieces_without_thoughts(stream())]

    *parts, usage = asyncio.run(all_of_it())
    assert usage == Usage(3, 2)
    signs = [place for place, part in enumerate(parts) if isinstance(part, Sign)]
    return "".join(parts[signs[-1] + 1 if signs else 0 :])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>Hm.</think>\n\nIt is tall.", "It is tall."),
        ("\n<think>\nHm.\n</think>It is tall.", "It is tall."),
        ("It is tall.", "It is tall."),
        ("<thin air> is <think>not</think> a thought", "<thin air> is <think>not</think> a thought"),
        ("<think>Hm", ""),
        ("<think></think><think>Again.</think>Yes.", "Yes."),
        ("Hm.\n</think>\n\nIt is tall.", "It is tall."),
        ("</think>It is tall.", "It is tall."),
        ("Hm.</think><think>Again.</think>Yes.", "Yes."),
        ("Hm.</think>", ""),
        ("One </thi", "One </thi"),
        ("1 < 2 </thin> 3", "1 < 2 </thin> 3"),
        ("<thi", "<thi"),
        ("", ""),
    ],
)
@given(data=st.data())
def test_thoughts_before_the_answer_are_left_out(text, answer, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert left(pieces) == answer


def test_text_is_not_held_back_for_a_tag_that_may_follow():
    async def pieces():
        for piece in ("It is ", "tall <", "b", "."):
            yield piece

    async def parts():
        return [part async for part in pieces_without_thoughts(pieces())]

    assert asyncio.run(parts()) == ["It is ", "tall ", "<b", "."]
