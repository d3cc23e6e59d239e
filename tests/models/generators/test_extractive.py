"""Quoting alone: which sentences and rows are chosen, and in which order."""

from __future__ import annotations

import numpy as np
import pytest

from rag.models.generators.extractive import ExtractiveGenerator, best_sentences
from rag.testing.generators import write
from rag.types import EmbedderIdentity, Passage, Prompt

CODES = """\
| Code | Meaning | What to do |
|---|---|---|
| E11 | no flame | check the gas tap |
| E22 | pump blocked | call the service |
"""


class NearTo:
    """An embedder for which texts with one word are near to each other, and all others are far."""

    identity = EmbedderIdentity("near", "", 2, 256)
    chunk_limit = 256

    def __init__(self, *words: str) -> None:
        self._words = words

    def embed_question(self, text):
        return np.array([1.0, 0.0] if any(word in text for word in self._words) else [0.0, 1.0], np.float32)

    def embed_passages(self, texts):
        return np.stack([self.embed_question(text) for text in texts])

    def count_tokens(self, text):
        return len(text.split())


def passages(*texts: str) -> list[Passage]:
    return [Passage(number, text, f"{number}.txt") for number, text in enumerate(texts, 1)]


def test_a_code_is_answered_by_its_row():
    found = best_sentences("What does E22 mean?", passages(f"# Error codes\n\n{CODES}"))
    assert found == ["| E22 | pump blocked | call the service |"]


def test_names_of_columns_are_no_answer():
    assert best_sentences("What is the meaning of this code?", passages(CODES)) == []


def test_a_row_of_cells_parted_by_tabs_is_a_row():
    table = "Region\tUnits\nWest\t2090\nSouth\t1015"
    assert best_sentences("What about West?", passages(table)) == ["West 2090"]


def test_a_sentence_with_a_bar_is_not_cut():
    text = "The command is `ls | wc`\nand it counts files."
    assert best_sentences("What counts files?", passages(text)) == ["The command is `ls | wc` and it counts files."]


def test_text_below_a_heading_is_quoted_without_it():
    assert best_sentences("How many carp?", passages("# Pond\nSeven carp live here.")) == ["Seven carp live here."]


def test_a_negated_question_wants_a_sentence_that_denies():
    text = "The insurance covers fire and water. The insurance does not cover frost."
    assert best_sentences("What does the insurance not cover?", passages(text))[0] == "The insurance does not cover frost."
    assert best_sentences("What does the insurance cover?", passages(text))[0] == "The insurance covers fire and water."


def test_of_equals_the_better_passage_comes_first():
    found = best_sentences("carp pond", passages("Old carp live in the pond.", "Wild carp live in the pond."))
    assert found == ["Old carp live in the pond.", "Wild carp live in the pond."]


def test_a_much_worse_sentence_is_left_out():
    found = best_sentences("Who built the lamp tower?", passages("Ada Brandt built the lamp tower. The harbour has a lamp."))
    assert found == ["Ada Brandt built the lamp tower."]


def test_meaning_decides_between_sentences_of_like_words():
    texts = passages("The tower was painted. The tower measures 34 metres.")
    by_words = best_sentences("How tall is the tower?", texts)
    by_meaning = best_sentences("How tall is the tower?", texts, embedder=NearTo("tall", "measures"))
    assert by_words[0] == "The tower was painted."
    assert by_meaning == ["The tower measures 34 metres."]


@pytest.mark.parametrize("question", ["?", "and of the", ""])
def test_nothing_shared_gives_no_sentence(question):
    assert best_sentences(question, passages("Seven carp live here."), embedder=NearTo("carp")) == []


def test_the_generator_keeps_the_embedder_it_was_given():
    mine = ExtractiveGenerator(NearTo("measures", "tall"))
    assert mine.reading_with(NearTo("painted", "tall")) is mine
    assert ExtractiveGenerator().reading_with(None).reading_with(NearTo("measures", "tall")) is not mine
    texts = tuple(passages("The tower was painted. The tower measures 34 metres."))
    text, _ = write(mine, Prompt("How tall is the tower?", texts, ()))
    assert text.startswith("The tower measures")
