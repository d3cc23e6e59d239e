"""The bench of search: its measure is that of the field, and a collection never chooses its own constants."""

from __future__ import annotations

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import Qrel, ScoredDoc, nDCG

from benchmarks.trust.search import SETTINGS, gain, left_out, ndcg, told

NAMES = st.sampled_from("abcdefghijklmnop")


@given(st.lists(NAMES, unique=True, min_size=1), st.sets(NAMES, min_size=1))
def test_the_measure_is_that_of_ir_measures(found, relevant):
    run = [ScoredDoc("q", name, -place) for place, name in enumerate(found)]
    expected = ir_measures.calc_aggregate([nDCG @ 10], [Qrel("q", name, 1) for name in relevant], run)
    assert ndcg(found, relevant) == pytest.approx(expected[nDCG @ 10])


def test_a_collection_is_judged_by_constants_of_the_others():
    first, second = told(SETTINGS[0]), told(SETTINGS[1])
    settings = {told(weights): {"q": 0.0} for weights in SETTINGS}
    found = {"a": settings | {first: {"q": 1.0}}, "b": settings | {second: {"q": 1.0}}}
    assert left_out(found) == {"a": second, "b": first}


def test_a_gain_is_paired_by_question():
    same = gain({"p": 0.2, "q": 0.9}, {"q": 1.0, "p": 0.3})
    assert (same.value, same.low, same.high) == pytest.approx((0.1, 0.1, 0.1))
