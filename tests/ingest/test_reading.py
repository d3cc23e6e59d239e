"""Indexing while files and their side-cars change, vanish, are renamed or copied."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

import rag
from rag.documents.loading import stamps, worker, workers
from rag.documents.loading.workers import loaded
from rag.errors import IndexLockedError
from rag.ingest import sync as ingest


def counts(report) -> dict[str, int]:
    return {name: getattr(report, name) for name in ("added", "changed", "renamed", "removed", "unchanged")}


def done(**numbers) -> dict[str, int]:
    return {"added": 0, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 0, **numbers}


def texts(index) -> dict[str, str]:
    return {Path(row.source).name: index.catalog.document(row.source).text for row in index.catalog.documents()}


def vectors_kept(index) -> int:
    return index.catalog.rows("SELECT count(*) FROM vectors")[0][0]


def before_loading(monkeypatch, act):
    """`act(source)` happens after a file was found and before it is read, which happens in this process."""

    def load_here(sources, **_):
        for source in sources:
            act(source)
            yield loaded(source, worker.load_file(source))

    monkeypatch.setattr(ingest, "load_all", load_here)


def while_reading(monkeypatch, act):
    """`act(source)` happens during every reading of a file."""
    look = worker.stamp_of

    def stamp_of(source):
        stamp = look(source)
        act(source)
        return stamp

    monkeypatch.setattr(worker, "stamp_of", stamp_of)
    before_loading(monkeypatch, lambda source: None)


# files that change or vanish


def test_a_files_record_belongs_to_the_bytes_that_were_read(index, folder, monkeypatch):
    def grow(source):
        with Path(source).open("a", encoding="utf-8") as file:
            file.write(" One more line.")
        os.utime(source, (5, 5))

    before_loading(monkeypatch, grow)
    rag.sync([folder / "tower.txt"], index=index)
    assert texts(index)["tower.txt"].endswith("One more line.")
    before_loading(monkeypatch, lambda source: pytest.fail(f"{source} has not changed since it was read"))
    assert counts(rag.sync([folder / "tower.txt"], index=index)) == done(unchanged=1)


def test_a_file_that_changes_while_it_is_read_is_read_again(index, folder, monkeypatch):
    changes = iter(["first change", "second change"])
    tower = folder / "tower.txt"

    def change(source):
        if text := next(changes, None):
            Path(source).write_text(text, encoding="utf-8")

    while_reading(monkeypatch, change)
    assert counts(rag.sync([tower], index=index)) == done(added=1)
    assert texts(index) == {"tower.txt": tower.read_text(encoding="utf-8")}


def test_a_file_that_keeps_changing_fails_and_is_tried_next_run(index, folder, monkeypatch):
    rag.sync([folder], index=index)
    numbers = iter(range(1000))
    (folder / "tower.txt").write_text("changed", encoding="utf-8")
    with monkeypatch.context() as patched:
        while_reading(patched, lambda source: Path(source).write_text("x" * next(numbers), encoding="utf-8"))
        report = rag.sync([folder], index=index)
    assert [(failure.status, "kept changing" in failure.message) for failure in report.failed] == [("unreadable", True)]
    assert sorted(texts(index)) == ["garden.md", "kitchen.txt"]
    assert index.verify() == []
    (folder / "tower.txt").write_text("at rest", encoding="utf-8")
    report = rag.sync([folder], index=index)
    assert (report.failed, texts(index)["tower.txt"]) == ((), "at rest")


def test_a_file_that_kept_changing_is_retried_though_the_same(index, folder, monkeypatch):
    stat = (folder / "tower.txt").stat()
    with monkeypatch.context() as patched:
        while_reading(patched, lambda source: os.utime(source, ns=(1, time.monotonic_ns())))
        assert len(rag.sync([folder / "tower.txt"], index=index).failed) == 1
    os.utime(folder / "tower.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert counts(rag.sync([folder / "tower.txt"], index=index)) == done(added=1)


def test_a_change_within_the_same_tick_of_the_clock_is_noticed(index, folder, monkeypatch):
    tower = folder / "tower.txt"
    before_loading(monkeypatch, lambda source: Path(source).write_text("before", encoding="utf-8"))
    rag.sync([tower], index=index)
    stat = tower.stat()
    tower.write_text("after!", encoding="utf-8")
    os.utime(tower, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    before_loading(monkeypatch, lambda source: None)
    assert counts(rag.sync([tower], index=index)) == done(changed=1)
    assert texts(index) == {"tower.txt": "after!"}


def test_only_times_of_a_moment_ago_are_doubted():
    now = time.time_ns()
    old = stamps.Stamp(1, now - 10**9, f"2:{now - 10**9}")
    assert old.to_keep() == old
    assert stamps.Stamp(1, now, f"2:{now}").to_keep() == stamps.Stamp(1, now - 1, f"2:{now - 1}")


def test_a_file_that_vanishes_before_it_is_read_was_never_there(index, folder, monkeypatch):
    before_loading(monkeypatch, lambda source: (folder / "tower.txt").unlink(missing_ok=True))
    report = rag.sync([folder], index=index)
    assert (counts(report), report.failed) == (done(added=2), ())
    assert index.catalog.failures() == {}


def test_a_file_that_vanishes_before_reading_is_removed(index, folder, monkeypatch):
    rag.sync([folder], index=index)
    (folder / "tower.txt").write_text("changed", encoding="utf-8")
    before_loading(monkeypatch, lambda source: (folder / "tower.txt").unlink(missing_ok=True))
    report = rag.sync([folder], index=index)
    assert (counts(report), report.failed, report.documents) == (done(removed=1, unchanged=2), (), 2)
    assert index.verify() == []


def test_an_unreadable_renamed_file_leaves_no_former_name(index, folder, monkeypatch):
    for damage in (Path.unlink, lambda path: path.write_bytes(b"\0\1\2" * 99)):
        (folder / "tower.txt").write_text("The tower.", encoding="utf-8")
        rag.sync([folder], index=index)
        (folder / "tower.txt").rename(folder / "light.txt")
        before_loading(monkeypatch, lambda source, damage=damage: damage(Path(source)) if "light" in source else None)
        report = rag.sync([folder], index=index)
        assert (counts(report), sorted(texts(index))) == (done(removed=1, unchanged=2), ["garden.md", "kitchen.txt"])
        (folder / "light.txt").unlink(missing_ok=True)


# names and copies


def test_a_renamed_file_keeps_its_vectors_under_its_new_title(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    (folder / "tower.txt").rename(folder / "light house.txt")
    assert counts(rag.sync([folder], index=index)) == done(renamed=1, unchanged=2)
    assert embedder.embedded == []
    hit = rag.search("How tall is the tower?", index=index, mode="dense")[0]
    assert (Path(hit.source).name, hit.title) == ("light house.txt", "light house")
    assert index.verify() == []


def test_copies_are_documents_of_their_own_that_share_vectors(index, folder, embedder):
    (folder / "copy.txt").write_bytes((folder / "tower.txt").read_bytes())
    rag.sync([folder], index=index)
    assert len(embedder.embedded) == len(index) - 1
    (folder / "another copy.txt").write_bytes((folder / "tower.txt").read_bytes())
    embedder.embedded.clear()
    assert counts(rag.sync([folder], index=index)) == done(added=1, unchanged=4)
    assert (embedder.embedded, vectors_kept(index)) == ([], len(index) - 2)
    for mode in ("dense", "keyword"):
        hits = rag.search("tower metres tall", index=index, mode=mode)[:3]
        assert {Path(hit.source).name for hit in hits} == {"tower.txt", "copy.txt", "another copy.txt"}
        assert mode == "keyword" or [hit.score for hit in hits] == pytest.approx([hits[0].score] * 3)
    (folder / "tower.txt").unlink()
    (folder / "copy.txt").unlink()
    rag.sync([folder], index=index)
    assert rag.search("tower metres tall", index=index, mode="dense")[0].title == "another copy"
    assert index.verify() == []


def test_the_same_words_in_another_format_are_embedded(index, tmp_path, embedder):
    (tmp_path / "one").mkdir()
    for name in ("plain.txt", "marked.md"):
        (tmp_path / "one" / name).write_text("# Harbour\n\nShips come in.", encoding="utf-8")
    rag.sync([tmp_path / "one"], index=index)
    assert len(set(embedder.embedded)) == 2


def test_two_copies_that_move_are_two_renames(index, folder, embedder):
    (folder / "copy.txt").write_bytes((folder / "tower.txt").read_bytes())
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    (folder / "sub").mkdir()
    for name in ("tower.txt", "copy.txt"):
        (folder / name).rename(folder / "sub" / name)
    assert counts(rag.sync([folder], index=index)) == done(renamed=2, unchanged=2)
    assert embedder.embedded == []
    assert index.verify() == []


def test_a_file_moved_over_another_keeps_its_vectors(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    (folder / "tower.txt").replace(folder / "kitchen.txt")
    assert counts(rag.sync([folder], index=index)) == done(changed=1, removed=1, unchanged=1)
    assert embedder.embedded == []
    assert texts(index)["kitchen.txt"].startswith("The tower")
    assert index.verify() == []


def test_a_copy_outlives_an_original_that_can_no_longer_be_read(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    (folder / "copy.txt").write_bytes((folder / "tower.txt").read_bytes())
    (folder / "tower.txt").write_bytes(b"\0\1\2" * 99)
    report = rag.sync([folder], index=index)
    assert (counts(report), embedder.embedded) == (done(added=1, unchanged=2), [])
    assert index.verify() == []


def test_the_same_text_under_other_titles_is_embedded_each_time(index, embedder):
    documents = [
        rag.Document("Ships come in.", name, title) for name, title in (("a", "Harbour"), ("b", "Port"), ("c", "Port"))
    ]
    ingest.add_documents(documents, index=index)
    assert sorted(embedder.embedded) == ["Harbour\nShips come in.", "Port\nShips come in."]


# side-cars


def describe(path, **metadata):
    Path(f"{path}.meta.json").write_text(json.dumps(metadata), encoding="utf-8")


def metadata(index) -> dict[str, dict]:
    return {Path(row.source).name: row.metadata for row in index.catalog.documents()}


def test_changes_of_a_side_car_are_followed_without_embedding(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    for year in (1872, 1873):
        describe(folder / "tower.txt", year=year)
        assert counts(rag.sync([folder], index=index)) == done(changed=1, unchanged=2)
        assert metadata(index)["tower.txt"] == {"year": year}
        assert counts(rag.sync([folder], index=index)) == done(unchanged=3)
    (folder / "tower.txt.meta.json").unlink()
    assert counts(rag.sync([folder], index=index)) == done(changed=1, unchanged=2)
    assert (metadata(index)["tower.txt"], embedder.embedded) == ({}, [])


def test_a_renamed_document_keeps_its_vectors_with_a_side_car(index, folder, embedder):
    rag.sync([folder], index=index)
    (folder / "tower.txt").rename(folder / "light.txt")
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    describe(folder / "light.txt", year=1872)
    rag.sync([folder], index=index)
    assert (metadata(index)["light.txt"], embedder.embedded) == ({"year": 1872}, [])


def test_a_title_in_a_side_car_is_embedded(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    describe(folder / "tower.txt", title="A Beacon")
    rag.sync([folder], index=index)
    assert [text.split("\n")[0] for text in embedder.embedded] == ["A Beacon"]


def test_an_unusable_side_car_is_reported_at_every_run(index, folder):
    sidecar = folder / "tower.txt.meta.json"
    sidecar.write_text("{ not JSON", encoding="utf-8")
    for expected in (done(added=3), done(unchanged=3), done(unchanged=3)):
        report = rag.sync([folder], index=index)
        assert (counts(report), [(f.source, f.status) for f in report.failed]) == (expected, [(str(sidecar), "corrupt")])
        assert report.documents == 3
    report = rag.sync([folder], index=index, retry_failed=True)
    assert (counts(report), len(report.failed)) == (done(changed=1, unchanged=2), 1)
    os.utime(folder / "tower.txt", (7, 7))
    assert len(rag.sync([folder], index=index).failed) == 1
    describe(folder / "tower.txt", year=1872)
    report = rag.sync([folder], index=index)
    assert (report.failed, metadata(index)["tower.txt"], index.catalog.failures()) == ((), {"year": 1872}, {})


@pytest.mark.parametrize("gone", [["tower.txt.meta.json"], ["tower.txt"], ["tower.txt", "tower.txt.meta.json"]])
def test_a_side_cars_failure_ends_with_it_or_its_document(index, folder, gone):
    (folder / "tower.txt.meta.json").write_text("{ not JSON", encoding="utf-8")
    rag.sync([folder / "tower.txt"], index=index)
    for name in gone:
        (folder / name).unlink()
    assert rag.sync([folder / "tower.txt"], index=index).failed == ()
    assert index.catalog.failures() == {}


# several sources


def test_roots_that_lie_in_each_other_mirror_what_they_cover(index, folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.txt").write_text("deep", encoding="utf-8")
    assert counts(rag.sync([folder / "sub", folder], index=index)) == done(added=4)
    (folder / "tower.txt").unlink()
    (folder / "sub" / "deep.txt").unlink()
    assert counts(rag.sync([folder / "sub"], index=index)) == done(removed=1)
    assert sorted(texts(index)) == ["garden.md", "kitchen.txt", "tower.txt"]
    assert counts(rag.sync([folder], index=index)) == done(removed=1, unchanged=2)


def test_indexing_a_single_file_leaves_its_neighbours(index, folder):
    rag.sync([folder], index=index)
    for path in folder.iterdir():
        path.write_text("changed", encoding="utf-8")
    (folder / "garden.md").unlink()
    assert counts(rag.sync([folder / "tower.txt"], index=index)) == done(changed=1)
    assert len(texts(index)) == 3
    assert texts(index)["kitchen.txt"].startswith("The kitchen")


def test_a_root_that_is_gone_removes_only_its_documents(index, folder, tmp_path):
    other = tmp_path / "documents of others"
    other.mkdir()
    (other / "harbour.txt").write_text("Ships come in.", encoding="utf-8")
    rag.sync([folder, other], index=index)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert counts(rag.sync([folder], index=index)) == done(removed=3)
    assert sorted(texts(index)) == ["harbour.txt"]


# readers and writers


def test_readers_find_what_is_committed_while_more_is_indexed(index, folder, monkeypatch):
    monkeypatch.setattr(ingest, "WINDOW_CHUNKS", 1)
    monkeypatch.setattr(ingest, "SECONDS_BETWEEN_REFRESHES", 0)
    seen = []

    class Reading:
        def advance(self, unit, count=1):
            pass

        def expect(self, unit, count):
            if unit == "chunks":
                with rag.open_index(index.path, embedder=index.embedder) as reader:
                    hits = rag.search("carp kitchen tower", index=reader, mode="keyword")
                    seen.append(sorted({Path(hit.source).name for hit in hits}))

    rag.sync([folder], index=index, jobs=1, progress=Reading())
    assert seen == [[], ["garden.md"], ["garden.md", "kitchen.txt"]]


def test_a_second_writer_waits_as_long_as_wait_says(index, folder, embedder, monkeypatch):
    entered, leave = threading.Event(), threading.Event()
    sleep = time.sleep

    def sleep_and_let_the_first_writer_leave(_: float) -> None:
        leave.set()
        sleep(0)

    def write():
        with rag.open_index(index.path, embedder=embedder) as first, first.writing():
            entered.set()
            leave.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    entered.wait(60)
    try:
        with pytest.raises(IndexLockedError, match=f"process {os.getpid()} on "):
            rag.sync([folder], index=index, wait=0)
        monkeypatch.setattr(time, "sleep", sleep_and_let_the_first_writer_leave)
        assert rag.sync([folder], index=index, wait=60).added == 3
        assert leave.is_set()
    finally:
        leave.set()
        writer.join()


def test_workers_tell_what_a_file_looked_like_when_it_was_read(folder):
    tower = folder / "tower.txt"
    os.utime(tower, (1000, 1000))
    describe(tower, year=1872)
    os.utime(f"{tower}.meta.json", (2000, 2000))
    (one,) = workers.load_all([str(tower)])
    assert (one.stamp.size, one.stamp.modified_ns, one.failure) == (tower.stat().st_size, 1000 * 10**9, None)
    assert one.stamp.sidecar == f"14:{2000 * 10**9}"
    assert len(one.stamp.content_hash) == 32
