"""The prompts of summaries as they are sent, kept word for word in tests/prompts/snapshots/.

`UPDATE_PROMPTS=1 pytest tests/prompts` writes the kept ones anew; git shows what has changed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag.prompts import Prompts
from rag.summaries.pieces import Piece
from rag.summaries.prompts import Asking
from rag.types import Document, Heading

KEPT = Path(__file__).parent / "snapshots"
TEXT = "Tower\n\nThe tower is 34 metres tall. It was built in 1872."
PIECE = Piece(Document(TEXT, "tower.txt", 'The "tower"', headings=(Heading(0, 1, "Building"),)), 0, 0, len(TEXT))
PLAIN, FOCUSED = Asking(), Asking(focus="its height")
RENDERED = {
    "summary-map": lambda: PLAIN.of_piece(PIECE, words=60, window=4096),
    "summary-map-focus": lambda: FOCUSED.of_piece(PIECE, words=60, window=512),
    "summary-merge": lambda: PLAIN.of_parts(["It is tall.", "It is old."], words=90),
    "summary-refine": lambda: FOCUSED.of_next("It is old.", PIECE, words=90),
    "summary-longer": lambda: PLAIN.of_length("It is old.", 3, ["Built in 1872."], words=90),
    "summary-shorter": lambda: PLAIN.of_length("It is old.", 3, ["Built in 1872."], words=2),
    "summary-question": lambda: Asking("How tall is it?", is_question=True).of_piece(PIECE, words=60, window=4096),
    "summary-system": lambda: Asking(prompts=Prompts(system="Write for children.")).of_parts(["It is tall."], words=9),
}


def spelled(messages):
    return "".join(f"=== {message.role}\n{message.content}\n" for message in messages)


@pytest.mark.parametrize("name", RENDERED)
def test_every_prompt_is_sent_as_it_is_kept(name):
    rendered, kept = spelled(RENDERED[name]()), KEPT / f"{name}.txt"
    if os.environ.get("UPDATE_PROMPTS"):
        kept.write_text(rendered, encoding="utf-8")
    assert rendered == kept.read_text(encoding="utf-8")


def test_instructions_do_not_depend_on_the_document():
    other = Piece(Document("Else.", "else.txt", "Else"), 0, 0, 5)
    assert PLAIN.of_piece(other, words=60, window=4096)[0] == PLAIN.of_piece(PIECE, words=60, window=4096)[0]
