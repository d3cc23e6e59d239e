from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rag.retrieval.fusion import (
    SHIPPED,
    drawn_to_the_first,
    reciprocal_rank_fusion,
    trust_in_cosines,
    weighted_sum,
)

IDS = st.integers(1, 40)
COSINES = st.dictionaries(IDS, st.floats(-1, 1).map(lambda score: round(score, 3)), max_size=30)
WORD_SCORES = st.dictionaries(IDS, st.floats(0.01, 60).map(lambda score: round(score, 2)), max_size=30)


def pairs(scores):
    return list(scores.items())


@given(COSINES, WORD_SCORES)
def test_every_id_comes_back_once_with_a_score_from_0_to_1(dense, keyword):
    fused = weighted_sum(pairs(dense), pairs(keyword))
    assert sorted(item for item, _ in fused) == sorted(dense.keys() | keyword.keys())
    assert all(0 <= score <= 1 for _, score in fused)
    assert fused == sorted(fused, key=lambda pair: (-pair[1], pair[0]))


@given(COSINES, WORD_SCORES, st.randoms())
def test_the_order_of_the_input_does_not_matter(dense, keyword, random):
    shuffled_dense, shuffled_keyword = pairs(dense), pairs(keyword)
    random.shuffle(shuffled_dense)
    random.shuffle(shuffled_keyword)
    assert weighted_sum(shuffled_dense, shuffled_keyword) == weighted_sum(pairs(dense), pairs(keyword))


@given(COSINES, WORD_SCORES)
def test_better_in_both_searches_is_never_behind(dense, keyword):
    scores = dict(weighted_sum(pairs(dense), pairs(keyword)))
    for a in scores:
        for b in scores:
            if max(dense.get(a, 0), 0) >= max(dense.get(b, 0), 0) and keyword.get(a, 0) >= keyword.get(b, 0):
                assert scores[a] >= scores[b]


@given(COSINES, WORD_SCORES, st.sampled_from([0.125, 4.0, 1024.0]))
def test_the_scale_of_either_score_does_not_matter(dense, keyword, scale):
    fused = weighted_sum(pairs(dense), pairs(keyword))
    scaled = weighted_sum(pairs(dense), [(item, score * scale) for item, score in keyword.items()])
    assert dict(scaled) == pytest.approx(dict(fused))


def test_an_id_of_both_searches_is_before_an_id_of_one():
    assert [item for item, _ in weighted_sum([(1, 0.5), (2, 0.5)], [(2, 7.0)])] == [2, 1]
    assert [item for item, _ in weighted_sum([(2, 0.5)], [(1, 7.0), (2, 7.0)])] == [2, 1]


def test_ties_go_to_the_lower_id():
    assert [item for item, _ in weighted_sum([(9, 0.4), (3, 0.4)], [(9, 2.0), (3, 2.0)])] == [3, 9]


def test_the_best_of_both_scores_1_and_the_worst_0():
    assert weighted_sum([(1, 0.6), (2, 0.0)], [(1, 8.0)]) == [(1, 1.0), (2, 0.0)]
    assert weighted_sum([(1, 0.6)], []) == [(1, 1.0)]
    assert weighted_sum([], [(1, 8.0)]) == [(1, 1.0)]
    assert weighted_sum([(1, -0.2)], []) == [(1, 0.0)]
    assert weighted_sum([], []) == []


def test_chance_cosines_of_few_candidates_do_not_beat_words():
    assert [item for item, _ in weighted_sum([(1, 0.52), (2, 0.50)], [(2, 8.0)])] == [2, 1]


@given(COSINES, WORD_SCORES)
def test_the_order_is_that_of_weighted_deviations(dense, keyword):
    ids = sorted(dense.keys() | keyword.keys())
    cosines = [max(dense.get(item, 0.0), 0.0) for item in ids]
    words = [keyword.get(item, 0.0) for item in ids]
    assume(any(cosines) and any(words))
    deviations = [statistics.pstdev([*scores, 0.0]) for scores in (cosines, words)]
    expected = [
        SHIPPED.dense * cosine / deviations[0] + (1 - SHIPPED.dense) * word / deviations[1]
        for cosine, word in zip(cosines, words, strict=True)
    ]
    fused = dict(weighted_sum(pairs(dense), pairs(keyword)))
    highest = SHIPPED.dense * max(cosines) / deviations[0] + (1 - SHIPPED.dense) * max(words) / deviations[1]
    assert [fused[item] * highest for item in ids] == pytest.approx(expected)


def test_rank_fusion_adds_reciprocal_ranks():
    assert reciprocal_rank_fusion([(1, 9.0), (2, 8.0)], [(2, 0.3)]) == [(2, 1 / 62 + 1 / 61), (1, 1 / 61)]


def agreeing(share, n=100, seed=3):
    """Dense and keyword scores of n ids. A cosine is `share` of the keyword score plus a random rest."""
    chance = random.Random(seed)
    words = {item: chance.random() for item in range(n)}
    cosines = {item: share * words[item] + (1 - share) * chance.random() for item in words}
    return pairs(cosines), [(item, 20 * score) for item, score in words.items()]


def test_cosines_that_agree_with_the_words_count_in_full():
    assert trust_in_cosines(*agreeing(0.6)) == pytest.approx(1.0)


def test_cosines_unrelated_to_the_words_count_little():
    assert trust_in_cosines(*agreeing(0.0)) < 0.2
    dense, keyword = agreeing(0.0)
    dense, keyword = [*dense, (100, 0.2)], [*keyword, (100, 25.0)]
    assert weighted_sum(dense, keyword, dense_weight=SHIPPED.dense * trust_in_cosines(dense, keyword))[0][0] == 100
    assert weighted_sum(dense, keyword)[0][0] != 100


def test_few_candidates_leave_the_dense_weight_high():
    dense, keyword = [(1, 0.9), (2, 0.1)], [(1, 2.0), (2, 9.0)]
    assert trust_in_cosines(dense, keyword) > 0.7


def test_without_scores_to_compare_cosines_count_in_full():
    assert trust_in_cosines([(1, 0.5)], []) == 1.0
    assert trust_in_cosines([], [(1, 3.0)]) == 1.0
    assert trust_in_cosines([(1, 0.5), (2, 0.5)], [(1, 3.0), (2, 4.0)]) == 1.0
    assert trust_in_cosines([], []) == 1.0


@given(COSINES, WORD_SCORES)
def test_the_trust_in_cosines_is_a_share(dense, keyword):
    assert 0 < trust_in_cosines(pairs(dense), pairs(keyword)) <= 1 + 1e-12


RANKED = st.dictionaries(IDS, st.floats(0, 1).map(lambda score: round(score, 3)), max_size=30)


@given(RANKED, COSINES)
def test_drawing_to_the_first_keeps_every_id_and_the_range(scored, likeness):
    drawn = drawn_to_the_first(pairs(scored), likeness)
    assert dict(drawn).keys() == scored.keys()
    assert all(0 <= score <= 1 for _, score in drawn)
    assert drawn == sorted(drawn, key=lambda pair: (-pair[1], pair[0]))


@given(RANKED, COSINES)
def test_a_better_and_as_similar_passage_stays_ahead(scored, likeness):
    drawn = dict(drawn_to_the_first(pairs(scored), likeness))
    for a in scored:
        for b in scored:
            if scored[a] >= scored[b] and max(likeness.get(a, 0), 0) >= max(likeness.get(b, 0), 0):
                assert drawn[a] >= drawn[b]


@given(RANKED)
def test_without_likeness_the_order_is_kept(scored):
    order = sorted(scored, key=lambda item: (-scored[item], item))
    assert [item for item, _ in drawn_to_the_first(pairs(scored), {})] == order
    assert [item for item, _ in drawn_to_the_first(pairs(scored), dict.fromkeys(scored, -0.5))] == order


def test_likeness_to_the_first_lifts_a_passage():
    scored = [(1, 0.9), (2, 0.8), (3, 0.60), (4, 0.55)]
    drawn = drawn_to_the_first(scored, {1: 0.9, 2: 0.9, 3: 0.1, 4: 0.7})
    assert [item for item, _ in drawn] == [1, 2, 4, 3]
    assert dict(drawn)[4] == pytest.approx((0.55 + SHIPPED.likeness * 0.7) / (1 + SHIPPED.likeness))
    assert [item for item, _ in drawn_to_the_first(scored, {4: 0.7}, weight=0.0)] == [1, 2, 3, 4]
