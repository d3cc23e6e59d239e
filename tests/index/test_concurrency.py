"""Many readers beside a writer: no errors, no half documents, and commits are soon visible."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager

import pytest
from faults import fixtures
from faults.kills import look
from faults.nursery import NOBODY

import rag
from rag.ingest import sync as ingest
from rag.testing import fakes
from rag.types import Document

index, nursery, place, sources = fixtures.index, fixtures.nursery, fixtures.place, fixtures.sources

SECONDS = 20


def wait_for(path):
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)


@contextmanager
def a_writer(nursery, place, index):
    """Another process that holds the writer's place; yields its id."""
    until = place / "until"
    pid = nursery.start("hold", index=str(index), until=str(until))
    wait_for(place / "until.held")
    try:
        yield pid
    finally:
        until.touch()
        nursery.wait(pid)


def readers_beside_a_writer(nursery, place, *, readers, threads, uid=None, **work):
    index = str(place / "crowded")
    nursery.run("write", index=index, rounds=1, documents=1).result()
    nursery.run("forget", index=index, source="done").result()
    crowd = [nursery.start("read", index=index, threads=threads, seconds=SECONDS * 2, uid=uid) for _ in range(readers)]
    writer = nursery.start("write", index=index, **work)
    nursery.wait(writer, limit=SECONDS * 3).result()
    return [nursery.wait(reader, limit=SECONDS * 3).result() for reader in crowd]


def test_threads_find_whole_documents_during_a_write(nursery, place):
    (seen,) = readers_beside_a_writer(nursery, place, readers=1, threads=3, rounds=1, documents=3)
    assert (seen["problems"], seen["left"]) == ([], [])
    assert seen["searches"] > 3


@pytest.mark.slow
@pytest.mark.parametrize("tend", [False, True], ids=["", "compacts and repairs"])
def test_processes_find_whole_documents_during_a_write(nursery, place, tend):
    for seen in readers_beside_a_writer(nursery, place, readers=3, threads=2, rounds=4, documents=4, tend=tend):
        assert (seen["problems"], seen["left"]) == ([], [])
        assert seen["searches"] > 20


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("tend", [False, True], ids=["", "compacts and repairs"])
def test_readers_who_may_not_write_see_what_a_writer_commits(nursery, place, tend):
    seen = readers_beside_a_writer(nursery, place, readers=2, threads=2, rounds=3, documents=4, tend=tend, uid=NOBODY)
    assert [reader["problems"] for reader in seen] == [[], []]
    assert all(reader["searches"] > 10 for reader in seen)


def test_a_second_writer_learns_who_writes_and_what(nursery, place, index):
    with a_writer(nursery, place, index) as first:
        ended = nursery.run("add", index=str(index), patience=0)
        assert ended.error == "IndexLockedError"
        assert f"is being written by process {first} " in ended.message
        assert "nursery.py" in ended.message
        told = nursery.run("command", arguments=["index", str(place / "sources"), "--index", str(index), "--wait", "0"])
        assert told.result() == 1
        assert f"Error: The index {index} is being written by process {first} " in told.printed


def test_a_second_writer_waits_until_the_first_one_ends(nursery, place, index):
    with a_writer(nursery, place, index):
        second = nursery.start("add", index=str(index), patience=SECONDS)
        (place / "until").touch()
        assert nursery.wait(second).result() < SECONDS


@pytest.mark.slow
def test_a_second_writer_waits_no_longer_than_it_was_told(nursery, place, index):
    with a_writer(nursery, place, index):
        ended = nursery.run("add", index=str(index), patience=0.3)
    assert ended.error == "IndexLockedError"
    assert 0.3 < ended.seconds < 5


def test_the_lock_of_a_killed_process_is_no_lock(nursery, place, index):
    first = nursery.start("hold", index=str(index), until=str(place / "until"))
    wait_for(place / "until.held")
    assert nursery.wait(first, kill_after=0).signal
    assert (index / "writer.json").exists()
    assert nursery.run("add", index=str(index), patience=0).result() < SECONDS


@pytest.mark.slow
def test_readers_need_no_writers_place(nursery, place, index):
    sound = look(nursery, index)
    with a_writer(nursery, place, index):
        assert nursery.run("search", index=str(index)).result() == sound["searches"]
        assert nursery.run("command", arguments=["status", "--index", str(index), "--json"]).result() == 0


@pytest.mark.slow
def test_missing_derived_files_stop_no_search_during_a_write(nursery, place, index, sources):
    sound = look(nursery, index)
    with a_writer(nursery, place, index):
        for path in index.glob("*.stamp"):
            path.unlink()
        found = nursery.run("search", index=str(index)).result()
    for search, hits in found.items():
        assert sorted(hit[:3] for hit in hits) == sorted(hit[:3] for hit in sound["searches"][search]), search


@pytest.mark.slow
def test_many_readers_of_damaged_files_all_search_rightly(nursery, index):
    sound = look(nursery, index)
    for path in index.glob("*.stamp"):
        path.unlink()
    crowd = [nursery.start("search", index=str(index)) for _ in range(6)]
    for child in crowd:
        found = nursery.wait(child).result()
        for search, hits in found.items():
            assert sorted(hit[:3] for hit in hits) == sorted(hit[:3] for hit in sound["searches"][search]), search
    assert look(nursery, index)["after"] == []


@pytest.mark.slow
def test_two_writers_that_take_turns_lose_nothing(nursery, place, index, sources):
    crowd = [
        nursery.start("command", arguments=["index", str(sources.folder), "--index", str(index), "--wait", "30"])
        for _ in range(4)
    ]
    assert [nursery.wait(child).result() for child in crowd] == [0] * 4
    assert look(nursery, index)["after"] == []


def test_every_mode_finds_what_is_committed_and_nothing_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "WINDOW_CHUNKS", 2)
    embedder = fakes.HashEmbedder()
    before = [Document(f"A heron stood at lock {number}.", f"{number}.md", "Heron") for number in range(6)]
    seen = set()

    def documents():
        for number in range(8):
            yield Document(f"An otter and no bird swam by lock {number}.", f"{number}.md", "Otter")
            with reader.catalog.snapshot():
                total = len(reader)
                birds = [hit for hit in reader.catalog.hits([(chunk, 0) for chunk in range(1, 99)]) if "heron" in hit.text]
            for mode in ("hybrid", "dense", "keyword"):
                hits = rag.search("heron otter lock", index=reader, k=50, mode=mode)
                assert len(hits) == total, mode
            assert len(rag.search("heron", index=reader, k=50, mode="keyword")) == len(birds)
            seen.add(len(birds))

    with rag.open_index(tmp_path / "index", embedder=embedder, create=True) as writer:
        ingest.add_documents(before, index=writer)
        with rag.open_index(tmp_path / "index", embedder=embedder) as reader:
            ingest.add_documents(documents(), index=writer)
            assert len(rag.search("heron otter lock", index=reader, k=50, mode="keyword")) == 8
    assert {6, 4, 2} <= seen


def test_a_reader_without_rights_holds_only_what_the_files_lack(tmp_path, monkeypatch):
    place, embedder = tmp_path / "index", fakes.HashEmbedder()
    with rag.open_index(place, embedder=embedder, create=True) as writer, rag.open_index(place, embedder=embedder) as reader:
        ingest.add_documents([Document("A heron stood at the lock.", "1.md", "Heron")], index=writer)
        monkeypatch.setattr(reader._derived, "_refreshed_by_us", lambda: "refused")
        monkeypatch.setattr(writer, "refresh", lambda: None)
        for number in (2, 3):
            ingest.add_documents([Document(f"Heron number {number} came.", f"{number}.md", "Heron")], index=writer)
            assert len(rag.search("heron", index=reader, mode="keyword")) == number
            held = reader._derived.keywords()
            assert (len(held), held.recent is not None and len(held.recent)) == (1, number - 1)


def test_words_in_memory_alone_grow_with_the_catalog(tmp_path, monkeypatch):
    place, embedder = tmp_path / "index", fakes.HashEmbedder()
    with rag.open_index(place, embedder=embedder, create=True) as writer, rag.open_index(place, embedder=embedder) as reader:
        monkeypatch.setattr(reader._derived, "_refreshed_by_us", lambda: "refused")
        monkeypatch.setattr(writer, "refresh", lambda: None)
        stores = set()
        for number in (1, 2, 3):
            ingest.add_documents([Document(f"Heron number {number} came.", f"{number}.md", "Heron")], index=writer)
            assert len(rag.search("heron", index=reader, mode="keyword")) == number
            stores.add(reader._derived.keywords())
    assert len(stores) == 1
