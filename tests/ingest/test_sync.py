from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from pdf_writer import encrypted, pdf

import rag
from rag.cli.reports import report_lines
from rag.errors import UsageError
from rag.ingest.sync import plan_for
from rag.reading import ChunkSizes, ReadOptions
from rag.testing.fakes import HashEmbedder
from rag.types import Failure


def sources(index) -> list[str]:
    return [Path(row.source).name for row in index.catalog.documents()]


def counts(report) -> dict[str, int]:
    return {name: getattr(report, name) for name in ("added", "changed", "renamed", "removed", "unchanged")}


def done(**numbers) -> dict[str, int]:
    return {"added": 0, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 0, **numbers}


def test_a_second_run_does_nothing_and_reads_nothing(index, folder, embedder):
    assert counts(rag.sync([folder], index=index)) == done(added=3)
    generation = index.catalog.generation
    embedder.embedded.clear()
    files = {path: path.read_bytes() for path in folder.iterdir()}
    for path in files:  # the same size and time with another content: it would be noticed if it were read
        stat = path.stat()
        path.write_bytes(b"?" * stat.st_size)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert counts(rag.sync([folder], index=index)) == done(unchanged=3)
    assert (index.catalog.generation, embedder.embedded) == (generation, [])


def test_a_new_time_with_the_same_content_is_no_change(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    os.utime(folder / "tower.txt", (1, 1))
    assert counts(rag.sync([folder], index=index)) == done(unchanged=3)
    assert embedder.embedded == []


def test_a_changed_file_embeds_only_its_new_chunks(index, folder, embedder):
    paragraphs = [f"Paragraph {n} speaks of " + "many different things " * 40 for n in range(4)]
    (folder / "long.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    (folder / "long.txt").write_text("\n\n".join([*paragraphs, "An unheard-of zebra."]), encoding="utf-8")
    assert counts(rag.sync([folder], index=index)) == done(changed=1, unchanged=3)
    assert len(embedder.embedded) == 1
    assert "zebra" in embedder.embedded[0]
    assert "zebra" in rag.search("zebra", index=index, mode="keyword")[0].text
    assert index.verify() == []


def test_a_removed_file_disappears_from_every_store(index, folder):
    rag.sync([folder], index=index)
    (folder / "garden.md").unlink()
    assert counts(rag.sync([folder], index=index)) == done(removed=1, unchanged=2)
    for mode in ("dense", "keyword", "hybrid"):
        assert all("carp" not in hit.text for hit in rag.search("carp pond", index=index, mode=mode))
    assert index.verify() == []


def test_a_moved_file_is_renamed_and_not_embedded_again(index, folder, embedder):
    rag.sync([folder], index=index)
    embedder.embedded.clear()
    (folder / "sub").mkdir()
    (folder / "tower.txt").rename(folder / "sub" / "tower.txt")
    assert counts(rag.sync([folder], index=index)) == done(renamed=1, unchanged=2)
    assert embedder.embedded == []
    assert rag.search("tower", index=index)[0].source == str(folder / "sub" / "tower.txt")
    assert index.verify() == []


def test_indexing_one_folder_leaves_what_came_from_others(index, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "harbour.txt").write_text("Ships come in.", encoding="utf-8")
    rag.sync([folder], index=index)
    assert counts(rag.sync([other], index=index)) == done(added=1)
    assert len(sources(index)) == 4
    (other / "harbour.txt").unlink()
    assert counts(rag.sync([other], index=index)) == done(removed=1)
    assert len(sources(index)) == 3


def test_a_file_that_is_gone_can_be_named_to_have_it_removed(index, folder):
    rag.sync([folder], index=index)
    (folder / "tower.txt").unlink()
    assert counts(rag.sync([folder / "tower.txt"], index=index)) == done(removed=1)


def test_the_same_file_named_twice_is_one_document(index, folder):
    rag.sync([folder, folder / "tower.txt", folder / ".." / "documents"], index=index)
    assert len(sources(index)) == 3


def test_hidden_files_and_unknown_kinds_are_skipped(index, folder):
    (folder / ".secret.txt").write_text("secret", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "note.txt").write_text("note", encoding="utf-8")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    plan, found = plan_for([folder], index=index)
    assert len(plan.load) == 3
    assert dict(found.skipped) == {".png": 1}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.md"], [], ["garden.md"]),
        ([], ["t*"], ["garden.md", "kitchen.txt"]),
        (["sub/*"], [], ["deep.txt"]),
        (["*.log"], [], ["run.log"]),
    ],
)
def test_globs_choose_by_name_or_by_path_inside_the_folder(index, folder, include, exclude, expected):
    (folder / "run.log").write_text("started", encoding="utf-8")
    if include == ["sub/*"]:
        (folder / "sub").mkdir()
        (folder / "sub" / "deep.txt").write_text("deep", encoding="utf-8")
    rag.sync([folder], index=index, include=include, exclude=exclude)
    assert sources(index) == expected


def test_an_unreadable_file_is_retried_when_it_changes(index, folder):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing else")
    for _ in range(2):
        report = rag.sync([folder], index=index)
        assert [(Path(f.source).name, f.status) for f in report.failed] == [("broken.pdf", "corrupt")]
    assert report.documents == 3
    assert rag.sync([folder], index=index, retry_failed=True).failed == report.failed
    (folder / "broken.pdf").write_text("now plain text", encoding="utf-8")
    (folder / "broken.pdf").rename(folder / "mended.txt")
    report = rag.sync([folder], index=index)
    assert (report.failed, report.documents) == ((), 4)
    assert index.catalog.failures() == {}


def test_a_document_that_becomes_unreadable_is_no_longer_found(index, folder):
    rag.sync([folder], index=index)
    (folder / "tower.txt").write_bytes(b"\x00\x01\x02" * 500)
    report = rag.sync([folder], index=index)
    assert counts(report) == done(unchanged=2)
    assert [failure.status for failure in report.failed] == ["unsupported"]
    assert index.verify() == []
    assert "tower.txt" not in sources(index)


def test_sources_that_name_nothing_are_refused(index, tmp_path):
    with pytest.raises(UsageError, match="There is no file or folder"):
        rag.sync([tmp_path / "absent"], index=index)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty.* \.pdf"):
        rag.sync([tmp_path / "empty"], index=index)
    (tmp_path / "empty" / "a.png").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"1 .*\.png"):
        rag.sync([tmp_path / "empty"], index=index)


def test_chunk_sizes_belong_to_the_index(index, folder):
    rag.sync([folder], index=index, sizes=ChunkSizes(50, 5))
    rag.sync([folder], index=index, sizes=ChunkSizes(50))
    with pytest.raises(UsageError, match=r"50.* 60"):
        rag.sync([folder], index=index, sizes=ChunkSizes(60))


def test_chunks_that_the_embedder_cannot_read_are_refused(index, folder):
    with pytest.raises(UsageError, match=r"900 .*hash.* 254"):
        rag.sync([folder], index=index, sizes=ChunkSizes(900, 0))


def test_progress_adds_up(index, folder):
    class Seen:
        def __init__(self):
            self.expected, self.done = Counter(), Counter()

        def expect(self, unit, count):
            self.expected[unit] += count

        def advance(self, unit, count=1):
            self.done[unit] += count

    seen = Seen()
    report = rag.sync([folder], index=index, progress=seen)
    assert seen.expected == seen.done == {"documents": 3, "chunks": report.chunks}


def test_encrypted_files_are_retried_with_passwords(index, folder):
    (folder / "locked.pdf").write_bytes(encrypted(pdf(["An owl sleeps."]), user_password="sesame"))
    (failure,) = rag.sync([folder], index=index).failed
    assert failure.status == "encrypted"
    assert counts(rag.sync([folder], index=index, passwords=["wrong"])) == done(unchanged=3)
    assert counts(rag.sync([folder], index=index, passwords=["wrong", "sesame"])) == done(added=1, unchanged=3)
    assert "owl" in rag.search("owl", index=index, mode="keyword")[0].text
    assert counts(rag.sync([folder], index=index)) == done(unchanged=4)


def test_a_file_may_take_as_much_as_the_limits_say(index, folder):
    report = rag.sync([folder], index=index, limits=rag.Limits(characters=50))
    assert report.added == 1
    assert {failure.status for failure in report.failed} == {"too-large"}


def test_files_over_a_limit_are_retried_with_larger_limits(index, folder):
    def to_load(**limits):
        plan, _ = plan_for([folder], index=index, reading=ReadOptions(limits=rag.Limits(**limits)))
        return [Path(source).name for source in plan.load]

    small = {"characters": 50, "seconds": 600}
    too_large = sorted(
        Path(failure.source).name for failure in rag.sync([folder], index=index, limits=rag.Limits(**small)).failed
    )
    assert len(too_large) == 2
    assert to_load(**small) == to_load(characters=40) == to_load(characters=50, seconds=9000) == []
    assert to_load(characters=51) == to_load(characters=50, memory=2**40) == to_load() == too_large
    rag.sync([folder], index=index, limits=rag.Limits(characters=51))
    assert to_load(characters=51) == []
    assert counts(rag.sync([folder], index=index)) == done(added=2, unchanged=1)


def test_larger_limits_retry_a_file_that_failed_within_the_usual(index, folder):
    path = str(folder / "slow.txt")
    Path(path).write_text("slow", encoding="utf-8")
    rag.sync([folder], index=index)
    stamp = index.catalog.stamps()[path]
    for status in ("timeout", "too-large", "corrupt"):
        index.catalog.record_failure(Failure(path, status, "It took too much."), stamp)
        for limits, tried in (({}, ()), ({"seconds": 301.0}, ("timeout",)), ({"memory": 2**40}, ("too-large",))):
            plan, _ = plan_for([folder], index=index, reading=ReadOptions(limits=rag.Limits(**limits)))
            assert plan.load == ([path] if status in tried else [])


def test_limits_in_an_index_that_make_no_sense_are_passed_over(index, folder):
    senseless = (3, {"seconds": 1}, *({"seconds": n, "memory": 1, "characters": 1} for n in ("a", 1e10)))
    index.catalog.set_setting("limits_had", {f"x{number}": had for number, had in enumerate(senseless)})
    assert rag.sync([folder], index=index, limits=rag.Limits(characters=50)).failed
    assert set(index.catalog.setting("limits_had")) == set(index.catalog.failures())


def test_a_file_name_that_is_no_text_is_reported(index, folder):
    (folder / os.fsdecode(b"lat\xe9.txt")).write_bytes(b"text")
    report = rag.sync([folder], index=index)
    assert (report.added, report.documents) == (3, 3)
    assert [
        (failure.status, failure.message.endswith("has a name that is not UTF-8. Rename it.")) for failure in report.failed
    ] == [("unreadable", True)]


def test_an_empty_source_is_not_the_current_folder(index):
    with pytest.raises(UsageError, match="empty"):
        rag.sync([""], index=index)


def test_another_embedder_is_refused_without_anything_to_embed(index, folder):
    rag.sync([folder], index=index)
    with rag.open_index(index.path, embedder="minillm") as other, pytest.raises(UsageError, match="mean 'minilm'"):
        rag.sync([folder], index=other)


def test_globs_that_leave_nothing_are_named_as_the_cause(index, folder):
    with pytest.raises(UsageError, match=r"3 .*--include or --exclude"):
        rag.sync([folder], index=index, exclude=["*"])


def test_text_that_moves_between_changed_files_is_found(index, tmp_path, embedder):
    for name, text in (("a", "alpha"), ("b", "beta")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.txt").write_text(text, encoding="utf-8")
    rag.sync([tmp_path / "a", tmp_path / "b"], index=index)
    (tmp_path / "a" / "README.txt").write_text("gamma delta", encoding="utf-8")
    (tmp_path / "b" / "README.txt").write_text("alpha", encoding="utf-8")
    rag.sync([tmp_path / "a", tmp_path / "b"], index=index)
    assert rag.search("alpha", index=index, mode="keyword")[0].source == str(tmp_path / "b" / "README.txt")
    assert index.verify() == []


def test_a_root_written_with_dots_mirrors_like_any_other(index, folder):
    dotted = folder / ".." / "documents"
    rag.sync([dotted], index=index)
    (folder / "tower.txt").unlink()
    assert counts(rag.sync([dotted], index=index)) == done(removed=1, unchanged=2)


def test_what_lies_in_a_folder_that_cannot_be_looked_into_stays(index, folder, monkeypatch):
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.txt").write_text("deep words", encoding="utf-8")
    rag.sync([folder], index=index)
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = rag.sync([folder], index=index)
    assert counts(report) == done(unchanged=3)
    assert [(Path(failure.source).name, failure.status) for failure in report.failed] == [("sub", "unreadable")]
    assert report.documents == 4


def test_links_that_lead_nowhere_or_in_a_circle_cost_nothing(index, folder):
    (folder / "circle.txt").symlink_to("circle.txt")
    (folder / "dangling.txt").symlink_to("nowhere.txt")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    report = rag.sync([folder], index=index)
    assert (report.added, report.failed) == (3, ())
    assert report.skipped >= 2


def test_what_was_passed_over_is_told_by_its_kind(index, folder):
    for name in ("a.png", "b.PNG", *(f"x.{number}" for number in range(10))):
        (folder / name).write_bytes(b"x")
    os.mkfifo(folder / "pipe.txt")
    report = rag.sync([folder], index=index)
    assert (report.skipped, report.skipped_kinds[".png"], report.skipped_kinds["named pipes"]) == (13, 2, 1)
    assert report.to_dict()["skipped_kinds"] == report.skipped_kinds
    line = report_lines(report)[1]
    assert line.startswith("13 passed over: 2 .png, 1 ")
    assert line.endswith(", … (--include GLOB takes files of other kinds)")


def test_a_report_counts_in_the_singular_and_plural(index, folder):
    single = report_lines(rag.sync([folder / "tower.txt"], index=index))[0]
    assert single.startswith("1 added · 1 document, 1 chunk in ")
    both = report_lines(rag.sync([folder / "tower.txt", folder / "garden.md"], index=index))[0]
    assert " · 2 documents, 3 chunks in " in both


def test_chunk_sizes_that_cannot_work_leave_the_index_usable(index, folder):
    with pytest.raises(UsageError, match="overlap"):
        rag.sync([folder], index=index, sizes=ChunkSizes(40))
    assert rag.sync([folder], index=index, sizes=ChunkSizes(40, 10)).added == 3


def test_an_emptied_index_takes_another_chunk_size_and_embedder(index, folder, embedder):
    rag.sync([folder], index=index, sizes=ChunkSizes(50, 5))
    for path in folder.iterdir():
        path.unlink()
    rag.sync([folder], index=index)
    (folder / "new.txt").write_text("new words", encoding="utf-8")
    with rag.open_index(index.path, embedder=HashEmbedder(name="other", dimension=32)) as other:
        assert rag.sync([folder], index=other, sizes=ChunkSizes(60, 6)).added == 1
        assert rag.search("new words", index=other)[0].text == "new words"
        assert other.verify() == []


def test_sync_takes_a_path_for_an_index(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("rag.specs.open_embedder", lambda *_, **__: HashEmbedder(name="minilm"))
    assert rag.sync([folder], index=tmp_path / "fresh").added == 3
    assert rag.sync([folder], index=str(tmp_path / "fresh")).unchanged == 3
