"""An index is a folder like any other: it can be read-only, moved, copied and renamed."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults import damage, fixtures, judge
from faults.kills import copy_derived, look, put_derived
from faults.nursery import NOBODY

index, nursery, place, sources = fixtures.index, fixtures.nursery, fixtures.place, fixtures.sources

SOMEBODY_ELSE = NOBODY if os.getuid() == 0 else None
"""Permissions do not apply to root."""


@contextmanager
def read_only(index):
    """Makes the folder read-only for the test, and asserts that nothing was written."""
    paths = [index, *index.rglob("*")]
    before = {path: contents(path) for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in [index, *index.rglob("*")]:
            path.chmod(0o777)
    assert {path: contents(path) for path in [index, *index.rglob("*")]} == before


def contents(path):
    """The bytes of a file. None for a folder, and for the file in which SQLite's readers record their positions."""
    return None if path.is_dir() or path.name.endswith("-shm") else path.read_bytes()


def as_somebody_else(nursery, act, index, **arguments):
    return nursery.run(act, index=str(index), uid=SOMEBODY_ELSE, **arguments)


def killed_run(nursery, index, sources):
    """A run that leaves documents in the log beside the catalog. Returns the texts before and after it."""
    before = sources.texts()
    sources.step(8)
    names = nursery.run("count_points", of="sync", arguments=copy_arguments(index, sources)).result()
    sources.step(8)
    arguments = {"index": str(index), "folder": str(sources.folder)}
    assert nursery.run("sync", **arguments, kill_at=len(names) * 3 // 4).signal
    assert (index / "catalog.sqlite-wal").stat().st_size
    return before, sources.texts()


def copy_arguments(index, sources):
    shutil.copytree(index, index.with_name("counted"))
    return {"index": str(index.with_name("counted")), "folder": str(sources.folder)}


@pytest.mark.slow
def test_a_read_only_index_is_searched_and_verified(nursery, index):
    sound = look(nursery, index)
    with read_only(index):
        assert judge.differences(as_somebody_else(nursery, "look", index).result(), sound) == []
        for command in ("status", "documents", "verify"):
            told = nursery.run("command", arguments=[command, "--index", str(index)], uid=SOMEBODY_ELSE)
            assert told.result() == 0, told.printed


@pytest.mark.parametrize("part", ["vectors", "keywords"])
def test_damage_in_an_index_that_cannot_be_written_is_told(nursery, index, part):
    damage.grown(max((index / part).iterdir(), key=lambda path: path.stat().st_size), random.Random(1))
    with read_only(index):
        told = nursery.run("command", arguments=["verify", "--index", str(index)], uid=SOMEBODY_ELSE)
    assert told.result() == 1
    assert f"{part}: the files are damaged" in told.printed


def test_a_read_only_index_refuses_a_writer(nursery, index, sources):
    with read_only(index):
        ended = as_somebody_else(nursery, "sync", index, folder=str(sources.folder))
        assert ended.is_rag_error, ended.traceback
        assert "cannot be written" in ended.message
        assert as_somebody_else(nursery, "compact", index).is_rag_error
        assert as_somebody_else(nursery, "repair", index).is_rag_error


@pytest.mark.slow
def test_a_read_only_index_has_its_derived_files_elsewhere(nursery, index, sources):
    derived = copy_derived(index)
    sources.step(8)
    nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    sound = look(nursery, index)
    for files in (derived, {}):
        put_derived(index, files)
        with read_only(index):
            found = as_somebody_else(nursery, "search", index).result()
        for search, hits in found.items():
            assert judge.ranking_differences(search, hits, sound["searches"][search]) == []


@pytest.mark.slow
@pytest.mark.parametrize("left", ["log and shared memory", "log"])
def test_a_read_only_index_includes_the_log_of_a_killed_run(nursery, index, sources, left):
    before, after = killed_run(nursery, index, sources)
    if left == "log":
        (index / "catalog.sqlite-shm").unlink()
    with read_only(index):
        ended = as_somebody_else(nursery, "look", index)
        assert not ended.error or ended.is_rag_error, ended.traceback
        assert ended.error or judge.after_a_kill(ended.value, before, after) == []
    assert ended.error == "" or left == "log"
    assert judge.after_a_kill(look(nursery, index), before, after) == []


def test_an_index_can_be_moved_and_goes_on(nursery, place, index, sources):
    sound = look(nursery, index)
    moved = place / "elsewhere" / "renamed"
    moved.parent.mkdir()
    index.rename(moved)
    assert judge.differences(look(nursery, moved), sound) == []
    report = nursery.run("sync", index=str(moved), folder=str(sources.folder)).result()
    assert (report["unchanged"], report["added"]) == (len(sound["documents"]), 0)


@pytest.mark.slow
def test_a_copy_made_after_a_kill_is_as_good_as_the_original(nursery, place, index, sources):
    before, after = killed_run(nursery, index, sources)
    shutil.copytree(index, place / "copy")
    assert judge.after_a_kill(look(nursery, place / "copy"), before, after) == []
    assert judge.differences(look(nursery, place / "copy"), look(nursery, index)) == []


@pytest.mark.slow
def test_two_open_copies_are_independent(nursery, place, index, sources):
    sound = look(nursery, index)
    shutil.copytree(index, place / "copy")
    sources.step(8)
    nursery.run("sync", index=str(place / "copy"), folder=str(sources.folder)).result()
    both = nursery.run("search_both", first=str(index), second=str(place / "copy")).result()
    changed = look(nursery, place / "copy")
    for search, (first, second) in both.items():
        assert judge.ranking_differences(search, first, sound["searches"][search]) == []
        assert judge.ranking_differences(search, second, changed["searches"][search]) == []
    assert judge.differences(look(nursery, index), sound) == []


@pytest.mark.slow
def test_a_copy_over_an_index_is_noticed(nursery, place, index, sources):
    """A restored backup has the same file names, and may have the same times."""
    shutil.copytree(index, place / "backup")
    sound = look(nursery, index)
    sources.step(8)
    nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    look(nursery, index)
    shutil.copytree(place / "backup", index, dirs_exist_ok=True)
    assert judge.differences(look(nursery, index), sound) == []


PLACES = [
    "with spaces ", "-rf", "~", "索引", "индекс", "🗼 tower", "a#b", "what?", "100%", "%41%2F%00", "'quoted'", '"double"', "new\nline",
    "tab\there", "semi;colon", "back\\slash", "file:x", "é", "e\u0301", "\u202eright", "&amp=1", "[a]*", "x" * 200, ".hidden", "...",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES, ids=range(len(PLACES)))
def test_an_index_lives_under_any_name(nursery, place, sources, name):
    here = place / name / "index"
    nursery.run("sync", index=str(here), folder=str(sources.folder)).result()
    sources.step(3)
    nursery.run("sync", index=str(here), folder=str(sources.folder)).result()
    found = look(nursery, here)
    assert judge.after_a_kill(found, sources.texts(), sources.texts()) == []
    told = nursery.run("command", arguments=["search", "winter harbour", "--index", str(here), "--json"])
    assert told.result() == 0, told.printed
    with read_only(here):
        assert as_somebody_else(nursery, "search", here).result() == found["searches"]
    assert sorted(path.name for path in (place / name).iterdir()) == ["index"]


def test_a_folder_name_that_is_no_text_is_refused_at_once(nursery, place, sources):
    here = place / os.fsdecode(b"lat\xe9")
    here.mkdir()
    ended = nursery.run("sync", index=str(here / "index"), folder=str(sources.folder))
    assert ended.error == "IndexStoreError"
    assert "lat\\udce9/index is not valid UTF-8" in ended.message
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_an_index_opens_by_a_relative_path_and_through_a_link(nursery, place, index):
    sound = look(nursery, index)
    (place / "link").symlink_to(index)
    assert judge.differences(look(nursery, place / "link"), sound) == []
    relative = os.path.relpath(index, Path.cwd())
    assert judge.differences(look(nursery, relative), sound) == []
