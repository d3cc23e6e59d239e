"""The files that a list of sources means."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

import rag
from rag.documents.loading.find import Selection, find_files
from rag.errors import UsageError


def found_in(*sources, index_folder=None, known=(), **selection):
    return find_files(sources, selection=Selection(**selection), known=known, index_folder=index_folder)


def names(found, below) -> list[str]:
    return sorted(os.path.relpath(source, below) for source in found.files)


@pytest.fixture
def tree(tmp_path):
    """a/one.txt, a/b/two.txt and c/three.txt."""
    for name in ("a/one.txt", "a/b/two.txt", "c/three.txt"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return tmp_path / "tree"


def test_a_named_file_whose_name_is_no_text_is_reported(tree):
    path = os.fsencode(tree) + b"/lat\xe9.txt"
    Path(os.fsdecode(path)).write_text("late", encoding="utf-8")
    found = found_in(os.fsdecode(path), tree)
    assert len(found.unnameable) == 2
    assert all(source.isascii() for source in found.files)


def test_a_name_that_begins_with_a_tilde_is_a_name(tree, monkeypatch):
    monkeypatch.chdir(tree)
    Path("~$report.txt").write_text("being edited", encoding="utf-8")
    assert names(found_in("~$report.txt"), tree) == ["~$report.txt"]


def test_hidden_files_and_folders_are_taken_when_asked_for(tree):
    (tree / ".notes").mkdir()
    (tree / ".notes" / "deep.txt").write_text("deep", encoding="utf-8")
    (tree / "a" / ".draft.txt").write_text("draft", encoding="utf-8")
    assert names(found_in(tree), tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt"]
    everything = names(found_in(tree, hidden=True), tree)
    assert everything == [".notes/deep.txt", "a/.draft.txt", "a/b/two.txt", "a/one.txt", "c/three.txt"]
    assert names(found_in(tree / ".notes"), tree) == [".notes/deep.txt"]


def test_folders_that_are_links_are_gone_into_when_asked_for(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "four.txt").write_text("four", encoding="utf-8")
    (tree / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    passed_over = found_in(tree)
    assert names(passed_over, tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt"]
    assert passed_over.skipped == {"links to folders": 1}
    assert names(found_in(tree, follow_links=True), tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt", "link/four.txt"]


@pytest.fixture
def short(tmp_path, monkeypatch):
    """A folder whose path is short enough for a socket's name."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.txt")
        os.mkfifo("pipe.txt")
        Path("broken.txt").symlink_to("nowhere")
        Path("round.txt").symlink_to("round.txt")
        yield tmp_path


def test_pipes_and_sockets_are_counted_and_not_opened(short):
    (short / "one.txt").write_text("one", encoding="utf-8")
    found = found_in(short)
    assert names(found, short) == ["one.txt"]
    assert found.skipped == {"named pipes": 1, "sockets": 1, "links that lead to no file": 2}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("pipe.txt", "^pipe.txt .*pipe"),
        ("socket.txt", "^socket.txt .*socket"),
        ("/dev/null", "^/dev/null .*device"),
        ("broken.txt", "^broken.txt .*link.*nowhere"),
        ("round.txt", "^round.txt .*link.*round.txt"),
        ("gone.txt", "gone.txt"),
    ],
)
def test_a_source_that_is_no_file_is_told_by_what_it_is(short, source, told):
    with pytest.raises(UsageError, match=told):
        found_in(source)


def test_a_file_that_a_pipe_took_the_place_of_is_gone(short):
    known = str(short / "pipe.txt")
    assert (found_in("pipe.txt", known=[known]).files, found_in("pipe.txt", known=[known]).unlisted) == ({}, [])


def test_circular_links_end_and_folders_keep_their_names(tree):
    (tree / "a" / "b" / "up").symlink_to(tree, target_is_directory=True)
    (tree / "a" / "aside").symlink_to(tree / "c", target_is_directory=True)
    (tree / "c" / "across").symlink_to(tree / "a", target_is_directory=True)
    (tree / "itself").symlink_to(tree / "itself", target_is_directory=True)
    assert names(found_in(tree, follow_links=True), tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt"]


def test_a_folder_behind_two_links_is_found_once(tree, tmp_path):
    far = tmp_path / "far" / "sub"
    far.mkdir(parents=True)
    (far / "five.txt").write_text("five", encoding="utf-8")
    (tree / "x").symlink_to(far, target_is_directory=True)
    (tree / "y").symlink_to(far.parent, target_is_directory=True)
    (tree / "z").symlink_to(far, target_is_directory=True)
    assert names(found_in(tree, follow_links=True), tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt", "x/five.txt"]


def test_links_of_one_source_into_another_add_no_second_name(tree):
    (tree / "a" / "aside").symlink_to(tree / "c", target_is_directory=True)
    assert names(found_in(tree / "a", tree / "c", follow_links=True), tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt"]


def test_globs_match_the_path_inside_the_folder(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "four.txt").write_text("four", encoding="utf-8")
    (tree / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(found_in(tree, follow_links=True, include=["link/*"]), tree) == ["link/four.txt"]


@pytest.mark.slow
def test_a_very_deep_folder_is_gone_through(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 1200, "deep.txt")
    subprocess.run(["mkdir", "-p", deep.parent], check=True)
    try:
        deep.touch()
        assert list(found_in(tmp_path).files) == [str(deep)]
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # deeper than what Python's own can remove


def test_the_index_is_never_a_source(index, folder):
    inside = folder / "index"
    with rag.open_index(inside, create=True, embedder=index.embedder) as own:
        for _ in range(2):
            rag.sync([folder], index=own, include=["*"], hidden=True)
            assert len(own.catalog.documents()) == 3
        (folder / "link").symlink_to(inside, target_is_directory=True)
        rag.sync([folder], index=own, include=["*"], follow_links=True)
        assert len(own.catalog.documents()) == 3
        for source in (inside, inside / "catalog.sqlite", folder / "link" / "catalog.sqlite"):
            with pytest.raises(UsageError, match="belongs to the index"):
                rag.sync([source], index=own)


class Unreadable:
    """An entry of a folder that the user may list but not enter."""

    def __init__(self, entry):
        self.name, self.path = entry.name, entry.path

    def is_dir(self, *, follow_symlinks=True):
        return False

    def is_file(self):
        return True

    def is_symlink(self):
        return False

    def stat(self):
        raise PermissionError(13, "Permission denied", self.path)


def test_files_of_an_unreadable_folder_are_unknown(tree, monkeypatch):
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: map(Unreadable, scandir(path)) if path.endswith("c") else scandir(path))
    found = found_in(tree)
    assert names(found, tree) == ["a/b/two.txt", "a/one.txt"]
    assert found.unlisted == [str(tree / "c")]


def test_an_unreadable_source_is_unknown_and_not_gone(tree, monkeypatch):
    look = os.stat

    def refuse(path, **options):
        if str(path) == str(tree / "c"):
            raise PermissionError(13, "Permission denied", path)
        return look(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert found_in(tree / "c").unlisted == [str(tree / "c")]


def test_a_folder_that_has_just_gone_is_no_failure(tree, monkeypatch):
    scandir = os.scandir

    def vanish(path):
        if path.endswith("c"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanish)
    found = found_in(tree)
    assert (names(found, tree), found.unlisted) == (["a/b/two.txt", "a/one.txt"], [])


def test_side_cars_are_no_documents(tree):
    (tree / "a" / "one.txt.meta.json").write_text('{"year": 1872}', encoding="utf-8")
    (tree / "a" / "nobody.txt.meta.yaml").write_text("year: 1872", encoding="utf-8")
    found = found_in(tree, include=["*"])
    assert names(found, tree) == ["a/b/two.txt", "a/one.txt", "c/three.txt"]
    stat = (tree / "a" / "one.txt.meta.json").stat()
    seen = {Path(source).name: stamp.sidecar for source, stamp in found.files.items()}
    assert seen == {"one.txt": f"{stat.st_size}:{stat.st_mtime_ns}", "two.txt": "", "three.txt": ""}


@pytest.mark.parametrize("endings", [(".meta.json",), (".meta.toml", ".meta.yml"), (".meta.yaml", ".meta.json")])
def test_a_named_file_equals_the_same_file_in_a_folder(tree, endings):
    one = tree / "a" / "one.txt"
    for number, ending in enumerate(endings, 1):
        one.with_name(one.name + ending).write_text("x" * number, encoding="utf-8")
    assert found_in(one).files[str(one)] == found_in(tree).files[str(one)]
    assert found_in(one).files[str(one)].sidecar
