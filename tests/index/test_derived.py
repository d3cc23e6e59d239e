"""The derived stores against oracles: FAISS must equal the exact search; keywords must find words in any script."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import numpy as np
import pytest

from rag.errors import IndexStoreError
from rag.index import keywords as keyword_files
from rag.index import stamped as stamped_files
from rag.index.keywords import KeywordStore
from rag.index.stamped import Stamp, read_stamped, write_stamped
from rag.index.vectors.vectors import VectorStore
from rag.testing.vector_stores import exact_search
from rag.types import Hit


def vectors_of(count, dimension=16, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


class Vectors:
    """The exact vectors of a catalog's chunks, without the removed ones."""

    def __init__(self, ids, vectors):
        self.by_chunk = {int(chunk): vector for chunk, vector in zip(ids, vectors, strict=True)}

    def __call__(self, chunks):
        there = [chunk for chunk in chunks if chunk in self.by_chunk]
        rows = [self.by_chunk[chunk] for chunk in there]
        return np.array(there, np.int64), np.array(rows, np.float32).reshape(len(there), -1)


def in_memory(ids, vectors):
    store = VectorStore(vectors.shape[1], Vectors(ids, vectors))
    return store.caught_up(list(ids), vectors, [], generation=1)


@pytest.mark.parametrize("n", [1, 5, 40, 1000])
@pytest.mark.parametrize("scale", [1.0, 7.5])
def test_vectors_in_memory_equal_exact_search(n, scale):
    vectors, ids = vectors_of(40), np.arange(100, 140)
    question = vectors_of(1, seed=9)[0] * scale
    expected = exact_search(vectors, ids, question, n)
    found = in_memory(ids, vectors).search(question, n)
    assert [chunk for chunk, _ in found] == [chunk for chunk, _ in expected]
    assert np.allclose([score for _, score in found], [score for _, score in expected], atol=1e-4)


def test_vectors_among_some_chunks_equal_exact_search_over_those():
    vectors, ids = vectors_of(60), np.arange(60)
    store = in_memory(ids + 1, vectors)
    some = np.array([3, 17, 18, 59])
    question = vectors_of(1, seed=4)[0]
    assert [c for c, _ in store.search(question, 10, among=some + 1)] == [
        c + 1 for c, _ in exact_search(vectors[some], ids[some], question, 10)
    ]
    assert store.search(question, 10, among=np.zeros(0, np.int64)) == []


def test_equal_vectors_come_in_order_of_their_number():
    store = in_memory([5, 2, 9], np.ones((3, 4), np.float32))
    assert [chunk for chunk, _ in store.search(np.ones(4, np.float32), 3)] == [2, 5, 9]


def test_a_change_applied_twice_does_no_harm():
    vectors = vectors_of(10)
    store = in_memory(range(1, 11), vectors)
    for _ in range(2):
        store = store.caught_up(range(1, 11), vectors, [4], generation=2)
    assert store.caught_up([], vectors[:0], [4], generation=3).ids() == set(range(1, 11)) - {4}


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_file_is_noticed_and_not_parsed(tmp_path, damage):
    path = tmp_path / "file"
    write_stamped(path, b"payload " * 100, generation=7, token="a")
    content = bytearray(path.read_bytes())
    assert read_stamped(path) == Stamp(7, "a", memoryview(b"payload " * 100))
    if damage == "flip":
        content[-5] ^= 1
    path.write_bytes({"cut": content[:-10], "flip": content, "empty": b"", "other": b'{"generation": "x"}\n'}[damage])
    assert read_stamped(path) is None
    assert read_stamped(tmp_path / "absent") is None


def hit(chunk, text, title="", heading=""):
    return Hit(0, 0.0, "s", title, None, heading, 0, 0, text, chunk)


def known(generation, token):
    return token == "a"


@pytest.fixture
def keywords(tmp_path):
    store = KeywordStore(tmp_path, is_known=known)
    store.apply(
        [
            hit(1, "The keeper lights the lamps."),
            hit(2, "灯台は港の入口に立っています。"),
            hit(3, "Der Leuchtturm ist schön"),
            hit(4, "Nothing", "Lamp"),
        ],
        [],
        generation=1,
        new_token=lambda: "a",
    )
    return store


@pytest.mark.parametrize(
    ("question", "expected"),
    [("lamp lighting", {1, 4}), ("港の入口", {2}), ("SCHON leuchtturm", {3}), ("absent", set()), ("", set()), ("?!", set())],
)
def test_words_are_found_by_stem_and_without_accents(keywords, question, expected):
    found = keywords.search(question, 10)
    assert {chunk for chunk, _ in found} == expected
    assert all(score > 0 for _, score in found)


@pytest.mark.parametrize("question", ["lamp AND (", '"lamp', "title:lamp^", "lamp* ~ [1 TO", "-lamp +"])
def test_query_operators_in_a_question_are_words(keywords, question):
    assert {chunk for chunk, _ in keywords.search(question, 10)} >= {1}


def test_a_filter_changes_no_keyword_score(keywords):
    scores = dict(keywords.search("lamp keeper", 10))
    assert keywords.search("lamp keeper", 10, among=np.array([2, 4])) == [(4, pytest.approx(scores[4]))]
    assert keywords.search("lamp", 10, among=np.zeros(0, np.int64)) == []


def test_keywords_survive_reopening_and_a_change_applied_twice(keywords, tmp_path):
    for _ in range(2):
        keywords.apply([hit(5, "A new lamp")], [1, 5], generation=2, new_token=lambda: "a")
    again = KeywordStore(tmp_path, is_known=known)
    assert (again.generation, again.ids()) == (2, {2, 3, 4, 5})


def test_a_merge_of_words_vouches_only_for_what_is_committed(keywords, tmp_path, monkeypatch):
    stamped = []
    written = keyword_files.write_stamped

    def note(path, payload, **how):
        stamped.append(json.loads(payload))
        (tmp_path / "keywords" / "deadbeef.idx").write_bytes(b"half" * len(stamped))
        return written(path, payload, **how)

    monkeypatch.setattr(keyword_files, "write_stamped", note)
    for number in range(3):
        keywords.apply([hit(6 + number, "Another lamp")], [], generation=2 + number, new_token=lambda: "a")
    during, after = stamped[-2:]
    assert "deadbeef.idx" not in during
    assert during["meta.json"]
    assert set(during) < set(after)
    for (size, _), name in [(after[name], name) for name in after]:
        assert name == "deadbeef.idx" or size == (tmp_path / "keywords" / name).stat().st_size


def test_words_in_a_read_only_folder_are_not_changed(keywords, tmp_path, monkeypatch):
    monkeypatch.setattr(keyword_files.os, "access", lambda path, mode: path != tmp_path / "keywords" and os.access(path, mode))
    again = KeywordStore(tmp_path, is_known=known)
    assert again.search("lamp", 3)
    with pytest.raises(IndexStoreError, match="cannot be written"):
        again.apply([hit(5, "A new lamp")], [], generation=2, new_token=lambda: "a")
    assert KeywordStore(tmp_path, is_known=known).generation == 1


@pytest.mark.parametrize("harm", ["link", "more"])
def test_words_in_files_without_a_valid_stamp_are_not_used(keywords, tmp_path, harm):
    folder = tmp_path / "keywords"
    name = next(path.name for path in folder.iterdir() if path.suffix == ".idx")
    if harm == "link":
        (folder / "extra.link").symlink_to(tmp_path)
    else:
        (folder / f"{name.partition('.')[0]}.more").write_bytes(b"more")
    assert not KeywordStore(tmp_path, is_known=known).has_files


def test_a_folder_is_taken_away_while_others_put_files_into_it(tmp_path, monkeypatch):
    (tmp_path / "keywords").mkdir()
    removing = stamped_files.shutil.rmtree

    def remove(path):
        with suppress(FileNotFoundError):
            (tmp_path / "keywords" / "lock").touch()
        removing(path)

    monkeypatch.setattr(stamped_files.shutil, "rmtree", remove)
    stamped_files.take_away(tmp_path / "keywords")
    assert list(tmp_path.iterdir()) == []
