"""Formats that are text: what becomes of their parts, and where people find them again."""

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


def lines_of_headings(document: Document) -> list[str]:
    return [document.text[heading.start :].split("\n")[0] for heading in document.headings]


class TestLines:
    @pytest.mark.parametrize("name", ["a.txt", "a.md", "a.rst", "a.adoc", "a.py"])
    def test_text_is_found_by_its_lines(self, name: str) -> None:
        document = read("one\r\n\r\nthree words\r\nfour\r\n", name)
        assert document.text == "one\n\nthree words\nfour\n"
        assert place(document, "words") == "line 3"
        assert place(document, "three words\nfour\n") == "lines 3–4"

    def test_source_code_keeps_its_name_and_its_indentation(self) -> None:
        document = read("def f():\n    return 1\n", "my_module.py")
        assert document.title == "my_module.py"
        assert document.text == "def f():\n    return 1\n"


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
    def test_headings_of_every_adornment_with_their_levels(self) -> None:
        text = "=====\nPonds\n=====\n\nwords\n\nOne\n---\n\nInner\n~~~~~\n\nTwo\n---\n\n::\n\n   Not\n   ---\n"
        document = read(text, "a.rst")
        assert document.text == text
        assert outline(document) == [(1, "Ponds"), (2, "One"), (3, "Inner"), (2, "Two")]
        assert lines_of_headings(document) == ["=====", "One", "Inner", "Two"]
        assert document.title == "Ponds"

    def test_heading_text_is_without_marks(self) -> None:
        text = "Use :func:`~rag.load` and ``x`` of `the guide <http://a.b>`_\n" + "=" * 60 + "\n\nwords\n"
        assert read(text, "a.rst").headings[0].text == "Use load and x of the guide"

    def test_fields_at_the_top_are_metadata(self) -> None:
        document = read("Notes\n=====\n\n:Author: Ada Brandt\n:Date: 2024-05-01\n\nwords\n", "a.rst")
        assert document.metadata == {"author": "Ada Brandt", "date": "2024-05-01"}

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


class TestAsciiDoc:
    def test_headings_in_both_ways_to_write_them(self) -> None:
        text = "= Title\n\nwords\n\n== One ==\n\nUnderlined\n----------\n\n=== `code` and *bold*\n\nDeep\n~~~~\n"
        document = read(text, "a.adoc")
        assert document.text == text
        assert outline(document) == [(1, "Title"), (2, "One"), (2, "Underlined"), (3, "code and bold"), (3, "Deep")]
        assert lines_of_headings(document) == ["= Title", "== One ==", "Underlined", "=== `code` and *bold*", "Deep"]

    def test_what_stands_in_blocks_is_no_heading(self) -> None:
        blocks = (
            "----\n== a\n----",
            "....\n== b\n....",
            "====\n== c\n\n----\n====\n----\n====",
            "|===\n|a\n== d\n|===",
            "////\n== e\n////",
        )
        document = read("= Title\n\n" + "\n\n".join(blocks) + "\n\n== Last\n", "a.adoc")
        assert outline(document) == [(1, "Title"), (2, "Last")]

    def test_a_paragraph_above_a_block_is_no_heading(self) -> None:
        assert outline(read("= T\n\nSome words\nand more\n--------\nx\n--------\n", "a.adoc")) == [(1, "T")]

    def test_the_header_is_metadata(self) -> None:
        text = (
            ":toc:\n= The pond\nAda Brandt <ada@example.org>\nv1.2, 2024-05-01\n:keywords: water, carp\n\n:later: no\n\nwords\n"
        )
        document = read(text, "a.adoc")
        assert document.title == "The pond"
        assert document.metadata == {
            "author": "Ada Brandt",
            "email": "ada@example.org",
            "revnumber": "1.2",
            "revdate": "2024-05-01",
            "keywords": "water, carp",
        }


class TestTables:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_rows_and_columns_stay_readable(self, delimiter: str) -> None:
        rows = [["Pond", "Depth", "Fish"], ["North", "2,5 m" if delimiter != "," else "2.5 m", "carp"], ["South", "", "perch"]]
        document = read("\r\n".join(delimiter.join(row) for row in rows), "ponds.csv")
        assert document.text.split("\n") == ["Pond | Depth | Fish", f"North | {rows[1][1]} | carp", "South |  | perch"]
        assert place(document, "perch") == "row 3"
        assert outline(document) == [(1, "Pond | Depth | Fish")]

    def test_quoted_cells_hold_delimiters_quotes_and_line_ends(self) -> None:
        document = read('a,b\n1,"x, ""y""\nz"\n\n2,last\n', "a.csv")
        assert document.text == 'a | b\n1 | x, "y" z\n2 | last'
        assert place(document, "last") == "row 4"

    def test_a_delimiter_within_quotes_is_none(self) -> None:
        document = read('"a","b","x; y"\n"c","d; e"\n', "a.csv")
        assert document.text == "a | b | x; y\nc | d; e"

    def test_a_quoted_cell_that_the_sample_cuts_says_nothing_against_its_delimiter(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = 'one; x,two\nthree; y,"four\nand five"\n'
        monkeypatch.setattr(delimited, "_SAMPLE", len('one; x,two\nthree; y,"four\nan'))
        assert read(content, "a.csv").text == "one; x | two\nthree; y | four and five"

    def test_a_stray_quotation_mark_swallows_nothing(self) -> None:
        rows = ["size,what", '"5 in,pipe', "6 in,rod", '7 in,"long, thin"', '8 in,"two', 'lines"', "9 in,bar"]
        document = read("\n".join(rows), "a.csv")
        assert document.text.split("\n") == [
            "size | what", '"5 in | pipe', "6 in | rod", "7 in | long, thin", "8 in | two lines", "9 in | bar"
        ]  # fmt: skip
        assert place(document, "9 in") == "row 6"
        assert read('a,b\n1,"x\n2,y\n3,z\n', "a.csv").text == 'a | b\n1 | "x\n2 | y\n3 | z'

    def test_a_quotation_that_the_end_of_the_file_cuts_is_closed_there(self) -> None:
        assert read('a,b\n1,"x; y', "a.csv").text == "a | b\n1 | x; y"

    def test_many_stray_quotation_marks_take_no_longer_than_a_few(self) -> None:
        content = "".join(f'{number},"{number}"{number},"open\n' for number in range(20_000))
        began = time.process_time()
        assert "19999" in read(content, "a.csv").text
        assert time.process_time() - began < 5

    def test_a_first_line_that_names_the_delimiter_is_no_row(self) -> None:
        for told in ("sep=;", "\ufeffSEP=;\r", '"sep=;"'):
            document = read(f"{told}\npond;depth, m\nNorth;2,5\n", "a.csv")
            assert document.text == "pond | depth, m\nNorth | 2,5"
            assert place(document, "North") == "row 2"
        assert read("sep=\t\na\tb\n", "a.csv").text == "a | b"
        assert read("sep=x,b\n1,2\n", "a.csv").text == "sep=x | b\n1 | 2"

    def test_a_header_below_empty_rows_is_one(self) -> None:
        document = read("\n,\nPond,Depth\nNorth,2\n", "a.csv")
        assert outline(document) == [(1, "Pond | Depth")]
        assert place(document, "North") == "row 4"
        story = "A long story about the pond and its fish. " * 12
        records = read(f"\nid,story\n7,{story}\n", "a.csv")
        assert records.text.startswith("id: 7\nstory: A long")
        assert place(records, "id: 7") == "row 3"

    def test_only_line_ends_end_a_row(self) -> None:
        assert read("a,b\n1,x\u2028y\n2,p\x0cq\n", "a.csv").text == "a | b\n1 | x y\n2 | p q"

    def test_numbers_in_the_first_row_are_no_header(self) -> None:
        assert read("1,2\n3,4\n", "a.csv").headings == ()

    def test_long_rows_are_told_cell_by_cell(self) -> None:
        story = "A long story about the pond and its fish. " * 12
        document = read(f"id,title,story\n7,Pond,{story}\n8,,{story}\n", "a.csv")
        assert document.text.startswith(f"id: 7\ntitle: Pond\nstory: {story.strip()}\n\nid: 8\nstory: A long")
        assert place(document, "id: 8") == "row 3"

    def test_rows_of_different_lengths_and_long_cells_lose_nothing(self) -> None:
        long = "x" * 200_000
        assert read(f"a,b\n1\n1,2,3\n{long},y\n", "a.csv").text == f"a | b\n1\n1 | 2 | 3\n{long} | y"

    def test_nothing_but_delimiters_is_no_text(self) -> None:
        assert failure(",,\n,,\n", "a.csv").status == "no-text"


class TestJson:
    def test_names_and_values_stand_on_lines(self) -> None:
        value = {
            "title": "Pond report",
            "depth": 2.50,
            "open": True,
            "fish": ["carp", "pike"],
            "keeper": {"name": "Ad\u00e9", "since": 1990},
            "visits": [{"day": "Monday", "count": 3}, {"day": "Friday", "count": None}],
            "none": [],
        }
        document = read(json.dumps(value), "a.json")
        assert document.title == "Pond report"
        assert document.text == (
            "title: Pond report\ndepth: 2.5\nopen: true\nfish: carp, pike\n\nkeeper:\n  name: Adé\n  since: 1990\n\n"
            "visits:\n  - day: Monday\n    count: 3\n  - day: Friday\n    count:\nnone:"
        )
        assert place(document, "Adé") == "keeper.name"
        assert place(document, "Friday") == "visits[1]"

    def test_numbers_and_repeated_names_stay_as_they_are_written(self) -> None:
        digits = "9" * 5000
        assert read(f'{{"a": 1.10, "a": 1e400, "b": {digits}}}', "a.json").text == f"a: 1.10\na: 1e400\nb: {digits}"

    def test_a_list_of_records_is_found_by_its_numbers(self) -> None:
        document = read('[{"a": "one", "b": {"c": "deep"}}, {"a": "two"}]', "a.json")
        assert document.text == "a: one\nb:\n  c: deep\n\na: two"
        assert place(document, "deep") == "[0].b"
        assert place(document, "two") == "[1].a"

    def test_json_lines_are_found_by_their_lines(self) -> None:
        document = read('{"q": "one"}\n\nnot json\n{"q": "three\\nlines"}\n', "a.jsonl")
        assert document.text == "q: one\nnot json\n\nq: three\n  lines"
        assert place(document, "not json") == "line 3"
        assert place(document, "lines") == "line 4"
        assert document.media_type == "application/jsonl"

    def test_what_is_not_json_is_plain_text(self) -> None:
        text = '// settings\n{"a": 1,}\n'
        document = read(text, "settings.json")
        assert (document.text, document.media_type) == (text, "text/plain")

    def test_nesting_without_end_and_no_values_are_told(self) -> None:
        assert failure("[" * 100_000, "deep.json").status == "corrupt"
        assert failure("{}", "none.json").status == "no-text"


class TestNotebooks:
    def notebook(self, *cells: dict[str, object], **metadata: object) -> str:
        return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})

    def test_cells_are_counted_and_markdown_has_its_headings(self) -> None:
        text = self.notebook(
            {"cell_type": "markdown", "source": ["# Ponds\n", "\n", "words\n", "\n", "## Data"]},
            {"cell_type": "code", "source": "", "outputs": []},
            {
                "cell_type": "code",
                "source": "# count\n1 + 1",
                "outputs": [{"output_type": "execute_result", "data": {"text/plain": "2"}}],
            },
            language_info={"name": "python"},
        )
        document = read(text, "a.ipynb")
        assert document.text == "# Ponds\n\nwords\n\n## Data\n\n# count\n1 + 1\n\n2"
        assert outline(document) == [(1, "Ponds"), (2, "Data")]
        assert lines_of_headings(document) == ["# Ponds", "## Data"]
        assert place(document, "1 + 1") == "cell 3"
        assert (document.title, document.metadata) == ("Ponds", {"programming_language": "python"})

    def test_outputs_are_tables_words_and_errors_and_no_pictures(self) -> None:
        table = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
        outputs = [
            {"output_type": "display_data", "data": {"text/html": table, "text/plain": "   a  b"}},
            {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n", "10%\r20%\rdone\n"]},
            {"output_type": "error", "ename": "ValueError", "evalue": "no pond", "traceback": ["\x1b[0m..."]},
            {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}},
        ]
        document = read(self.notebook({"cell_type": "code", "source": "f()", "outputs": outputs}), "a.ipynb")
        assert document.text == "f()\n\na | b\n1 | 2\n\nred\ndone\n\nValueError: no pond"

    def test_endless_output_is_cut_and_says_so(self) -> None:
        outputs = [{"output_type": "stream", "text": "x" * 30_000}]
        document = read(self.notebook({"cell_type": "code", "source": "f()", "outputs": outputs}), "a.ipynb")
        assert document.text.endswith("x\n[10,000 more characters of output]")

    def test_old_notebooks_are_read_and_broken_ones_told(self) -> None:
        old = {
            "nbformat": 3,
            "worksheets": [
                {"cells": [{"cell_type": "heading", "level": 2, "source": "Old"}, {"cell_type": "code", "input": "f()"}]}
            ],
        }
        document = read(json.dumps(old), "a.ipynb")
        assert (document.text, outline(document)) == ("Old\n\nf()", [(2, "Old")])
        assert failure('{"cells": [', "cut.ipynb").status == "corrupt"
        assert failure(self.notebook(), "empty.ipynb").status == "no-text"


class TestSubtitles:
    def test_cues_are_found_by_their_times(self) -> None:
        text = (
            "WEBVTT - Pond talk\n\nNOTE not said\n\nSTYLE\n::cue { color: red }\n\n1\n"
            "00:05.000 --> 00:07.000\n<v Ada>The <i>pond</i>\nis open.\n\n"
            "01:01:05.500 --> 01:01:08.000 align:left\n<v Ada>Fish &amp; more.\n\n01:01:09.000 --> 01:01:10.000\n<v.loud Bob>No!\n"
        )
        document = read(text, "a.vtt")
        assert document.text == "Ada: The pond is open.\nFish & more.\nBob: No!"
        assert document.title == "Pond talk"
        assert place(document, "Fish") == "1:01:05"
        assert place(document, "open.\nFish") == "0:00:05–1:01:05"

    def test_subrip_with_empty_lines_and_marks(self) -> None:
        text = (
            "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>One</i>\n\nmore\n\n2\n00:00:03,000 --> 00:00:04,000\n\n"
            "3\n00:00:05,000 --> 00:00:06,000\nThree\n"
        )
        document = read(text, "a.srt")
        assert document.text == "One\nmore\nThree"
        assert place(document, "Three") == "0:00:05"

    def test_captions_that_roll_are_told_once_and_words_said_twice_twice(self) -> None:
        cues = ["one\ntwo", "two", "two\nthree", "Yes.", "Yes."]
        blocks = (f"00:0{n}.000 --> 00:0{n}.900\n{cue}" for n, cue in enumerate(cues))
        assert read("WEBVTT\n\n" + "\n\n".join(blocks), "a.vtt").text == "one two\nthree\nYes.\nYes."

    def test_a_file_without_cues_has_no_text(self) -> None:
        assert failure("WEBVTT\n\nNOTE nothing\n", "a.vtt").status == "no-text"


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
