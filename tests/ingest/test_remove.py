from __future__ import annotations

from pathlib import Path

import pytest

import rag
from rag.errors import IndexLockedError, UsageError
from rag.index.status import index_status
from rag.ingest.sync import add_documents


@pytest.fixture
def filled(index, folder):
    """tower.txt, garden.md, kitchen.txt, sub/deep.txt, and a failure: broken.pdf."""
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.txt").write_text("Deep water.", encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing else")
    rag.sync([folder], index=index)
    return index


def left(index) -> list[str]:
    return [Path(row.source).name for row in index.catalog.documents()]


@pytest.mark.parametrize(
    ("source", "removed"),
    [
        ("tower.txt", ["tower.txt"]),
        ("sub", ["deep.txt"]),
        ("sub/../tower.txt", ["tower.txt"]),
        ("*.md", ["garden.md"]),
        ("*/documents/t*", ["tower.txt"]),
        (".", ["broken.pdf", "garden.md", "kitchen.txt", "deep.txt", "tower.txt"]),
        ("broken.pdf", ["broken.pdf"]),
    ],
)
def test_files_folders_and_globs_are_taken_out_and_forgotten(filled, folder, monkeypatch, source, removed):
    monkeypatch.chdir(folder)
    report = rag.remove([source], index=filled)
    assert [Path(name).name for name in report.removed] == removed
    assert sorted([*left(filled), *removed, *[Path(f).name for f in filled.catalog.failures()]]) == sorted(
        ["tower.txt", "garden.md", "kitchen.txt", "deep.txt", "broken.pdf"]
    )
    assert (report.documents, report.chunks) == filled.catalog.counts()
    assert filled.verify() == []


def test_what_was_removed_is_no_longer_found_by_an_open_reader(filled, folder):
    with rag.open_index(filled.path, embedder=filled.embedder) as reader:
        assert "tower" in rag.search("tower", index=reader, mode="keyword")[0].text
        rag.remove([folder / "tower.txt"], index=filled)
        for mode in ("dense", "keyword", "hybrid"):
            assert all("tower" not in hit.text for hit in rag.search("tower", index=reader, mode=mode))


def test_a_source_without_documents_removes_nothing(filled, folder):
    with pytest.raises(UsageError, match=r"towr\.txt.* mean '.*documents/tower\.txt'"):
        rag.remove([folder / "garden.md", folder / "towr.txt"], index=filled)
    with pytest.raises(UsageError, match=r"mean '.*/documents/sub'"):
        rag.remove([folder / "subs"], index=filled)
    with pytest.raises(UsageError, match="empty"):
        rag.remove([""], index=filled)
    assert len(left(filled)) == 4


def test_a_name_is_itself_before_it_is_a_glob(filled, folder):
    for name in ("report[1].txt", "report1.txt"):
        (folder / name).write_text(f"{name} says this.", encoding="utf-8")
    rag.sync([folder], index=filled)
    assert rag.remove([folder / "report[1].txt"], index=filled).removed == (str(folder / "report[1].txt"),)
    assert rag.remove([folder / "report[1].txt"], index=filled).removed == (str(folder / "report1.txt"),)


def test_a_folder_is_not_its_neighbour_whose_name_begins_alike(filled, folder):
    (folder / "subject.txt").write_text("Subject.", encoding="utf-8")
    rag.sync([folder], index=filled)
    assert [Path(name).name for name in rag.remove([folder / "sub"], index=filled).removed] == ["deep.txt"]


def test_a_document_that_is_no_file_is_removed_by_its_name(index):
    add_documents([rag.Document("Ships come in.", "memory:harbour", "Harbour")], index=index)
    assert rag.remove(["memory:harbour"], index=index).removed == ("memory:harbour",)
    assert (left(index), index.verify()) == ([], [])


def test_a_removed_document_returns_if_its_file_is_still_there(filled, folder):
    rag.remove([folder / "tower.txt", folder / "broken.pdf"], index=filled)
    report = rag.sync([folder], index=filled)
    assert (report.added, [Path(failure.source).name for failure in report.failed]) == (1, ["broken.pdf"])


def test_the_failure_of_a_side_car_goes_with_its_document(filled, folder):
    (folder / "tower.txt.meta.json").write_text("{ not JSON", encoding="utf-8")
    rag.sync([folder], index=filled)
    assert len(filled.catalog.failures()) == 2
    rag.remove([folder / "tower.txt"], index=filled)
    assert [Path(source).name for source in filled.catalog.failures()] == ["broken.pdf"]


def test_removing_takes_the_place_of_a_writer(filled, folder):
    with rag.open_index(filled.path) as other, other.writing(), pytest.raises(IndexLockedError):
        rag.remove([folder / "tower.txt"], index=filled, wait=0)
    assert len(left(filled)) == 4


def test_the_report_is_plain_json(filled, folder):
    report = rag.remove([folder / "tower.txt"], index=filled).to_dict()
    assert list(report) == ["index", "removed", "documents", "chunks", "seconds"]
    assert report["removed"] == [str(folder / "tower.txt")]


def test_status_adds_up_and_tells_what_compacting_gives_back(index, folder):
    paragraphs = "\n\n".join(f"Paragraph {n} of many. " + "Words and more words. " * 30 for n in range(200))
    (folder / "large.txt").write_text(paragraphs, encoding="utf-8")
    rag.sync([folder], index=index)
    before = index_status(index)
    assert sum(before["sizes"].values()) <= before["bytes"] <= sum(before["sizes"].values()) + 1000
    assert min(before["sizes"].values()) > 0
    rag.remove([folder / "large.txt"], index=index)
    removed = index_status(index)
    index.compact()
    after = index_status(index)
    assert (after["free_bytes"], after["documents"]) == (0, 3)
    assert after["bytes"] < removed["bytes"] - removed["free_bytes"] / 2
    assert index.verify() == []
