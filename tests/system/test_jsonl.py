"""JSON lines: whole lines stay, a torn last line goes, and lines of other programs stay unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.system.jsonl import ForeignLineError, append_durably, end_of_whole_lines, line_of, record_of, records

OURS = {"key": 1}
BEGINNINGS = (b'{"key": ', b'{"other": ')


def read(path):
    return list(records(path, is_ours=lambda record: "key" in record or "other" in record, beginnings=BEGINNINGS))


@pytest.mark.parametrize("torn", [line_of(OURS)[:size] for size in range(1, 10)] + [b'{"other": "x', b"\0" * 40], ids=repr)
def test_a_torn_last_line_goes(tmp_path, torn):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line_of(OURS) + torn)
    assert read(path)[0] == OURS
    whole = record_of(torn) is not None
    assert path.read_bytes() == line_of(OURS) + (torn.rstrip(b"\n") + b"\n" if whole else b"")


def test_a_last_line_that_lacks_only_its_end_gets_it(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line_of(OURS).rstrip(b"\n"))
    assert read(path) == [OURS]
    assert path.read_bytes() == line_of(OURS)


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"dear diary", 1), (line_of(OURS) + b"[1]\n", 2), (b'{"else": 1}\n', 1), (b'{"key": \n' + line_of(OURS), 1)],
)
def test_a_line_of_somebody_else_is_refused_and_the_file_left(tmp_path, content, number):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(ForeignLineError) as refused:
        read(path)
    assert refused.value.number == number
    assert path.read_bytes() == content


@pytest.mark.parametrize("padding", [0, 100, 65_536, 200_000])
def test_a_line_is_added_after_the_last_whole_one(tmp_path, padding):
    path = tmp_path / "a.jsonl"
    path.write_bytes(line_of(OURS) + b'{"key": "' + b"x" * padding)
    with path.open("r+b") as file:
        append_durably(file, line_of({"key": 2}), beginnings=BEGINNINGS)
    assert read(path) == [OURS, {"key": 2}]


def test_nothing_is_added_to_a_file_of_somebody_else(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"dear diary")
    with path.open("r+b") as file, pytest.raises(ForeignLineError):
        append_durably(file, line_of(OURS), beginnings=BEGINNINGS)
    assert path.read_bytes() == b"dear diary"


@given(st.dictionaries(st.text(st.characters()), st.text(st.characters())))
def test_every_record_comes_back(record):
    assert record_of(line_of(record)) == record
    assert line_of(record).count(b"\n") == 1


def test_the_whole_lines_of_an_empty_file_end_at_0(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with (tmp_path / "a").open("rb") as file:
        assert end_of_whole_lines(file) == 0
