"""Data to dataclasses: every mistake is named by place and key, with what is expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from rag.arguments import check_fields, option
from rag.errors import SettingsError, UsageError
from rag.system.decode import decoded


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    count: int = option(1, "A number.", least=1)
    share: float | None = None
    is_on: bool = False
    names: list[str] | None = None
    mode: Literal["dense", "keyword"] = "dense"
    modes: list[Literal["dense", "keyword"]] | None = None
    id: str | int | None = None

    def __post_init__(self) -> None:
        check_fields(self)


def test_values_become_a_dataclass_with_its_defaults():
    assert decoded({"name": "x", "share": 1, "id": 7}, Table, place="f") == Table("x", share=1.0, id=7)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1], "f: [1] has no keys and values."),
        ({}, "f: the key 'name' is missing."),
        ({"name": " "}, "f: the key 'name' is empty."),
        ({"name": "x", "cuont": 2}, "f: unknown key 'cuont'. Did you mean 'count'? Known: name, count,"),
        ({"name": 7}, "f: 'name' must be a string, not 7."),
        ({"name": "x", "count": True}, "f: 'count' must be a whole number, not true."),
        ({"name": "x", "count": 2.5}, "f: 'count' must be a whole number, not 2.5."),
        ({"name": "x", "count": 0}, "f: count must be at least 1, not 0."),
        ({"name": "x", "share": "half"}, "f: 'share' must be a number, not \"half\"."),
        ({"name": "x", "is_on": 1}, "f: 'is_on' must be true or false, not 1."),
        ({"name": "x", "names": "a"}, "f: 'names' must be a list of strings, not \"a\"."),
        ({"name": "x", "names": ["a", 7]}, "f: 'names' must be a list of strings, not [\"a\", 7]."),
        ({"name": "x", "mode": "dnse"}, "f: 'mode' must be one of dense, keyword, not \"dnse\". Did you mean 'dense'?"),
        ({"name": "x", "modes": ["dense", "keywrd"]}, "Did you mean 'keyword'?"),
        ({"name": "x", "id": [1]}, "f: 'id' must be a string or a whole number, not [1]."),
    ],
)
def test_a_mistake_is_named(values, message):
    with pytest.raises(UsageError) as caught:
        decoded(values, Table, place="f")
    assert message in str(caught.value)


def test_the_caller_chooses_error_key_name_and_example():
    with pytest.raises(SettingsError) as caught:
        decoded({"nam": "x"}, Table, place="rag.toml", key="setting", like="a name.", error=SettingsError)
    assert str(caught.value).startswith("rag.toml: unknown setting 'nam'. Did you mean 'name'?")
    assert str(caught.value).endswith("Write a name.")


def test_other_keys_may_be_allowed_and_long_values_are_cut():
    assert decoded({"name": "x", "more": 1}, Table, place="f", others=True).name == "x"
    with pytest.raises(UsageError) as caught:
        decoded({"name": ["word"] * 1000}, Table, place="f")
    assert len(str(caught.value)) < 120
