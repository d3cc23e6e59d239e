"""Whole replacement of files, and locks."""

from __future__ import annotations

import pytest

from rag.system.files import BusyError, locked, read_json, replacing, write_json


def test_a_file_takes_the_place_of_another(tmp_path):
    write_json(tmp_path / "a.json", {"one": 1})
    write_json(tmp_path / "a.json", {"two": 2})
    assert read_json(tmp_path / "a.json") == {"two": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, OSError])
def test_the_old_file_stays_where_writing_fails(tmp_path, interrupt):
    (tmp_path / "a").write_text("old")

    def write_half():
        with replacing(tmp_path / "a", durable=True) as file:
            file.write(b"half of the n")
            raise interrupt

    with pytest.raises(interrupt):
        write_half()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_permissions_are_those_asked_for(tmp_path):
    with replacing(tmp_path / "a", mode=0o600) as file:
        file.write(b"secret")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("leave", [True, False])
def test_a_lock_is_held_by_one(tmp_path, leave):
    lock = tmp_path / "a.lock"
    with locked(lock, leave=leave), pytest.raises(BusyError), locked(lock):
        pass
    with locked(lock, leave=leave):
        pass
    assert lock.exists() is leave
