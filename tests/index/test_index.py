from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

import rag
from rag.errors import (
    EmbedderMismatchError,
    IndexFormatError,
    IndexLockedError,
    IndexStoreError,
    ModelError,
    NoIndexError,
    SpecError,
    UsageError,
)
from rag.ingest.sync import add_documents
from rag.testing.fakes import HashEmbedder
from rag.types import Document


def fill(index, *texts):
    add_documents([Document(text, f"d{n}", "") for n, text in enumerate(texts)], index=index)


def test_all_three_stores_agree_after_every_change(index):
    fill(index, "red apples", "green pears", "blue plums")
    fill(index, "black apples")
    index.catalog.remove_document("d1")
    assert index.verify() == []
    assert [hit.text for hit in rag.search("pears", index=index)] != []
    assert {hit.text for hit in rag.search("apples pears plums", index=index)} == {"black apples", "blue plums"}
    assert rag.search("red green", index=index, mode="keyword") == []


def test_a_document_is_committed_whole_or_not_at_all(index):
    fill(index, "red apples")
    generation, before = index.catalog.generation, index.catalog.counts()

    def break_off() -> None:
        with index.catalog.transaction():
            index.catalog.rows("DELETE FROM chunks")
            index.catalog.rows("INSERT INTO chunks (document_id, vector_id) VALUES (1, 1)")

    with pytest.raises(sqlite3.IntegrityError):
        break_off()
    assert (index.catalog.generation, index.catalog.counts()) == (generation, before)
    assert index.verify() == []


def test_unused_vectors_are_dropped_and_shared_ones_stay(index):
    add_documents([Document("same text", "a", ""), Document("same text", "b", "")], index=index)
    count = lambda: index.catalog.rows("SELECT count(*) FROM vectors")[0][0]  # noqa: E731
    assert count() == 1
    index.catalog.remove_document("a")
    assert count() == 1
    index.catalog.remove_document("b")
    assert count() == 0


@pytest.mark.parametrize("damage", ["vectors", "vectors.stamp", "keywords", "keywords.stamp", "flipped", "segment"])
def test_lost_derived_files_come_back_without_embedding(index, embedder, damage):
    fill(index, "red apples", "green pears")
    embedder.embedded.clear()
    expected = rag.search("green", index=index)
    if damage == "flipped":
        (segment,) = (index.path / "vectors").glob("*.seg")
        content = bytearray(segment.read_bytes())
        content[-30] ^= 255
        segment.write_bytes(content)
    elif damage == "segment":
        next((index.path / "keywords").glob("*.store")).write_bytes(b"rubbish")
    elif damage in ("keywords", "vectors"):
        shutil.rmtree(index.path / damage)
    else:
        (index.path / damage).unlink()
    with rag.open_index(index.path, embedder=embedder) as again:
        assert rag.search("green", index=again) == expected
        assert again.verify() == []
    assert embedder.embedded == []


def test_derived_files_behind_the_catalog_are_caught_up(index, embedder):
    fill(index, "red apples")
    saved = {path: path.read_bytes() for path in (*index.path.glob("*.stamp"), *index.path.glob("vectors/*"))}
    fill(index, "red apples", "green pears")
    for path, content in saved.items():
        path.write_bytes(content)
    with rag.open_index(index.path, embedder=embedder) as again:
        assert [hit.text for hit in rag.search("pears", index=again, mode="keyword")] == ["green pears"]
        assert again.verify() == []


def test_an_open_reader_sees_what_a_writer_commits(index, embedder):
    fill(index, "red apples")
    with rag.open_index(index.path, embedder=embedder) as reader:
        assert len(rag.search("pears apples", index=reader)) == 1
        fill(index, "red apples", "green pears")
        assert len(rag.search("pears apples", index=reader)) == 2


@pytest.mark.slow
def test_a_second_writer_is_told_who_the_first_one_is(index):
    fill(index, "red apples")
    script = (
        "import sys; from pathlib import Path; from rag.index.index import Index\n"
        "with Index(Path(sys.argv[1]), open_embedder=None).writing():\n print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(index.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(IndexLockedError, match=f"being written by process {first.pid} "):
            fill(index, "green pears")
        assert len(rag.search("apples", index=index)) == 1
        first.kill()
    fill(index, "red apples", "green pears")  # the lock of a dead process is no lock
    assert index.catalog.counts()[0] == 2


def test_another_embedder_is_refused_with_what_to_do(index):
    fill(index, "red apples")
    other = rag.open_index(index.path, embedder=HashEmbedder(name="other"))
    with pytest.raises(EmbedderMismatchError, match=r"hash.* other.*--embedder other --index NEW"):
        rag.search("apples", index=other)
    same_name = rag.open_index(index.path, embedder=HashEmbedder(dimension=64))
    with pytest.raises(EmbedderMismatchError, match=r"hash .*dimension"):
        rag.search("apples", index=same_name)
    other.close()
    same_name.close()


def test_opening_another_folder_or_file_changes_nothing(tmp_path):
    with pytest.raises(NoIndexError, match="rag index"):
        rag.open_index(tmp_path / "absent")
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(IndexStoreError, match="other files"):
        rag.open_index(tmp_path, create=True)
    with pytest.raises(IndexStoreError, match="is a file"):
        rag.open_index(tmp_path / "letter.txt", create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_another_format_or_a_damaged_catalog_is_refused(index):
    path = index.path / "catalog.sqlite"
    index.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(IndexFormatError, match=r"format 99.* 1 to 2"):
        rag.open_index(index.path)
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(IndexFormatError, match="cannot be read"):
        rag.open_index(index.path)


def test_where_chooses_documents_by_glob_in_every_mode(index):
    add_documents(
        [Document(f"apples number {n}", f"/docs/{name}", "T") for n, name in enumerate(("a.pdf", "b.txt", "sub/c.pdf"))],
        index=index,
    )
    for mode in ("hybrid", "dense", "keyword"):
        found = {hit.source for hit in rag.search("apples", index=index, mode=mode, where={"source": "*.pdf"})}
        assert found == {"/docs/a.pdf", "/docs/sub/c.pdf"}
        assert [h.source for h in rag.search("apples", index=index, mode=mode, where={"source": "b.txt", "title": "T"})] == [
            "/docs/b.txt"
        ]
    with pytest.raises(UsageError, match=r"'sources'.* mean 'source'"):
        rag.search("apples", index=index, where={"sources": "*"})


def test_status_builds_no_model_and_is_plain_json(index):
    from rag.index.status import index_status

    fill(index, "red apples")
    with rag.open_index(index.path, embedder="no-such/model") as again:
        status = json.loads(json.dumps(index_status(again)))
    assert (status["documents"], status["chunks"], status["embedder"]) == (1, 1, "hash")
    assert status["bytes"] > 0


@pytest.mark.parametrize(
    ("question", "k", "mode", "message"),
    [(" ", 3, "dense", "empty"), ("x", 0, "dense", "at least 1"), ("x", 1, "danse", "dense")],
)
def test_searches_that_cannot_work_are_refused(index, question, k, mode, message):
    with pytest.raises(UsageError, match=message):
        rag.search(question, index=index, k=k, mode=mode)


def test_searching_an_empty_index_finds_nothing(index):
    assert rag.search("anything", index=index) == []


def test_searching_goes_on_while_another_index_object_writes(index, embedder):
    fill(index, *(f"apples number {n}" for n in range(30)))
    failures: list[BaseException] = []
    with rag.open_index(index.path, embedder=embedder) as reader:
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                try:
                    for mode in ("hybrid", "dense", "keyword"):
                        assert len(rag.search("apples", index=reader, k=3, mode=mode)) == 3
                except BaseException as error:  # noqa: BLE001 (shown below)
                    failures.append(error)
                    return

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for step in range(12):
            add_documents([Document(f"apples again {step}", f"d{step}", "")], index=index)
            index.catalog.remove_document(f"d{step}")
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    index.close()


def test_passages_that_are_gone_make_room_for_the_next(index):
    fill(index, *(f"apples number {n}" for n in range(6)))
    ranking = index.search_words("apples", 10)
    for source in ("d0", "d1", "d2"):
        index.catalog.remove_document(source)
    assert len(index.first_hits(ranking, 3)) == 3


def test_an_empty_index_can_be_searched_checked_and_then_filled(index):
    assert rag.search("apples", index=index) == []
    assert index.verify() == []
    index.preload()
    fill(index, "red apples")
    assert index.verify() == []
    assert len(rag.search("apples", index=index, k=10**18)) == 1


def test_a_relative_path_stays_valid_after_a_change_of_folder(tmp_path, monkeypatch, embedder):
    monkeypatch.chdir(tmp_path)
    with rag.open_index("index", create=True, embedder=embedder) as index:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        add_documents([Document("A heron stood at the lock.", "a.md", "Heron")], index=index)
        assert index.verify() == []
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "index" / "vectors.stamp").exists()


@pytest.mark.parametrize("name", ["x" * 300, "~$index"])
def test_an_index_path_that_cannot_be_is_told_in_words(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((NoIndexError, IndexStoreError), match="index"):
        rag.open_index(name)


@pytest.mark.slow
def test_a_server_named_only_by_the_index_gets_no_key(tmp_path, monkeypatch):
    spec = "http://127.0.0.1:9/v1#model"
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RAG_API_KEY", "secret")
    with rag.open_index(tmp_path / "index", create=True) as index:
        index.catalog.set_setting("embedder_spec", spec)
    with rag.open_index(tmp_path / "index") as index, pytest.raises(SpecError, match="RAG_EMBEDDER="):
        _ = index.embedder
    for named in (spec, None):
        with rag.open_index(tmp_path / "index", embedder=named) as index, pytest.raises(ModelError, match="127"):
            _ = index.embedder


def test_a_closed_index_says_so(index):
    fill(index, "red apples")
    index.close()
    with pytest.raises(IndexStoreError, match=r"rag.open_index"):
        rag.search("apples", index=index)


def test_a_catalog_damaged_in_the_middle_names_the_remedy(index):
    fill(index, *("words and more words " * 300 for _ in range(20)))
    path = index.path / "catalog.sqlite"
    index.close()
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(IndexStoreError), rag.open_index(index.path) as damaged:
        damaged.catalog.documents()


def test_derived_files_of_the_wrong_kind_are_made_anew(index, embedder):
    fill(index, "red apples")
    shutil.rmtree(index.path / "keywords")
    (index.path / "keywords").write_text("a file", encoding="utf-8")
    with rag.open_index(index.path, embedder=embedder) as again:
        assert len(rag.search("apples", index=again, mode="keyword")) == 1


def test_an_index_of_an_embedder_object_asks_for_that_object(index):
    fill(index, "red apples")
    with rag.open_index(index.path) as again, pytest.raises(UsageError, match="embedder"):
        rag.search("apples", index=again)


def test_a_word_that_the_question_repeats_counts_as_often(tmp_path, embedder):
    with rag.open_index(tmp_path / "two", create=True, embedder=embedder) as index:
        add_documents([Document("carp and pike", "carp", ""), Document("soup and rye", "soup", "")], index=index)
        first = {
            question: rag.search(question, index=index, k=1, mode="keyword")[0].source
            for question in ("carp soup soup", "soup carp carp")
        }
    assert first == {"carp soup soup": "soup", "soup carp carp": "carp"}
