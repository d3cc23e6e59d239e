"""An index after kills, full disks and damage: it opens, holds whole documents, and loses nothing.

The long form of the first part is `benchmarks/index/kills.py`.
"""

from __future__ import annotations

import os
import random
import shutil

import pytest
from faults import acts, damage, fixtures, judge
from faults.kills import (
    KillsAtPoints,
    RandomKills,
    copy_derived,
    look,
    put_derived,
    some_of_each,
)
from faults.nursery import NOBODY
from faults.sources import Sources

pytestmark = pytest.mark.slow

index, nursery, place, sources = fixtures.index, fixtures.nursery, fixtures.place, fixtures.sources

DAMAGES = pytest.mark.parametrize("harm", damage.ALL, ids=lambda harm: harm.__name__)


def kill_often(nursery, place, kills, *, seed, small_layouts=False):
    trial, done = RandomKills(nursery, place, seed=seed, small_layouts=small_layouts), []
    while sum(kill.died for kill in done) < kills:
        done += trial.round()
    assert [kill for kill in done if kill.problems] == []


def test_an_index_killed_a_few_times_is_whole_and_completed(nursery, place):
    kill_often(nursery, place, 3, seed=1)


def test_an_index_killed_at_random_is_whole_and_completed(nursery, place):
    kill_often(nursery, place, 15, seed=2, small_layouts=True)


@pytest.mark.parametrize("step", ["first run", "next run", "catching up", "repair", "compact"])
def test_a_kill_around_a_commit_loses_nothing(nursery, place, step):
    trial = KillsAtPoints(nursery, place, step=step, seed=3, small_layouts=step in ("next run", "repair"))
    names = trial.points()
    kills = [trial.kill(number, names[number - 1]) for number in some_of_each(names, 5, seed=len(step))]
    assert [kill for kill in kills if kill.problems] == []
    assert all(kill.died for kill in kills)


def test_an_index_killed_before_its_first_document_is_sound(nursery, place):
    nursery.run("adopt", index=str(place / "index")).result()
    for _ in range(2):
        told = nursery.run("command", arguments=["verify", "--index", str(place / "index")])
        assert told.result() == 0, told.printed


def test_compaction_leaves_the_weights_of_a_fresh_index(nursery, place, index, sources):
    nursery.run("sync", index=str(place / "fresh"), folder=str(sources.folder)).result()
    nursery.run("compact", index=str(index)).result()
    found, fresh = (nursery.run("search", index=str(path)).result() for path in (index, place / "fresh"))
    for search in (search for search in fresh if search.startswith("keyword")):
        scores, expected = ({tuple(hit[:3]): hit[4] for hit in hits[search]} for hits in (found, fresh))
        assert scores == pytest.approx(expected)


# full disks and folders that may not be written


def limits(index, count, *, seed):
    """Sizes at which writes fail: around the sizes of the index's files, and random ones."""
    sizes = [path.stat().st_size for path in index.rglob("*") if path.is_file()]
    near = [max(0, size + step) for size in sizes for step in (-1, 0, 1)]
    chance = random.Random(seed)
    return [0, *chance.sample(near, count // 2), *(chance.randrange(2 * max(sizes)) for _ in range(count // 2))]


def test_a_run_without_room_says_so_and_the_next_one_completes(nursery, place, index, sources):
    before = sources.texts()
    sources.step(8)
    after, start = sources.texts(), place / "start"
    shutil.copytree(index, start)
    nursery.run("sync", index=str(place / "fresh"), folder=str(sources.folder)).result()
    fresh = look(nursery, place / "fresh")
    refused = 0
    for limit in limits(index, 10, seed=1):
        shutil.rmtree(index)
        shutil.copytree(start, index)
        ended = nursery.run("sync", index=str(index), folder=str(sources.folder), limit_bytes=limit)
        assert (ended.signal, ended.hung) == (0, False)
        assert not ended.error or ended.is_rag_error, f"{limit} bytes: {ended.traceback}"
        refused += bool(ended.error)
        assert judge.after_a_kill(look(nursery, index), before, after) == [], f"{limit} bytes"
        nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
        assert judge.differences(look(nursery, index), fresh) == [], f"{limit} bytes"
    assert refused > 3


def test_the_command_tells_of_a_full_disk_in_words(nursery, index, sources):
    for limit in limits(index, 6, seed=2):
        sources.step(6)
        arguments = ["index", str(sources.folder), "--index", str(index)]
        ended = nursery.run("command", arguments=arguments, limit_bytes=limit)
        assert not ended.error, f"{limit} bytes: {ended.traceback}"
        assert "Traceback" not in ended.printed
        assert ended.value == 0 or "Error: " in ended.printed, f"{limit} bytes: {ended.printed}"


def test_searching_needs_no_room(nursery, index):
    before = look(nursery, index)
    ended = nursery.run("look", index=str(index), limit_bytes=0)
    assert judge.differences(ended.result(), before) == []


def test_searching_derived_files_that_are_behind_needs_no_room(nursery, index, sources):
    before, derived = sources.texts(), copy_derived(index)
    sources.step(6)
    nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    put_derived(index, derived)
    ended = nursery.run("search", index=str(index), limit_bytes=0)
    assert ended.error == "" or ended.is_rag_error, ended.traceback
    assert judge.after_a_kill(look(nursery, index), before, sources.texts()) == []


@pytest.mark.parametrize("at_text", [1, 9, 15])
def test_a_folder_made_read_only_ends_a_run_with_a_named_error(nursery, place, at_text):
    uid = NOBODY if os.getuid() == 0 else None
    sources = Sources(place / "many", seed=8, files=9)
    mine = place / "mine"
    mine.mkdir(mode=0o777)
    mine.chmod(0o777)
    arguments = {"index": str(mine / "index"), "folder": str(sources.folder)}
    ended = nursery.run("sync_and_close_the_folder", **arguments, at_text=at_text, uid=uid)
    assert not ended.error or ended.is_rag_error, ended.traceback
    for path in [mine / "index", *(mine / "index").iterdir()]:
        path.chmod(0o777)
    assert judge.after_a_kill(nursery.run("look", index=arguments["index"], uid=uid).result(), {}, sources.texts()) == []
    assert nursery.run("sync", **arguments, uid=uid).result()["documents"] == 9
    assert nursery.run("look", index=arguments["index"], uid=uid).result()["after"] == []


# damage


def heal(nursery, index, sound, place):
    """Search an index with damaged derived files, repair it if verify asks for it, and return the remaining faults."""
    log = place / "embedded"
    first = nursery.run("look", index=str(index), log=str(log)).result()
    if first["after"]:
        nursery.run("repair", index=str(index), log=str(log)).result()
        first = look(nursery, index)
    assert not log.exists(), "texts were embedded again"
    return judge.differences(first, sound)


@DAMAGES
def test_a_damaged_derived_file_comes_back_from_the_catalog(nursery, place, index, harm):
    sound, start, chance = look(nursery, index), place / "start", random.Random(harm.__name__)
    shutil.copytree(index, start)
    names = [path.relative_to(index) for path in damage.derived_files(index)]
    for name in chance.sample(names, min(4, len(names))):
        shutil.rmtree(index)
        shutil.copytree(start, index)
        harm(index / name, chance)
        assert heal(nursery, index, sound, place) == [], name


@DAMAGES
def test_all_damaged_derived_files_come_back_from_the_catalog(nursery, place, index, harm):
    sound, chance = look(nursery, index), random.Random(harm.__name__)
    for path in damage.derived_files(index):
        harm(path, chance)
    assert heal(nursery, index, sound, place) == []


@pytest.mark.parametrize("instead", ["nothing", "a file", "a link to nothing", "a link to a folder"])
def test_files_in_place_of_derived_folders_are_replaced(nursery, place, index, instead):
    sound = look(nursery, index)
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "letter.txt").write_text("dear", encoding="utf-8")
    for folder in damage.derived_folders(index):
        shutil.rmtree(folder)
        if instead == "a file":
            folder.write_text("in the way", encoding="utf-8")
        elif instead.startswith("a link"):
            folder.symlink_to(place / ("elsewhere" if instead == "a link to a folder" else "nowhere"))
    assert heal(nursery, index, sound, place) == []
    assert [path.name for path in (place / "elsewhere").iterdir()] == ["letter.txt"]


def test_verify_says_what_is_damaged_and_repair_mends_it(nursery, index):
    for path in damage.derived_files(index):
        damage.flipped_behind_its_time(path, random.Random(1))
    ended = nursery.run("command", arguments=["verify", "--repair", "--index", str(index)])
    assert ended.result() == 0, ended.printed
    ended = nursery.run("command", arguments=["verify", "--index", str(index)])
    assert ended.result() == 0, ended.printed


def test_derived_files_follow_a_catalog_from_a_backup(nursery, place, index, sources):
    """After a restore, other documents get the same numbers of generations and chunks."""
    backup = (index / "catalog.sqlite").read_bytes()
    sources.step(10)
    nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    (index / "catalog.sqlite").write_bytes(backup)
    assert judge.wrong_hits(look(nursery, index)) == []
    assert look(nursery, index)["after"] == []


def test_an_index_goes_on_from_a_backup_of_its_catalog(nursery, place, index, sources):
    backup = (index / "catalog.sqlite").read_bytes()
    for _ in range(3):
        sources.step(4)
        nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    (index / "catalog.sqlite").write_bytes(backup)
    sources.step(10)
    nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    nursery.run("sync", index=str(place / "fresh"), folder=str(sources.folder)).result()
    assert judge.differences(look(nursery, index), look(nursery, place / "fresh")) == []


@DAMAGES
def test_a_damaged_catalog_is_told_in_words_or_still_read(nursery, place, index, harm):
    start, chance = place / "start", random.Random(harm.__name__)
    shutil.copytree(index, start)
    for _ in range(5 if "flipped" in harm.__name__ or "cut" in harm.__name__ else 1):
        shutil.rmtree(index)
        shutil.copytree(start, index)
        harm(index / "catalog.sqlite", chance)
        ended = nursery.run("use", index=str(index))
        assert (ended.signal, ended.hung) == (0, False)
        assert not ended.error or ended.is_rag_error, ended.traceback
        told = nursery.run("command", arguments=["verify", "--index", str(index)])
        assert (told.signal, told.hung, told.error) == (0, False, ""), told.traceback
        assert "Traceback" not in told.printed


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("harm", [damage.cut_short, damage.flipped, damage.rubbish, damage.deleted, damage.zeroed])
def test_damaged_leftovers_of_a_killed_run_do_no_harm(nursery, place, index, sources, harm, suffix):
    """The newest documents may be lost and are indexed again; older ones stay."""
    sources.step(10)
    names = nursery.run("count_points", of="sync", arguments={"index": str(index), "folder": str(sources.folder)}).result()
    sources.step(10)
    killed = nursery.run("sync", index=str(index), folder=str(sources.folder), kill_at=len(names) * 2 // 3)
    path, chance = index / f"catalog.sqlite{suffix}", random.Random(7)
    assert killed.signal
    assert path.exists()
    harm(path, chance)
    ended = nursery.run("use", index=str(index))
    assert not ended.error or ended.is_rag_error, ended.traceback
    if not ended.error:
        assert ended.value["problems"] == []
    nursery.run("sync", index=str(index), folder=str(sources.folder)).result()
    nursery.run("sync", index=str(place / "fresh"), folder=str(sources.folder)).result()
    assert judge.differences(look(nursery, index), look(nursery, place / "fresh")) == []


def test_the_harness_notices_what_it_looks_for(nursery, place, index, sources):
    """A judge that misses faults would prove nothing."""
    sound, texts = look(nursery, index), sources.texts()
    assert judge.after_a_kill(sound, texts, texts) == []
    name = next(iter(texts))
    torn = {**sound, "documents": {**sound["documents"], name: {**sound["documents"][name], "text": "torn"}}}
    assert any("never had" in problem for problem in judge.after_a_kill(torn, texts, texts))
    lost = {**sound, "documents": {key: value for key, value in sound["documents"].items() if key != name}}
    assert any("is gone" in problem for problem in judge.after_a_kill(lost, texts, texts))
    assert judge.differences(lost, sound) != []
    assert acts.WINDOW_CHUNKS < 256
