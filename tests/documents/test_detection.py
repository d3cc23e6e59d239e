"""A file's content decides its format; its name helps only where the content says nothing."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from rag.documents import FAMILIES, SUFFIXES, load_bytes
from rag.documents.detect import family_of
from rag.errors import DocumentError

OOXML = "application/vnd.openxmlformats-officedocument"
MAIL = b"Received: from a by b\r\nFrom: Ada <ada@example.org>\r\nSubject: Hi\r\n\r\nHello.\r\n"
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def archive(**entries: str) -> bytes:
    """A ZIP archive of texts, their names with "__" for "/" and "_xml" for ".xml"."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in entries.items():
            file.writestr(name.replace("__", "/").replace("_xml", ".xml").replace("TYPES", "[Content_Types]"), text)
    return out.getvalue()


def ole(*streams: str) -> bytes:
    """Bytes with the beginning of an OLE file and the names of its streams."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + b"".join(name.encode("utf-16-le") for name in streams)


def types(kind: str) -> str:
    return f'<Types><Override PartName="/x" ContentType="{kind}"/></Types>'


def told(content: bytes, name: str = "file") -> str:
    suffix = name[name.index(".") :] if "." in name else ""
    return family_of(content, source=name, suffix=suffix)


def refusal(content: bytes, name: str = "file") -> DocumentError:
    with pytest.raises(DocumentError, match=name) as caught:
        told(content, name)
    return caught.value


class TestArchives:
    @pytest.mark.parametrize(
        ("content", "family"),
        [
            (archive(TYPES_xml=types(f"{OOXML}.wordprocessingml.document.main+xml")), "docx"),
            (archive(TYPES_xml=types(f"{OOXML}.wordprocessingml.template.main+xml")), "docx"),
            (archive(TYPES_xml=types("application/vnd.ms-word.document.macroEnabled.main+xml")), "docx"),
            (archive(TYPES_xml=types(f"{OOXML}.presentationml.slideshow.main+xml")), "pptx"),
            (archive(TYPES_xml=types("application/vnd.ms-powerpoint.template.macroEnabled.main+xml")), "pptx"),
            (archive(TYPES_xml=types(f"{OOXML}.spreadsheetml.sheet.main+xml")), "xlsx"),
            (archive(TYPES_xml=types("application/vnd.ms-excel.sheet.macroEnabled.main+xml")), "xlsx"),
            (archive(TYPES_xml="<Types/>", xl__workbook_xml="<x/>"), "xlsx"),
            (archive(mimetype="application/vnd.oasis.opendocument.text"), "odf"),
            (archive(mimetype="application/vnd.oasis.opendocument.spreadsheet-template\n"), "odf"),
            (archive(mimetype="application/vnd.oasis.opendocument.presentation"), "odf"),
            (archive(mimetype="application/epub+zip"), "epub"),
            (archive(**{"META-INF__container_xml": "<x/>"}), "epub"),
        ],
    )
    def test_a_container_is_known_by_its_parts_under_any_name(self, content: bytes, family: str) -> None:
        assert {told(content, name) for name in ("file", "file.txt", "file.docx", "file.pdf")} == {family}

    def test_a_sheet_embedded_in_a_report_does_not_make_it_a_sheet(self) -> None:
        kinds = types(f"{OOXML}.spreadsheetml.sheet") + types(f"{OOXML}.wordprocessingml.document.main+xml")
        assert told(archive(TYPES_xml=kinds)) == "docx"

    @pytest.mark.parametrize(
        "content",
        [
            archive(readme="words"),
            archive(mimetype="application/vnd.oasis.opendocument.graphics"),
            archive(TYPES_xml=types("application/vnd.ms-visio.drawing.main+xml")),
            b"PK\x05\x06" + bytes(18),
        ],
    )
    def test_other_archives_are_unsupported(self, content: bytes) -> None:
        assert refusal(content).status == "unsupported"

    def test_a_damaged_archive_is_corrupt_unless_its_loader_reads_it(self) -> None:
        damaged = archive(mimetype="application/epub+zip")[:40]
        assert refusal(damaged).status == "corrupt"
        assert told(damaged, "book.epub") == "epub"

    def test_a_huge_list_of_types_is_not_read_to_its_end(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("[Content_Types].xml", " " * (64 << 20) + types(f"{OOXML}.wordprocessingml.document.main+xml"))
        assert refusal(out.getvalue()).status == "unsupported"


class TestOldOfficeFiles:
    def test_an_encrypted_office_file_asks_for_its_password(self) -> None:
        error = refusal(ole("EncryptionInfo", "EncryptedPackage"), "plan.docx")
        assert error.status == "encrypted"
        assert "Save a copy without the password" in str(error)

    @pytest.mark.parametrize(
        ("stream", "what"),
        [("WordDocument", ".docx"), ("Workbook", ".xlsx"), ("PowerPoint Document", ".pptx"), ("__substg1.0_0037001F", ".eml")],
    )
    def test_the_error_says_what_to_save_it_as(self, stream: str, what: str) -> None:
        error = refusal(ole(stream))
        assert error.status == "unsupported"
        assert f"Save it as {what}" in str(error)


class TestTexts:
    @pytest.mark.parametrize(
        ("content", "family"),
        [
            (b'{"a": 1}', "json"),
            (b'[\n  {"a": 1}\n]', "json"),
            (b'{"a": 1}\n{"a": 2}\n', "json"),
            (NOTEBOOK, "notebook"),
            (MAIL, "mail"),
            (b"From ada@example.org Mon Jan  1 00:00:00 2024\n" + MAIL, "mail"),
            (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", "subtitles"),
            (b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHi\r\n", "subtitles"),
            (b"#!/usr/bin/env python3\nprint()\n", "code"),
            (b"name\tsize\tyear\nPond\t3\t1990\nLake\t9\t2001\n", "csv"),
            (b"name,size,year\nPond,3,1990\nLake,9,2001\n", "csv"),
            (b"Dear Ada,\n\nall is well, here, now.\n", "text"),
            (b"To: everyone\n\nThe pond is open.\n", "text"),
            (b"# Heading\n\nwords\n", "text"),
            (b"[1] Broder, 1997.\n", "json"),  # its loader reads what is not JSON as text
        ],
    )
    def test_content_tells_where_there_is_no_name(self, content: bytes, family: str) -> None:
        assert told(content) == family

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
    def test_signs_are_seen_in_every_unicode_encoding(self, encoding: str) -> None:
        assert told('{"a": "é"}'.encode(encoding)) == "json"
        assert told("WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n".encode(encoding)) == "subtitles"
        assert told("<!DOCTYPE html><p>x".encode(encoding)) == "html"

    def test_names_that_say_little_give_way_and_others_do_not(self) -> None:
        assert told(MAIL, "saved.txt") == "mail"
        assert told(NOTEBOOK, "work.json") == "notebook"
        assert told(b'{"a": 1}', "page.md") == "markdown"
        assert told(b"name,size,year\na,1,2\nb,3,4\n", "list.txt") == "text"
        assert told(b"<html><?php echo 1 ?></html>", "page.php") == "code"
        assert told(b"<html><p>a page</p></html>", "sheet.csv") == "html"

    def test_a_text_with_the_name_of_an_office_file_is_damaged(self) -> None:
        suffixes = [suffix for suffix, name in SUFFIXES.items() if FAMILIES[name].binary]
        assert ".docx" in suffixes
        for suffix in suffixes:
            with pytest.raises(DocumentError, match=f"file{suffix}") as caught:
                load_bytes(b"only words", source=f"file{suffix}")
            assert caught.value.status == "corrupt", suffix

    def test_unknown_binary_files_are_unsupported(self) -> None:
        for content in (bytes(range(256)) * 40, b"\x1f\x8b\x08", b"{\\rtf1 x}", b"%!PS-Adobe"):
            assert refusal(content).status == "unsupported"


def test_an_archive_with_an_unusual_compression_is_damaged():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("mimetype", "application/epub+zip")
    with pytest.raises(DocumentError, match="file") as caught:
        family_of(out.getvalue(), source="file", suffix="")
    assert caught.value.status == "corrupt"
