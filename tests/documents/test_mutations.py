"""Damaged and harmful files: each fails alone, with a status that says why.

The long form of the first part is `benchmarks/documents/mutations.py`.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from mutations import read_damaged, without_ocr
from paths import SHARED_DATA
from pdf_writer import pdf
from small_files import docx, small_files

from rag.documents import is_supported
from rag.documents.loading.workers import Limits, load_all

pytestmark = pytest.mark.own_workers


def written(folder: Path, files: dict[str, bytes]) -> list[str]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]


# damaged at random


def test_small_files_that_are_damaged_give_a_text_or_say_why_not(tmp_path):
    (tmp_path / "sound").mkdir()
    (tmp_path / "damaged").mkdir()
    seeds = [Path(path) for path in written(tmp_path / "sound", small_files())]
    with without_ocr():
        outcomes = read_damaged(seeds, tmp_path / "damaged", count=4 * len(seeds), seed=1)
    assert outcomes.problems == []
    assert outcomes.total == 4 * len(seeds)


@pytest.mark.slow
def test_real_files_that_are_damaged_give_a_text_or_say_why_not(tmp_path):
    folders = [SHARED_DATA / "pdf_nasty", SHARED_DATA / "office_web"]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("the shared collections are not here")
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and is_supported(path))
    seeds = [path for path in found if ".docling." not in path.name]
    with without_ocr():
        outcomes = read_damaged(seeds, tmp_path, count=2000, seed=2, seconds=60)
    assert outcomes.problems == []
    assert outcomes.total > 500


# made to do harm


def billion_laughs(root: str) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "laugh"}">' for n in range(12))
    return f"<!DOCTYPE {root} [{entities}]>"


def harmful(folder: Path) -> dict[str, bytes]:
    """Files that attack their reader. They must not reveal the secret beside them."""
    secret = folder / "secret"
    secret.write_text("SECRET", encoding="utf-8")
    outside = f'<!DOCTYPE x [<!ENTITY s SYSTEM "{secret.as_uri()}">]>'
    deep = 200_000
    zeros = zlib.compress(bytes(100 * 2**20), 1)
    squeezed = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(zeros), zeros)
    return {
        "zip bomb.docx": docx("", parts={"word/document.xml": b"<a>" + b" " * 70 * 2**20 + b"</a>"}),
        "laughs.docx": docx("&l11;", before=billion_laughs("w:document")),
        "laughs.html": f"{billion_laughs('html')}<html><body><p>Text &l11;</p></body></html>".encode(),
        "laughs.xhtml": f'<?xml version="1.0"?>{billion_laughs("html")}<html><body><p>Text &l11;</p></body></html>'.encode(),
        "outside.docx": docx("Text &s;", before=outside),
        "outside.xhtml": f'<?xml version="1.0"?>{outside}<html><body><p>Text &s;</p></body></html>'.encode(),
        "include.rst": f"Text\n\n.. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n".encode(),
        "include.adoc": f"Text\n\ninclude::{secret}[]\n".encode(),
        "path.docx": docx(
            "Text", parts={"../../../escaped.txt": "out", "/escaped.txt": "out", "word/../../escaped.txt": "out"}
        ),
        "deep.html": b"<div>" * deep + b"Text",
        "deep.md": b"> " * deep + b"Text",
        "deep list.md": b"".join(b" " * n + b"- a\n" for n in range(1500)),
        "deep.json": b"[" * deep + b"1" + b"]" * deep,
        "deep.docx": docx("<w:p>" * 5000 + "Text" + "</w:p>" * 5000),
        "deep.yaml.md": b"---\na: " + b"[" * deep + b"\n---\nText",
        "yaml laughs.md": b"---\na: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in range(98, 108))
        + b"---\nText",
        "yaml code.md": b"---\na: !!python/object/apply:os.system ['touch escaped.txt']\n---\nText",
        "loop.pdf": pdf(["Text"]).replace(b"/Kids[5 0 R]", b"/Kids[2 0 R]"),
        "bomb.pdf": pdf(["Text"]).replace(b"/Contents 6 0 R", b"/Contents 7 0 R") + b"\n7 0 obj\n%s\nendobj\n" % squeezed,
        "headers.eml": b"Subject: x\n" * 50_000 + b"\nText",
        "parts.eml": b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(1000)),
    }


@pytest.mark.slow
def test_a_harmful_file_costs_itself_and_tells_no_secret(tmp_path, monkeypatch):
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    paths = written(folder, {**harmful(folder), "sound.txt": b"Sound text."})
    with without_ocr():
        outcomes = {Path(one.source).name: one for one in load_all(paths, limits=Limits(seconds=20, memory=2**30))}
    statuses = {name: one.failure.status if one.failure else "text" for name, one in outcomes.items()}
    assert statuses["zip bomb.docx"] == "too-large"
    assert statuses["laughs.docx"] in {"corrupt", "too-large"}
    assert outcomes["sound.txt"].document.text == "Sound text."
    assert set(statuses.values()) <= {"text", "corrupt", "too-large", "no-text", "encrypted"}
    texts = {name: one.document.text for name, one in outcomes.items() if one.document}
    assert [name for name, text in texts.items() if "SECRET" in text or len(text) > 2_000_000] == []
    assert list(tmp_path.rglob("escaped.txt")) == []


@pytest.mark.slow
def test_a_page_that_takes_too_much_memory_is_too_large(tmp_path):
    """Four million pieces of text on one page, in a file of a few hundred thousand bytes."""
    operators = zlib.compress(b"BT /F1 12 Tf 72 720 Td " + b"(a)Tj " * 4_000_000 + b"ET", 1)
    content = b"6 0 obj\n<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream\nendobj\n" % (len(operators), operators)
    page = pdf(["Text"])
    endless = page[: page.index(b"6 0 obj")] + content + page[page.index(b"xref") :]
    bomb, sound = load_all(written(tmp_path, {"endless.pdf": endless, "sound.pdf": page}), limits=Limits(memory=200 * 2**20))
    assert (bomb.failure.status, sound.document.text) == ("too-large", "Text")
