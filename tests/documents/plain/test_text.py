"""Plain text formats: their text, headings and places."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from paths import SHARED_DATA

from rag.documents import load, load_bytes
from rag.documents.plain import delimited
from rag.errors import DocumentError
from rag.types import Document

OFFICE_WEB = SHARED_DATA / "office_web" / "docling"
needs_data = pytest.mark.skipif(not OFFICE_WEB.exists(), reason="the shared test data (../shared/data) is absent")


def read(text: str, name: str) -> Document:
    return load_bytes(text.encode(), source=name)


def failure(text: str, name: str) -> DocumentError:
    with pytest.raises(DocumentError, match=name) as caught:
        read(text, name)
    return caught.value


def place(document: Document, quote: str) -> str:
    """The place of the only occurrence of a quote."""
    assert document.text.count(quote) == 1
    start = document.text.index(quote)
    return document.place_of(start, start + len(quote))


def outline(document: Document) -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in document.headings]


class TestLines:
    @pytest.mark.parametrize("name", ["a.txt", "a.md", "a.rst", "a.adoc", "a.py"])
    def test_text_is_found_by_its_lines(self, name: str) -> None:
        document = read("one\r\n\r\nthree words\r\nfour\r\n", name)
        assert document.text == "one\n\nthree words\nfour\n"
        assert place(document, "words") == "line 3"
        assert place(document, "three words\nfour\n") == "lines 3–4"


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
    @pytest.mark.parametrize(
        "text",
        [
            "一九八四年，人人生而自由，在尊严和权利上一律平等。\n他们赋有理性和良心，并应以兄弟关系的精神相对待。\n",
            "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n人間は、理性と良心とを授けられており。\n",
            "Все люди рождаются свободными и равными в своём достоинстве и правах.\nОни наделены разумом.",
            "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n",
            "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।\n",
            "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.\n",
        ],
    )
    def test_every_script_is_read_without_a_mark(self, text: str, encoding: str) -> None:
        assert load_bytes(text.encode(encoding), source="a.txt").text == text

    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("iso2022_jp", "すべての人間は自由である。"),
            ("iso2022_kr", "모든 인간은 자유롭다."),
            ("cp866", "Все люди рождаются свободными и равными."),
        ],
    )
    def test_escaped_and_old_encodings_are_read(self, encoding: str, text: str) -> None:
        assert load_bytes(text.encode(encoding), source="a.txt").text == text


class TestReStructuredText:
    def test_directives_read_no_files_and_unknown_ones_lose_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("Secret\n======\n")
        text = (
            f"Top\n===\n\n.. include:: {tmp_path}/secret.txt\n\n.. csv-table::\n   :file: {tmp_path}/secret.txt\n\n"
            ".. raw:: html\n\n   <b>\n\n.. toctree::\n\n   page\n\n.. role:: x(raw)\n\nEnd\n===\n"
        )
        document = read(text, "a.rst")
        assert document.text == text
        assert outline(document) == [(1, "Top"), (1, "End")]

    def test_broken_markup_is_still_text(self, capfd: pytest.CaptureFixture[str]) -> None:
        text = "Title\n==\n\n.. figure::\n\n+--\n| x\n\n*open ``and`` |not| closed_\n\n    deep\n  less\n"
        assert read(text, "a.rst").text == text
        assert capfd.readouterr() == ("", "")


class TestTables:
    def test_a_quoted_cell_cut_by_the_sample_keeps_its_delimiter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        content = 'one; x,two\nthree; y,"four\nand five"\n'
        monkeypatch.setattr(delimited, "_SAMPLE", len('one; x,two\nthree; y,"four\nan'))
        assert read(content, "a.csv").text == "one; x | two\nthree; y | four and five"

    def test_many_stray_quotation_marks_take_no_longer_than_a_few(self) -> None:
        content = "".join(f'{number},"{number}"{number},"open\n' for number in range(20_000))
        began = time.process_time()
        assert "19999" in read(content, "a.csv").text
        assert time.process_time() - began < 5

    def test_rows_of_different_lengths_and_long_cells_lose_nothing(self) -> None:
        long = "x" * 200_000
        assert read(f"a,b\n1\n1,2,3\n{long},y\n", "a.csv").text == f"a | b\n1\n1 | 2 | 3\n{long} | y"


class TestJson:
    def test_numbers_and_repeated_names_stay_as_they_are_written(self) -> None:
        digits = "9" * 5000
        assert read(f'{{"a": 1.10, "a": 1e400, "b": {digits}}}', "a.json").text == f"a: 1.10\na: 1e400\nb: {digits}"

    def test_nesting_without_end_and_no_values_are_told(self) -> None:
        assert failure("[" * 100_000, "deep.json").status == "corrupt"
        assert failure("{}", "none.json").status == "no-text"


class TestNotebooks:
    def notebook(self, *cells: dict[str, object], **metadata: object) -> str:
        return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})

    def test_endless_output_is_cut_and_says_so(self) -> None:
        outputs = [{"output_type": "stream", "text": "x" * 30_000}]
        document = read(self.notebook({"cell_type": "code", "source": "f()", "outputs": outputs}), "a.ipynb")
        assert document.text.endswith("x\n[10,000 more characters of output]")


@needs_data
class TestRealFiles:
    @pytest.mark.parametrize("kind", ["csv", "webvtt", "asciidoc", "md", "email"])
    def test_every_file_gives_the_words_of_its_reference(self, kind: str) -> None:
        files = [path for path in (OFFICE_WEB / kind).iterdir() if path.suffix not in (".md", ".msg") or kind == "md"]
        for path in files:
            if path.name.endswith(".docling.md"):
                continue
            document = load(path)
            assert document.place_of(0, 1), path.name
            reference = path.with_name(f"{path.name}.docling.md")
            if reference.exists():
                assert len(document.text) > 0.4 * len(reference.read_text("utf-8")), path.name

    def test_messages_of_outlook_are_named_as_such(self) -> None:
        for path in (OFFICE_WEB / "email").glob("*.msg"):
            with pytest.raises(DocumentError, match=r"Save it as \.eml"):
                load(path)
