"""Sampling options out of range, or beyond a model, are refused."""

import pytest

from rag.errors import UsageError
from rag.models.generators.extractive import ExtractiveGenerator
from rag.sampling import Sampling, check_options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_k", 0),
        ("repetition_penalty", 0.0),
        ("stop", "text"),
        ("stop", ("",)),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(option, value):
    with pytest.raises(UsageError, match=option):
        Sampling(**{option: value})


def test_an_option_that_a_model_cannot_do_is_refused():
    able = ExtractiveGenerator.options
    check_options(Sampling(max_tokens=5, temperature=0.0), model="extractive", able=able)
    with pytest.raises(UsageError, match=r"extractive .*seed, top_p"):
        check_options(Sampling(seed=1, top_p=0.5), model="extractive", able=able)
