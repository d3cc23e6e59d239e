"""Any damage to a file is noticed; a sound file is read once."""

from __future__ import annotations

import os
import time

import pytest

from rag.index import checksums
from rag.index.checksums import are_intact, checksum


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "files"
    path.mkdir()
    (path / "a.bin").write_bytes(os.urandom(5000))
    (path / "b.bin").write_bytes(b"")
    return path


@pytest.fixture
def settled(monkeypatch):
    """Gives the files a time long ago."""
    monkeypatch.setattr(checksums, "SETTLED_NS", -(10**12))


def sums(folder):
    return {path.name: checksum(path) for path in folder.iterdir()}


def test_what_was_found_sound_is_not_read_again(folder, settled, monkeypatch):
    expected = sums(folder)
    assert are_intact(folder, expected)
    monkeypatch.setattr(checksums, "checksum", lambda path: pytest.fail(f"{path} is read again"))
    assert are_intact(folder, expected)


def test_what_has_just_been_written_is_read_each_time(folder, monkeypatch):
    expected = sums(folder)
    assert are_intact(folder, expected)
    read = []
    monkeypatch.setattr(checksums, "checksum", lambda path: read.append(path.name) or checksum(path))
    assert are_intact(folder, expected)
    assert sorted(read) == ["a.bin", "b.bin"]


def test_a_changed_byte_is_noticed_with_size_and_time_restored(folder, settled):
    path, expected = folder / "a.bin", sums(folder)
    assert are_intact(folder, expected)
    before, content = path.stat(), bytearray(path.read_bytes())
    content[17] ^= 4
    while time.time_ns() - before.st_ctime_ns < 20_000_000:  # the clock of file times may tick so slowly
        pass
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not are_intact(folder, expected)


def test_thorough_reading_trusts_no_memory(folder, settled, monkeypatch):
    expected = sums(folder)
    assert are_intact(folder, expected)
    monkeypatch.setattr(checksums, "checksum", lambda path: checksums.Checksum(0, 0))
    assert are_intact(folder, expected)
    assert not are_intact(folder, expected, remember=False)


def test_names_that_lead_elsewhere_are_refused(folder, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    there = checksum(tmp_path / "secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "sub").mkdir()
    for name in ("../secret", str(tmp_path / "secret"), "link", "sub", "", ".", "..", "absent", "a\0b"):
        assert not are_intact(folder, {name: there})


def test_a_cache_that_cannot_be_written_costs_only_time(folder, settled, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "file"))
    assert are_intact(folder, sums(folder))
