"""E-mail: headers, texts and attachments in the document's text."""

from __future__ import annotations

import pytest
from mail_files import from_mail, message
from pdf_writer import encrypted, pdf

from rag.documents import load_bytes
from rag.types import Document


def place(document: Document, quote: str) -> str:
    """The place of the only occurrence of a quote."""
    assert document.text.count(quote) == 1
    start = document.text.index(quote)
    return document.place_of(start, start + len(quote))


def outline(document: Document) -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in document.headings]


class TestMail:
    def test_attachments_are_read_below_their_names_and_others_named(self) -> None:
        mail = message()
        mail.add_attachment(b"# Depths\n\nTwo metres.\n", maintype="text", subtype="markdown", filename="Tiefe größer.md")
        mail.add_attachment(pdf(["first", "second page"]), maintype="application", subtype="pdf", filename="plan.pdf")
        mail.add_attachment(bytes(range(256)) * 40, maintype="image", subtype="png", filename="photo.png")
        document = from_mail(mail)
        assert outline(document) == [(1, "The pond"), (2, "Tiefe größer.md"), (3, "Depths"), (2, "plan.pdf")]
        assert document.text.endswith("\n\n[Attachment, not read: photo.png]")
        assert place(document, "the pond is open") == "message"
        assert place(document, "second page") == "plan.pdf page 2"
        assert place(document, "Two metres") == "Tiefe größer.md line 3"

    def test_passwords_open_what_is_attached(self) -> None:
        mail = message()
        locked = encrypted(pdf(["secret words"]), user_password="sesame")
        mail.add_attachment(locked, maintype="application", subtype="pdf", filename="locked.pdf")
        assert "[Attachment, not read: locked.pdf (encrypted)]" in from_mail(mail).text
        opened = load_bytes(mail.as_bytes(), source="a.eml", passwords=["wrong", "sesame"])
        assert place(opened, "secret words") == "locked.pdf page 1"

    @pytest.mark.parametrize(
        ("content", "name", "reason"),
        [
            (b"%PDF-1.4 and nothing else", "cut.pdf", " (damaged)"),
            (b"PK\x03\x04 and nothing else", "cut.docx", " (damaged)"),
            (b"<html><body></body></html>", "page.html", " (no text)"),
            (b" \n", "blank.txt", " (empty)"),
            (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", "encrypted.asc", " (encrypted)"),
            (bytes(range(256)) * 40, "photo.png", ""),
        ],
    )
    def test_what_cannot_be_read_says_why(self, content: bytes, name: str, reason: str) -> None:
        mail = message()
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
        assert from_mail(mail).text.endswith(f"the pond is open.\n\n[Attachment, not read: {name}{reason}]")

    def test_attachments_without_a_name_are_read_by_what_they_hold(self) -> None:
        mail = message()
        mail.add_attachment(pdf(["a page without a name"]), maintype="application", subtype="octet-stream")
        mail.add_attachment(b"pond,depth\nNorth,two metres\n", maintype="text", subtype="csv")
        mail.add_attachment(b"<svg></svg>", maintype="image", subtype="svg+xml")
        mail.add_attachment(b"Version: 1\n", maintype="application", subtype="pgp-encrypted")
        document = from_mail(mail)
        assert place(document, "a page without a name") == "attachment 1 page 1"
        assert place(document, "North | two metres") == "attachment 2 row 2"
        assert (2, "Attachment 1") in outline(document)
        unread = "[Attachment, not read: image/svg+xml]\n\n[Attachment, not read: application/pgp-encrypted]"
        assert document.text.endswith(unread)

    def test_messages_in_messages_are_read_to_a_depth(self) -> None:
        mail = message("Message 0", "words 0")
        for number in range(1, 9):
            outer = message(f"Message {number}", f"words {number}")
            outer.add_attachment(mail)
            mail = outer
        text = from_mail(mail).text
        assert "words 8" in text
        assert "words 4" in text
        assert "words 0" not in text
        assert "[Attachment, not read: Message 2 (too deep)]" in text
        assert "words 7" in text

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp932"])
    def test_old_charsets_and_raw_bytes_are_read(self, encoding: str) -> None:
        words = "名前と住所" if encoding == "cp932" else "Größe und Höhe"
        name = "shift_jis" if encoding == "cp932" else encoding
        head = f"From: a@b.c\nTo: d@e.f\nSubject: {words}\nContent-Type: text/plain; charset={name}\n\n".encode(encoding)
        assert load_bytes(head + words.encode(encoding), source="a.eml").text.endswith(f"\n\n{words}")

    @pytest.mark.parametrize(
        ("encoding", "words"),
        [("utf-8", "Größe und Höhe"), ("cp1252", "Größe und Höhe"), ("koi8-r", "Отчёт за март"), ("cp1251", "Отчёт за март"),
         ("cp932", "名前と住所"), ("gb18030", "三月报告"), ("iso8859_2", "Příliš žluťoučký")],
    )  # fmt: skip
    def test_raw_bytes_in_headers_are_read_as_the_text_is(self, encoding: str, words: str) -> None:
        plain = f"Content-Type: text/plain; charset={encoding}\n\n"
        parts = f'Content-Type: multipart/mixed; boundary="x"\n\n--x\n{plain}Text.\n--x--\n'
        for rest in (plain, parts):
            text = f"From: {words} <a@b.c>\nTo: d@e.f\nSubject: {words},\n {words}\n{rest}"
            document = load_bytes(text.encode(encoding), source="a.eml")
            assert document.title == f"{words}, {words}"
            assert document.metadata["from"] == f"{words} <a@b.c>"


def test_too_many_parts_are_counted_in_the_text() -> None:
    parts = "".join(f"--x\n\nPart {number}.\n" for number in range(1005))
    content = f"From: a@b\nSubject: Many\nContent-Type: multipart/mixed; boundary=x\n\n{parts}--x--\n".encode()
    text = load_bytes(content, source="many.eml").text
    assert "Part 998." in text
    assert "Part 999." not in text
    assert text.endswith("[Parts that are not read, for there are too many or they lie too deep: 6]")
