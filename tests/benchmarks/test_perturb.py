"""Questions as people type them."""

from __future__ import annotations

import re

from benchmarks.trust.perturb import keywords, perturbed, without_accents

QUESTION = "How tall is the Café tower of invoice INV-2023?"
OTHERS = ["Who built the bridge?", "When does it open"]


def worn(**changes):
    return perturbed(QUESTION, **{"others": OTHERS, "paragraph": "The bridge is old.", "seed": 7, **changes})


def test_the_same_in_each_run_and_another_seed_gives_others():
    assert worn() == worn()
    assert worn() != worn(seed=8)


def test_each_form_differs_and_words_with_digits_stay():
    forms = worn()
    assert forms.pop("as written") == QUESTION
    assert all(form != QUESTION for form in forms.values())
    assert all("inv-2023" in form.lower() for form in forms.values())


def test_slips_keep_the_letters_or_take_or_give_as_many_as_named():
    forms = worn()
    assert sorted(forms["one pair of letters swapped"]) == sorted(QUESTION)
    assert len(forms["two letters dropped"]) == len(QUESTION) - 2
    assert len(forms["two letters doubled"]) == len(QUESTION) + 2
    moved = [a for a, b in zip(forms["one pair of letters swapped"], QUESTION, strict=True) if a != b]
    assert len(moved) == 2


def test_questions_in_one_are_all_there_with_a_question_mark():
    three = worn()["three questions in one"]
    assert three.count("?") == 3
    assert all(one.rstrip("?") in three for one in (QUESTION, *OTHERS))


def test_accents_go_from_letters_of_europe_and_stay_elsewhere():
    assert without_accents("Café Ångström") == "Cafe Angstrom"
    assert without_accents("हिन्दी") == "हिन्दी"


def test_keywords_are_the_words_that_carry_meaning():
    assert re.split(r"\s+", keywords("How tall is the tower?")) == ["tall", "tower"]
    assert keywords("What is it?") == "What is it?"
