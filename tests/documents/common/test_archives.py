"""Harmful ZIP archives and XML cause a DocumentError with its status, and nothing worse."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from office_files import locked, zipped

from rag.documents.common import archives
from rag.documents.common.archives import Archive, parse_xml
from rag.errors import DocumentError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def refused(content: bytes, part: str = "part.xml") -> DocumentError:
    """The error of opening the archive and reading one part of it."""
    with pytest.raises(DocumentError) as caught:
        Archive(content, source="file.zip").read(part)
    assert "file.zip" in str(caught.value)
    return caught.value


class TestOpening:
    def test_parts_are_found_whatever_their_case_and_slashes(self) -> None:
        archive = Archive(zipped({"Word\\Document.XML": b"text"}), source="a")
        assert "word/document.xml" in archive
        assert archive.read("/word/DOCUMENT.xml") == b"text"

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 500, b"no archive at all"])
    def test_what_is_no_archive_is_corrupt(self, content: bytes) -> None:
        assert refused(content).status == "corrupt"

    def test_a_truncated_archive_is_corrupt(self) -> None:
        whole = zipped({"part.xml": b"<a/>" * 100})
        assert {refused(whole[:length]).status for length in range(0, len(whole), 7)} == {"corrupt"}

    def test_a_part_whose_bytes_changed_is_corrupt(self) -> None:
        content = zipped({"part.xml": b"one two three"}, method=zipfile.ZIP_STORED).replace(b"two", b"TWO", 1)
        assert refused(content).status == "corrupt"

    def test_a_missing_part_is_corrupt_and_named(self) -> None:
        error = refused(zipped({"other": b""}))
        assert error.status == "corrupt"
        assert "part.xml" in str(error)

    def test_parts_behind_a_password_are_encrypted(self) -> None:
        error = refused(locked(zipped({"part.xml": b"<a/>"})))
        assert error.status == "encrypted"
        assert "without a password" in str(error)

    def test_ole_files_are_encrypted_or_unsupported(self) -> None:
        assert refused(OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600).status == "encrypted"
        assert refused(OLE + b"\0" * 600 + "WordDocument".encode("utf-16-le") + b"\0" * 600).status == "unsupported"

    def test_packing_that_documents_do_not_use_is_not_unpacked(self) -> None:
        assert refused(zipped({"part.xml": b"<a/>"}, method=zipfile.ZIP_LZMA)).status == "corrupt"


class TestLimits:
    def test_a_part_that_would_unpack_hundredfold_is_refused(self) -> None:
        error = refused(zipped({"part.xml": bytes(16 * 2**20)}))
        assert error.status == "too-large"
        assert "times its size" in str(error)

    def test_small_parts_may_be_as_empty_as_they_like(self) -> None:
        assert len(Archive(zipped({"part.xml": bytes(2**20)}), source="a").read("part.xml")) == 2**20

    def test_one_part_has_a_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "LARGEST_TREE", 100)
        content = zipped({"small": b"a" * 100, "part.xml": b"a" * 101})
        assert len(Archive(content, source="a").read("small")) == 100
        assert refused(content).status == "too-large"

    def test_all_reading_together_has_a_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "LARGEST_TOTAL", 250)
        archive = Archive(zipped({"part": b"a" * 100}), source="a")
        archive.read("part")
        archive.read("part")
        with pytest.raises(DocumentError, match="unpacks to more") as caught:
            archive.read("part")
        assert caught.value.status == "too-large"

    def test_the_number_of_entries_has_a_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MOST_ENTRIES", 3)
        assert refused(zipped({str(number): b"" for number in range(4)})).status == "too-large"

    def test_a_part_that_holds_more_than_it_says_is_cut_and_corrupt(self) -> None:
        content = zipped({"part.xml": b"a" * 5000})
        lied = content.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little"))
        assert lied != content
        assert refused(lied).status == "corrupt"


class TestXml:
    @pytest.mark.parametrize(
        "content",
        [
            f"{BOMB}]><x>&j;</x>",
            f'{BOMB}]><x y="&j;"/>',
            "<!DOCTYPE x [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a;]><x>&b;</x>",
            "<x>" * 5000 + "</x>" * 5000,
            "<x>",
            "<x>&nbsp;</x>",
            "",
        ],
        ids=["entities", "entities in an attribute", "parameter entities", "deep", "open", "undeclared entity", "empty"],
    )
    def test_what_is_not_sound_or_made_to_grow_is_corrupt(self, content: str) -> None:
        with pytest.raises(DocumentError) as caught:
            parse_xml(content.encode(), source="a.docx", part="x")
        assert caught.value.status == "corrupt"
        archive = Archive(zipped({"x": content}), source="a.docx")
        with pytest.raises(DocumentError) as caught:
            list(archive.elements("x", "y"))
        assert caught.value.status == "corrupt"

    def test_nothing_outside_of_the_file_is_read(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("the secret", encoding="utf-8")
        with pytest.raises(DocumentError) as caught:
            parse_xml(f'<!DOCTYPE x [<!ENTITY a SYSTEM "{secret.as_uri()}">]><x>&a;</x>'.encode(), source="a", part="x")
        assert caught.value.status == "corrupt"
        assert "the secret" not in str(caught.value)
        (tmp_path / "own.dtd").write_text('<!ENTITY a "the secret">', encoding="utf-8")
        root = parse_xml(f'<!DOCTYPE x SYSTEM "{(tmp_path / "own.dtd").as_uri()}"><x>text</x>'.encode(), source="a", part="x")
        assert root.text == "text"

    def test_elements_of_a_large_part_are_read_one_by_one(self) -> None:
        rows = "".join(f"<row n='{number}'><c>{number}</c></row>" for number in range(1000))
        seen, most = [], 0
        for row in Archive(zipped({"x": f"<sheet>{rows}</sheet>"}), source="a").elements("x", "row"):
            seen.append(row.findtext("c"))
            most = max(most, sum(len(other) for other in row.itersiblings(preceding=True)))
        assert seen == [str(number) for number in range(1000)]
        assert most == 0
