"""A small sound file of most formats, and the smallest Word document."""

from __future__ import annotations

import io
import json
import zipfile

from pdf_writer import encrypted, pdf

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)


def docx(body: str, *, before: str = "", parts: dict[str, str | bytes] | None = None) -> bytes:
    """A DOCX whose paragraphs are `body`, with something `before` the root element and other parts beside it."""
    paragraphs = f'{before}<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>{body}</w:t></w:r></w:p></w:body></w:document>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {
            "[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS, "word/document.xml": paragraphs, **(parts or {})
        }.items():  # fmt: skip
            archive.writestr(name, content)
    return out.getvalue()


def small_files() -> dict[str, bytes]:
    """A small sound file of each kind."""
    page = "<html><head><title>T</title></head><body><main><h1>A</h1><p>Words &amp; more.</p><table><tr><td>1</td></tr></table>"
    page += "</main></body></html>"
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# A\n", "text"]},
             {"cell_type": "code", "metadata": {}, "source": "print(1)", "outputs": [], "execution_count": 1}]  # fmt: skip
    mail = "From: a@example.org\nTo: b@example.org\nSubject: =?utf-8?q?H=C3=A9?=\nMIME-Version: 1.0\n"
    mail += 'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain\n\nHello.\n--x--\n'
    letter = pdf(["Page one says\nthis.", "Page two says that."], title="Letter")
    return {
        "letter.pdf": letter,
        "locked.pdf": encrypted(letter, user_password=""),
        "page.html": page.encode(),
        "page16.html": page.encode("utf-16"),
        "notes.md": b"---\ntitle: N\ntags: [a, b]\n---\n# A\n\ntext *and* more\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "plain.txt": "Größe: 3 m. これは文章です。\n\nMore.".encode(),
        "table.csv": b'name,amount\n"Brandt, Ada",3\nEliot,4\n',
        "data.json": b'{"name": "Ada", "years": [1, 2, {"a": null}]}',
        "lines.jsonl": b'{"a": 1}\n{"a": 2}\n',
        "book.ipynb": json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode(),
        "mail.eml": mail.encode(),
        "film.vtt": b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello there.\n",
        "code.py": b'"""A module."""\n\n\ndef f():\n    return 1\n',
        "manual.rst": b"A\n=\n\ntext\n\n.. note:: more\n",
        "guide.adoc": b"= A\n\ntext\n\n== B\n\nmore\n",
        "report.docx": docx("Words and more words."),
    }
