"""The weight of a word by its rarity."""

from __future__ import annotations

from math import log

import pytest

from rag.text.rarity import frequencies, rarity


def test_a_word_that_no_text_holds_is_the_rarest():
    weights = rarity(["a", "b", "c"], {"a": 5, "b": 9}, 10)
    assert weights["c"] > weights["a"] > weights["b"] > 0


def test_an_impossible_count_weighs_as_a_word_of_all_texts():
    assert rarity(["a"], {"a": 12}, 10)["a"] == pytest.approx(log(1 + 0.5 / 12.5))


def test_a_text_counts_once_for_each_of_its_words():
    assert frequencies([{"a", "b"}, {"b"}, set()]) == {"a": 1, "b": 2}
