"""An index of format 1 opens as one of format 2: everything is there, and nothing is embedded again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest
from faults import fixtures, format_1, judge
from faults.kills import look
from faults.nursery import NOBODY

nursery, place = fixtures.nursery, fixtures.place

SOUND = (1, 2)


@pytest.fixture
def folder(place):
    format_1.write_files(place / "documents")
    return place / "documents"


@pytest.fixture
def index(place, folder):
    format_1.write_index(place / "index", folder)
    return place / "index"


def rows(index, query):
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        return connection.execute(query).fetchall()


def test_an_index_of_format_1_keeps_everything_and_is_searched(nursery, place, folder, index):
    columns = 'id, document_id, vector_id, generation, start, "end", first_page, last_page, heading, text'
    chunks = rows(index, f"SELECT {columns} FROM chunks ORDER BY id")
    removed, vectors = rows(index, "SELECT * FROM removed_chunks"), rows(index, "SELECT * FROM vectors")
    failures = rows(index, "SELECT source, size, modified_ns, status, message, page FROM failures")
    found = look(nursery, index)
    assert (found["at_once"], found["after"], judge.wrong_hits(found)) == ([], [], [])
    assert {source: document["text"] for source, document in found["documents"].items()} == {
        str(folder / name): content.decode()
        for name, content in format_1.FILES.items()
        if name[-3:] != "pdf" and content.strip()
    } | {
        str(
            folder / "plan.pdf"
        ): "The first page shows the harbour.\n\nThe second page shows the tower.\n\nThe third, the quay."
    }
    assert rows(index, "PRAGMA user_version") == [(2,)]
    assert rows(index, f"SELECT {columns} FROM chunks ORDER BY id") == chunks
    assert rows(index, "SELECT * FROM removed_chunks") == removed
    assert rows(index, "SELECT * FROM vectors") == vectors
    assert rows(index, "SELECT source, size, modified_ns, status, message, page FROM failures") == failures
    assert len(failures) == 2


def test_a_view_in_place_of_a_table_of_format_1_is_refused(nursery, index):
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        connection.executescript(
            "ALTER TABLE settings RENAME TO old; CREATE VIEW settings AS WITH RECURSIVE endless(n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM endless) SELECT n AS name, n AS value FROM endless"
        )
    ended = nursery.run("look", index=str(index))
    assert ended.error == "IndexFormatError"
    assert "holds a view 'settings'" in ended.message


@pytest.mark.slow
def test_pages_and_headings_come_along(nursery, index):
    found = nursery.run("look", index=str(index), questions=["carp pond", "tower page"]).result()
    assert found["searches"]["keyword: carp pond"][0][3].endswith("Seven carp live in the pond.")
    assert [document["chunks"][1][3] for source, document in found["documents"].items() if source.endswith("n.md")] == [
        "Garden > Pond"
    ] * 2
    assert rows(index, "SELECT pages, first_page, last_page FROM documents JOIN chunks ON document_id = documents.id "
                       "WHERE source LIKE '%plan.pdf'") == [(3, 1, 3)]  # fmt: skip


def test_a_run_after_the_migration_finds_all_unchanged(nursery, place, folder, index):
    log = place / "embedded"
    arguments = {"index": str(index), "folder": str(folder), "log": str(log)}
    report = nursery.run("sync", **arguments).result()
    assert (report["unchanged"], report["documents"], len(report["failed"])) == (4, 4, 2)
    assert not log.exists()
    (folder / "ledger.txt").write_bytes(format_1.FILES["ledger.txt"] + b"\n\nA paragraph about zebras.")
    (folder / "plan.pdf").unlink()
    (folder / "garden.md").rename(folder / "pond.md")
    report = nursery.run("sync", **arguments).result()
    assert (report["changed"], report["renamed"], report["removed"], report["unchanged"]) == (1, 1, 1, 1)
    assert len(log.read_bytes().splitlines()) <= 2
    fresh = {"index": str(place / "fresh"), "folder": str(folder)}
    nursery.run("sync", **fresh).result()
    assert judge.differences(look(nursery, index), look(nursery, place / "fresh")) == []


def test_a_migration_reuses_no_number_of_a_removed_chunk(nursery, folder, index):
    ((last,),) = rows(index, "SELECT max(id) FROM removed_chunks")
    assert last > rows(index, "SELECT max(id) FROM chunks")[0][0]
    (folder / "new.txt").write_text("A new document.", encoding="utf-8")
    nursery.run("sync", index=str(index), folder=str(folder)).result()
    assert rows(index, "SELECT min(id) > ? FROM chunks WHERE text = 'A new document.'".replace("?", str(last))) == [(1,)]


@pytest.mark.slow
def test_two_processes_that_open_it_at_once_both_succeed(nursery, index):
    children = [nursery.start("look", index=str(index)) for _ in range(4)]
    for child in children:
        found = nursery.wait(child).result()
        assert (found["after"], len(found["documents"])) == ([], 4)


@pytest.mark.slow
def test_a_read_only_index_of_format_1_says_what_to_do(nursery, index):
    index.chmod(0o555)
    arguments = ["status", "--index", str(index)]
    ended = nursery.run("command", arguments=arguments, uid=NOBODY if os.getuid() == 0 else None)
    assert ended.result() == 1, ended.printed
    assert "has the older format 1 and cannot be written" in ended.printed
    assert "Open it once where it can be" in ended.printed
    assert rows(index, "PRAGMA user_version") == [(1,)]


@pytest.mark.slow
def test_a_killed_migration_leaves_one_whole_format(nursery, place, folder):
    format_1.write_index(place / "counted", folder)
    names = nursery.run("count_points", of="look", arguments={"index": str(place / "counted")}).result()
    points = [number for number, name in enumerate(names, 1) if number <= names.index("SQL PRAGMA user_version") + 45]
    sound = look(nursery, place / "counted")
    for number in points[::4]:
        index = place / f"killed-{number}"
        format_1.write_index(index, folder)
        assert nursery.run("look", index=str(index), kill_at=number).signal
        found = look(nursery, index)
        assert judge.differences(found, sound) == [], f"killed before {names[number - 1]}, point {number}"


@pytest.mark.slow
def test_a_migration_without_room_leaves_format_1_as_it_is(nursery, index):
    for limit in (0, 4096, 30_000):
        ended = nursery.run("look", index=str(index), limit_bytes=limit)
        assert ended.is_rag_error, f"{limit} bytes: {ended.error} {ended.traceback}"
        assert rows(index, "PRAGMA user_version") == [(1,)]
    assert look(nursery, index)["after"] == []
