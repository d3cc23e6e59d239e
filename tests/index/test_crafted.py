"""Nothing in an index is trusted. A crafted index gives an error or a result; it never crashes, hangs, or touches other files.

Each test works in processes of its own.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing, suppress

import pytest
from faults import craft, damage, fixtures
from faults.craft import restamp, run_sql

index, nursery, place, sources = fixtures.index, fixtures.nursery, fixtures.place, fixtures.sources

MEMORY = 4_000_000_000
EVIL = [None, -1, 0, 2**31, 2**63, 1e308, "x", "../../victim", "", [], {}, True]


def use(nursery, index, act="use", **arguments):
    """Use an index in a child process within MEMORY. Raises AssertionError for a crash, a hang or an error that is no RagError."""
    ended = nursery.run(act, index=str(index), limit_memory=MEMORY, **arguments)
    assert (ended.signal, ended.hung) == (0, False), ended.printed
    assert not ended.error or ended.is_rag_error, ended.traceback
    return ended


def use_in_every_way(nursery, index, sources):
    """Read it, write to it and repair it."""
    use(nursery, index)
    use(nursery, index, "sync", folder=str(sources.folder))
    use(nursery, index, "compact")
    return use(nursery, index, "repair")


# the catalog


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER extra AFTER DELETE ON documents BEGIN DELETE FROM vectors; END",
        "CREATE VIEW extra AS SELECT * FROM documents",
        "CREATE TABLE extra (value)",
        "CREATE VIRTUAL TABLE extra USING fts5(value)",
        "CREATE VIRTUAL TABLE chunks_2 USING rtree(id, a, b)",
    ],
    ids=lambda statement: " ".join(statement.split()[1:3]),
)
def test_a_catalog_with_parts_that_are_not_ours_is_refused(nursery, index, statement):
    run_sql(index, statement)
    ended = use(nursery, index)
    assert ended.error == "IndexFormatError"
    assert "that groundtext did not make" in ended.message
    assert use(nursery, index, "sync", folder=str(index)).error == "IndexFormatError"


@pytest.mark.slow
@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE settings RENAME TO s", "CREATE VIEW settings AS SELECT * FROM s"],
        [
            "DROP TABLE settings",
            "CREATE TABLE settings (name, value AS (hex(zeroblob(400000000))))",
            "INSERT INTO settings (name) VALUES ('generation')",
        ],
        ["DROP TABLE failures", "CREATE TABLE failures (source)"],
        ["DROP TABLE chunks"],
        ["PRAGMA writable_schema = ON", "UPDATE sqlite_master SET sql = 'CREATE TABLE ('"],
        ["PRAGMA writable_schema = ON", "UPDATE sqlite_master SET rootpage = 1"],
    ],
    ids=["a view in place", "computed", "other columns", "missing", "no schema", "one page for all"],
)
def test_a_catalog_of_crafted_tables_is_a_named_error(nursery, index, statements):
    run_sql(index, *statements)
    assert use(nursery, index, "use").is_rag_error


SETTINGS = ("generation", "embedder", "embedder_spec", "chunks", "log_begins")


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_any_shape_are_told_in_words(nursery, place, index, sources, name):
    shutil.copytree(index, place / "start")
    for value in [*map(json.dumps, EVIL), "{", "", '{"name": "x"}', '{"chunk_tokens": "a", "overlap_tokens": -4}', "1" * 5000]:
        restore(index, place)
        run_sql(index, f"INSERT OR REPLACE INTO settings VALUES ('{name}', '{value}')")
        use(nursery, index)
        use(nursery, index, "sync", folder=str(sources.folder))


@pytest.mark.slow
@pytest.mark.parametrize("dimension", ["0", "-8", "1000000000000", "63", '"64"', "null", "1.5"])
def test_an_embedder_of_impossible_width_is_told_in_words(nursery, index, dimension):
    run_sql(index, f"UPDATE settings SET value = json_set(value, '$.dimension', json('{dimension}')) WHERE name = 'embedder'")
    assert use(nursery, index).is_rag_error


COLUMNS = {
    "contents": ("page_starts", "page_statuses", "headings", "text"),
    "documents": ("source", "title", "first_chunk", "chunk_count", "characters", "pages", "metadata", "content_hash", "size"),
    "chunks": ("id", "start", '"end"', "first_page", "last_page", "heading", "text", "generation"),
    "vectors": ("vector", "text_hash"),
    "removed_chunks": ("id", "generation"),
}
VALUES = (
    "''", "'[]'", "'{}'", "'[\"x\"]'", "'[9, 1, 4]'", "'[[1]]'", "x'00ff'", "-1", "9223372036854775807", "4000000000", "1.5",
    "char(55296)",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("table", COLUMNS)
def test_rows_with_any_values_are_told_in_words_or_read(nursery, place, index, sources, table):
    shutil.copytree(index, place / "start")
    chance = random.Random(table)
    for column in COLUMNS[table]:
        for value in chance.sample(VALUES, 3):
            restore(index, place)
            with suppress(sqlite3.IntegrityError):  # the schema itself forbids it
                run_sql(index, f"UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT max(rowid) FROM {table})")
                use_in_every_way(nursery, index, sources)


def test_verify_finds_vectors_of_another_width_or_not_finite(nursery, place, index):
    shutil.copytree(index, place / "start")
    for vector in (f"x'0000c07f{'00' * 252}'", "zeroblob(256)", "zeroblob(8)", "zeroblob(0)", "zeroblob(255)"):
        restore(index, place)
        run_sql(index, f"UPDATE vectors SET vector = {vector} WHERE id = (SELECT max(id) FROM vectors)")
        for path in damage.derived_files(index):
            path.unlink()
        ended = use(nursery, index)
        assert ended.is_rag_error or ended.value["problems"] != [], vector


# links


NAMES = (
    "catalog.sqlite-wal", "catalog.sqlite-shm", "catalog.sqlite-journal", "write.lock", "writer.json",
    "vectors.stamp", "keywords.stamp", "keywords/meta.json", "keywords/.managed.json",
    "keywords/.tantivy-writer.lock", "keywords/.tantivy-meta.lock",
)  # fmt: skip


def test_a_catalog_that_is_a_link_is_refused(nursery, place, index):
    (index / "catalog.sqlite").rename(place / "elsewhere.sqlite")
    (index / "catalog.sqlite").symlink_to(place / "elsewhere.sqlite")
    assert "is a link" in use(nursery, index).message


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_target_of_a_link_in_an_index_is_left_alone(nursery, place, index, sources, name):
    victim = place / "victim"
    victim.write_text("dear diary", encoding="utf-8")
    damage.remove(index / name)
    (index / name).symlink_to(victim)
    use_in_every_way(nursery, index, sources)
    assert victim.read_text(encoding="utf-8") == "dear diary"


@pytest.mark.slow
def test_new_files_are_not_written_through_links(nursery, place, index, sources):
    """An attacker can guess the names of temporary files."""
    victim = place / "victim"
    victim.write_text("dear diary", encoding="utf-8")
    here = nursery.start("use", index=str(index))
    nursery.wait(here).result()
    for process in range(here, here + 20):
        for stamp in craft.STAMPS:
            (index / f"{stamp}.{process}.new").symlink_to(victim)
    sources.step(6)
    use_in_every_way(nursery, index, sources)
    assert victim.read_text(encoding="utf-8") == "dear diary"


@pytest.mark.slow
def test_folders_that_are_links_are_not_followed(nursery, place, index, sources):
    for name in ("vectors", "keywords"):
        (index / name).rename(place / name)
        (index / name).symlink_to(place / name)
    before = {path: path.read_bytes() for path in sorted(place.glob("[vk]e*/*"))}
    use_in_every_way(nursery, index, sources)
    assert {path: path.read_bytes() for path in sorted(place.glob("[vk]e*/*"))} == before


# derived files with the right checksums


def restore(index, place):
    shutil.rmtree(index)
    shutil.copytree(place / "start", index)


def test_derived_files_that_are_stamped_as_they_are_are_used(nursery, index):
    """Without this the tests that follow would prove nothing."""
    before = {path: path.stat().st_ino for path in damage.derived_files(index)}
    restamp(index)
    assert use(nursery, index).value["problems"] == []
    assert {path: path.stat().st_ino for path in damage.derived_files(index)} == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../../victim", "../victim", "/VICTIM", "victim", "catalog.sqlite"])
def test_tantivy_removes_no_file_outside_of_its_folder(nursery, place, index, sources, name):
    for victim in (place / "victim", index / "victim"):
        victim.write_text("dear diary", encoding="utf-8")
    managed = index / "keywords" / ".managed.json"
    names = json.loads(managed.read_text(encoding="utf-8"))
    managed.write_text(json.dumps([*names, name.replace("/VICTIM", str(place / "victim"))]), encoding="utf-8")
    restamp(index)
    use_in_every_way(nursery, index, sources)
    assert (place / "victim").read_text(encoding="utf-8") == "dear diary"
    assert (index / "victim").exists()
    assert (index / "catalog.sqlite").exists()


@pytest.mark.slow
@pytest.mark.parametrize("small_layouts", [False, True], ids=["flat", "lists"])
def test_rubbish_with_right_checksums_neither_crashes_nor_hangs(nursery, place, index, sources, small_layouts):
    if small_layouts:
        nursery.run("repair", index=str(index), small_layouts=True).result()
    shutil.copytree(index, place / "start")
    chance = random.Random(small_layouts)
    files = [path.relative_to(index) for path in damage.derived_files(index) if not path.name.endswith(".stamp")]
    for name in files:
        for harm in (damage.flipped, damage.cut_short, chance.choice([damage.rubbish, damage.zeroed, damage.grown])):
            restore(index, place)
            harm(index / name, chance)
            restamp(index)
            use(nursery, index, small_layouts=small_layouts)
            if chance.random() < 0.2:
                use(nursery, index, "sync", folder=str(sources.folder), small_layouts=small_layouts)
            mended = nursery.run("repair", index=str(index), small_layouts=small_layouts).result()
            assert mended[1] == [], f"{name} {harm.__name__}"


@pytest.mark.slow
@pytest.mark.parametrize("small_layouts", [False, True], ids=["flat", "lists"])
def test_stamps_that_say_what_is_not_so_neither_crash_nor_hang(nursery, place, index, small_layouts):
    if small_layouts:
        nursery.run("repair", index=str(index), small_layouts=True).result()
    shutil.copytree(index, place / "start")
    chance = random.Random(7)
    stamp = json.loads((index / "vectors.stamp").read_bytes().partition(b"\n")[2])
    for path in [path for path in craft.leaves(stamp) if path[0] != "files"]:
        for value in chance.sample(EVIL, 1 if "segments" in path else 3):
            restore(index, place)
            restamp(index, lambda name, told: name == "vectors.stamp" and craft.put(told, path, value))  # noqa: B023
            use(nursery, index, small_layouts=small_layouts)
            assert use(nursery, index, "repair", small_layouts=small_layouts).value[1] == [], (path, value)


@pytest.mark.slow
def test_what_tantivy_keeps_of_its_files_may_say_anything(nursery, place, index, sources):
    shutil.copytree(index, place / "start")
    meta, chance = json.loads((index / "keywords" / "meta.json").read_text(encoding="utf-8")), random.Random(9)
    for path in craft.leaves(meta):
        changed = json.loads(json.dumps(meta))
        craft.put(changed, path, 2**31 if path[-1] == "max_doc" else chance.choice(EVIL))
        restore(index, place)
        (index / "keywords" / "meta.json").write_text(json.dumps(changed), encoding="utf-8")
        restamp(index)
        use(nursery, index)
        use(nursery, index, "sync", folder=str(sources.folder))
        mended = nursery.run("command", arguments=["verify", "--repair", "--index", str(index)], limit_memory=MEMORY)
        assert mended.result() == 0, (path, mended.printed)


@pytest.mark.slow
def test_segments_that_claim_too_many_passages_are_damage(nursery, index):
    meta = json.loads((index / "keywords" / "meta.json").read_text(encoding="utf-8"))
    for segment in meta["segments"]:
        segment |= {"max_doc": 2**31, "deletes": None}
    (index / "keywords" / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    restamp(index)
    assert use(nursery, index).value["searches"]["keyword: winter"] != []
    assert use(nursery, index, "repair").value[1] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b"null", b'"x"', b"[" * 100_000, b'{"files": []}', b'{"": [1, 2]}', b"\xff"]
)
def test_stamps_of_any_shape_are_taken_for_damage(nursery, index, payload):
    for stamp in craft.STAMPS:
        craft.write_stamp(index / stamp, payload)
    assert use(nursery, index).value["searches"]["keyword: winter"] != []
    assert use(nursery, index, "repair").value[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("generation", [-1, 0, 10**6, 2**63, 1.5, "x", None])
def test_stamps_of_generations_that_cannot_be_do_no_harm(nursery, index, generation):
    for stamp in craft.STAMPS:
        header, _, body = (index / stamp).read_bytes().partition(b"\n")
        (index / stamp).write_bytes(json.dumps({**json.loads(header), "generation": generation}).encode() + b"\n" + body)
    used = use(nursery, index).value
    assert len(used["searches"]["dense: winter"]) == chunks(index)
    assert use(nursery, index, "repair").value[1] == []


def chunks(index):
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        return connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
