"""What office files and books give: their text in order, their headings and tables, and where a person finds them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_files import (
    STRICT,
    cells,
    core,
    docx,
    epub,
    load,
    locked,
    odf,
    p,
    pptx,
    refused,
    relations,
    shape,
    unpacked,
    xlsx,
    zipped,
)
from paths import SHARED_DATA

from rag.errors import DocumentError

OFFICE_WEB = SHARED_DATA / "office_web" / "docling"
FAMILIES = {
    **{".docx": "docx", ".pptx": "pptx", ".xlsx": "xlsx", ".xlsm": "xlsx", ".epub": "epub"},
    **dict.fromkeys((".odt", ".ods", ".odp"), "odf"),
}
NUMBERED = (
    '<w:abstractNum w:abstractNumId="7">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:start w:val="4"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%3"/></w:lvl></w:abstractNum>'
    '<w:abstractNum w:abstractNumId="8"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>'
)
STYLES = (
    '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="Chapter"/><w:basedOn w:val="berschrift1"/></w:style>'
    '<w:style w:styleId="Deep"><w:name w:val="Deep"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>'
    '<w:style w:styleId="Contents"><w:name w:val="TOC Heading"/><w:basedOn w:val="berschrift1"/>'
    '<w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>'
    '<w:style w:styleId="Round"><w:name w:val="x"/><w:basedOn w:val="Round"/></w:style>'
    '<w:style w:styleId="Code"><w:name w:val="Source Code"/></w:style>'
)  # fmt: skip


def word(body: str, **parts: str) -> str:
    return load(docx(body, **parts), "docx").text


def listed(text: str, numbering: int, level: int = 0) -> str:
    return p(text, properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{numbering}"/></w:numPr>')


def word_table(*rows: str) -> str:
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def tc(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"


class TestWord:
    def test_headings_come_from_styles_in_any_language_and_what_they_are_based_on(self) -> None:
        body = p("One", "berschrift1") + p("text") + p("Two", "Own") + p("Three", "Deep") + p("Contents", "Contents")
        document = load(docx(body + p("loop", "Round"), styles=STYLES), "docx")
        assert [(heading.level, heading.text) for heading in document.headings] == [(1, "One"), (1, "Two"), (3, "Three")]
        assert document.text == "One\n\ntext\n\nTwo\n\nThree\n\nContents\n\nloop"

    def test_lists_are_numbered_as_word_shows_them(self) -> None:
        body = (
            listed("a", 1) + listed("b", 1) + listed("c", 1, 1) + listed("d", 1, 1) + listed("e", 1, 2) + listed("f", 1)
            + listed("g", 1, 1) + listed("again", 3) + listed("on", 3) + listed("dot", 2)
        )  # fmt: skip
        lines = ["1. a", "2. b", "  2.a) c", "  2.b) d", "    IV e", "3. f", "  3.a) g", "1. again", "2. on", "- dot"]
        assert word(body, numbering=NUMBERED) == "\n".join(lines)

    def test_a_numbered_heading_has_its_number(self) -> None:
        heading = p("Scope", "berschrift1", '<w:numPr><w:numId w:val="1"/></w:numPr>')
        document = load(docx(heading + heading, styles=STYLES, numbering=NUMBERED), "docx")
        assert [found.text for found in document.headings] == ["1. Scope", "2. Scope"]

    def test_reading_aids_above_characters_are_left_out(self) -> None:
        ruby = "<w:ruby><w:rt><w:r><w:t>kanji</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢字</w:t></w:r></w:rubyBase></w:ruby>"
        assert word(f"<w:p><w:r>{ruby}</w:r></w:p>") == "漢字"

    def test_pages_and_texts_that_were_put_in_whole_are_read(self) -> None:
        body = p("before") + "".join(f'<w:altChunk r:id="{name}"/>' for name in ("page", "words", "odd", "gone"))
        parts = {
            "word/_rels/document.xml.rels": relations({
                "page": ("aFChunk", "a.html"), "words": ("aFChunk", "b.txt"), "odd": ("aFChunk", "c.docx"), "gone": ("aFChunk", "d"),
            }),
            "word/a.html": "<html><body><h1>Pond</h1><table><tr><td>a</td><td>b</td></tr></table></body></html>",
            "word/b.txt": "words\n  inside",
            "word/c.docx": docx(p("inner")),
        }  # fmt: skip
        text = load(zipped({**unpacked(docx(body + p("after"))), **parts}), "docx").text
        assert text == "before\n\nPond\n\na | b\n\nwords\n  inside\n\n[Inserted, not read: c.docx]\n\nafter"

    def test_tables_have_a_row_a_line_and_short_merged_cells_in_every_row(self) -> None:
        table = word_table(
            tc("Year") + tc("Both", '<w:gridSpan w:val="2"/>'),
            tc("2023", '<w:vMerge w:val="restart"/>') + tc("a") + tc("b"),
            tc("", "<w:vMerge/>") + tc("c") + tc("d"),
        )
        assert word(p("before") + table + p("after")) == "before\n\nYear | Both\n2023 | a | b\n2023 | c | d\n\nafter"

    def test_long_merged_cells_stand_once(self) -> None:
        table = word_table(tc("x" * 100, '<w:vMerge w:val="restart"/>') + tc("a"), tc("", "<w:vMerge/>") + tc("b"))
        assert word(table) == f"{'x' * 100} | a\n| b"

    def test_a_cell_that_claims_to_span_millions_of_columns_takes_no_room(self) -> None:
        assert word(word_table(tc("a", '<w:gridSpan w:val="2000000000"/>') + tc("b"), tc("c") + tc("d"))) == "a | | b\nc | d"

    def test_a_table_that_only_frames_text_is_read_as_text(self) -> None:
        inner = word_table(tc("a") + tc("b"))
        assert word(word_table(f"<w:tc>{p('one')}{p('two')}</w:tc>")) == "one\n\ntwo"
        assert word(word_table(f"<w:tc>{p('left')}{inner}</w:tc>" + tc("right"), tc("c") + tc("d"))) == (
            "left\n\na | b\n\nright\n\nc | d"
        )

    def test_footnotes_follow_their_paragraph_and_endnotes_the_text(self) -> None:
        mark = '<w:p><w:r><w:t>Claim</w:t></w:r><w:r><w:{0}Reference w:id="{1}"/></w:r><w:r><w:t>.</w:t></w:r></w:p>'
        body = mark.format("footnote", 2) + mark.format("endnote", 5) + p("next") + mark.format("footnote", 2)
        separator = '<w:footnote w:id="0" w:type="separator"><w:p/></w:footnote>'
        notes = f'{separator}<w:footnote w:id="2">{p("a source")}</w:footnote>'
        text = word(body, footnotes=notes, endnotes=f'<w:endnote w:id="5">{p("the end")}</w:endnote>')
        assert text == "Claim[1].\n\n[1] a source\n\nClaim[i].\n\nnext\n\nClaim[1].\n\n[i] the end"

    def test_deleted_moved_and_hidden_words_and_field_codes_are_left_out(self) -> None:
        runs = (
            "<w:r><w:t>kept </w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
            "<w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t> shown</w:t></w:r>"
            "<w:r><w:instrText>PAGE</w:instrText></w:r><w:hyperlink><w:r><w:t> link</w:t></w:r></w:hyperlink>"
        )
        assert word(f"<w:p>{runs}</w:p>") == "kept new shown link"

    def test_a_text_box_is_read_once_and_after_its_paragraph(self) -> None:
        box = (
            "<mc:AlternateContent><mc:Choice><w:drawing><w:txbxContent>{0}</w:txbxContent></w:drawing></mc:Choice>"
            "<mc:Fallback><w:pict><w:txbxContent>{0}</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent>"
        ).format(p("in the box"))
        assert word(f"<w:p><w:r><w:t>around </w:t>{box}<w:t>it</w:t></w:r></w:p>") == "around it\n\nin the box"

    def test_line_breaks_tabs_and_spaces_in_code_count(self) -> None:
        code = "<w:p><w:pPr><w:pStyle w:val='Code'/></w:pPr><w:r><w:t>if x:</w:t><w:br/><w:t>    y()</w:t></w:r></w:p>"
        assert word("<w:p><w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>  c</w:t></w:r></w:p>") == "a\nb c"
        assert word(code, styles=STYLES) == "if x:\n    y()"

    def test_equations_read_like_plain_text(self) -> None:
        def r(text: str) -> str:
            return f"<m:r><m:t>{text}</m:t></m:r>"

        root = f"<m:rad><m:radPr><m:degHide/></m:radPr><m:deg/><m:e>{r('b')}</m:e></m:rad>"
        fraction = f"<m:f><m:num>{r('-b+')}{root}</m:num><m:den>{r('2a')}</m:den></m:f>"
        power = f"<m:sSup><m:e>{r('x')}</m:e><m:sup>{r('2')}</m:sup></m:sSup>"
        limits = f"<m:sub>{r('n=1')}</m:sub><m:sup>{r('∞')}</m:sup>"
        total = f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>{limits}<m:e>{r("n")}</m:e></m:nary>'
        sine = f"<m:func><m:fName>{r('sin')}</m:fName><m:e><m:d><m:e>{r('x')}</m:e></m:d></m:e></m:func>"
        equations = [fraction, power, total, sine]
        body = "".join(f"<w:p><m:oMathPara><m:oMath>{equation}</m:oMath></m:oMathPara></w:p>" for equation in equations)
        assert word(body).split("\n\n") == ["(-b+√(b))/(2a)", "x^2", "∑_(n=1)^∞ n", "sin(x)"]

    def test_the_strict_format_and_content_controls_are_read(self) -> None:
        assert load(docx(f"<w:sdt><w:sdtContent>{p('inside')}</w:sdtContent></w:sdt>", types=STRICT), "docx").text == "inside"

    def test_title_and_metadata_come_from_the_properties(self) -> None:
        told = core(
            dc_title="Fish of the Pond",
            dc_creator="Ada Brandt",
            cp_keywords="carp, pond",
            dcterms_created="2024-01-31T09:30:00Z",
        )
        document = load(docx(p("a"), properties=told), "docx", "report_2024.docx")
        assert document.title == "report 2024: Fish of the Pond"
        assert document.metadata == {"author": "Ada Brandt", "keywords": ["carp", "pond"], "created": "2024-01-31T09:30:00Z"}

    def test_a_document_without_a_word_says_so(self) -> None:
        assert refused(docx("<w:p/>"), "docx").status == "no-text"

    def test_a_part_outside_of_the_file_is_no_part(self) -> None:
        content = docx(p("a")).replace(b"word/document.xml", b"../../etc/passwdx")
        assert refused(content, "docx").status == "corrupt"

    @given(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="<&>\ufffe\uffff", min_codepoint=32), max_size=30),
            max_size=8,
        )
    )
    def test_every_word_is_in_the_text_once_and_in_order(self, paragraphs: list[str]) -> None:
        body = "".join(p(f"{place}w {text}", "berschrift1" if place % 3 == 0 else "") for place, text in enumerate(paragraphs))
        if paragraphs:
            text = load(docx(body, styles=STYLES), "docx").text
            assert re.findall(r"^(\d+)w", text, re.MULTILINE) == [str(place) for place in range(len(paragraphs))]
        else:
            assert refused(docx(body), "docx").status == "no-text"


class TestSlides:
    def test_each_slide_is_a_page_with_its_title_first_and_its_notes_last(self) -> None:
        slides = [shape("Carp\nSeven of them") + shape("Pond", "title"), shape("9", "sldNum"), shape("Roses")]
        document = load(pptx(slides, notes={1: "Say hello.\nSmile."}), "pptx")
        assert document.text == "Pond\n\nCarp\nSeven of them\n\nNotes: Say hello.\nSmile.\n\n\n\nRoses"
        assert document.page_statuses == ("ok", "no-text", "ok")
        assert [(heading.start, heading.text) for heading in document.headings] == [(0, "Pond")]
        assert document.place_of(0, 4) == "slide 1"
        assert document.pages_of(document.text.index("Roses"), len(document.text)) == (3, 3)

    def test_tables_groups_and_lists(self) -> None:
        def cell(text: str, merged: str = "") -> str:
            return f"<a:tc {merged}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

        first, second = cell("R", 'rowSpan="2"') + cell("1"), cell("", 'vMerge="1"') + cell("2")
        table = f"<a:tbl><a:tr>{first}</a:tr><a:tr>{second}</a:tr></a:tbl>"
        frame = f"<p:graphicFrame><a:graphic><a:graphicData>{table}</a:graphicData></a:graphic></p:graphicFrame>"
        items = (
            '<a:p><a:pPr><a:buAutoNum type="arabicPeriod"/></a:pPr><a:r><a:t>first</a:t></a:r></a:p>'
            '<a:p><a:pPr lvl="1"/><a:r><a:t>deep</a:t></a:r></a:p>'
        )
        group = f"<p:grpSp>{shape('grouped')}</p:grpSp><p:sp><p:txBody>{items}</p:txBody></p:sp>"
        assert load(pptx([frame + group]), "pptx").text == "R | 1\nR | 2\n\ngrouped\n\n1. first\n  - deep"

    def test_a_damaged_slide_costs_that_slide(self) -> None:
        document = load(pptx([shape("one"), "<torn", shape("three")]), "pptx")
        assert document.page_statuses == ("ok", "failed", "ok")
        assert document.text == "one\n\n\n\nthree"
        assert refused(pptx(["<torn"]), "pptx").status == "corrupt"

    def test_slides_without_a_word_say_so(self) -> None:
        assert refused(pptx([shape(""), shape("")]), "pptx").status == "no-text"


class TestOpenDocument:
    def test_headings_lists_tables_and_notes_of_a_text(self) -> None:
        styles = (
            '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
            '<text:list-level-style-bullet text:level="2"/></text:list-style>'
            '<style:style style:name="P1" style:parent-style-name="Title"/>'
        )
        body = (
            '<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:p text:style-name="P1">Fish</text:p>'
            '<text:h text:outline-level="2">The\n Pond</text:h><text:p>Seven<text:s text:c="3"/>carp<text:note '
            'text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>counted</text:p>'
            "</text:note-body></text:note>.</text:p>"
            '<text:list text:style-name="L"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>deep</text:p>'
            "</text:list-item></text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>"
            "<table:table><table:table-header-rows><table:table-row><table:table-cell table:number-rows-spanned='2'><text:p>A</text:p>"
            "</table:table-cell><table:table-cell><text:p>1</text:p></table:table-cell></table:table-row></table:table-header-rows>"
            "<table:table-row><table:covered-table-cell/><table:table-cell><text:p>2</text:p></table:table-cell></table:table-row>"
            "</table:table>"
        )
        document = load(odf("text", body, styles=styles), "odf")
        assert document.text == "Fish\n\nThe Pond\n\nSeven carp[1].\n\n[1] counted\n\n1. one\n  - deep\n2. two\n\nA | 1\nA | 2"
        assert [(heading.level, heading.text) for heading in document.headings] == [(1, "Fish"), (2, "The Pond")]

    def test_an_equation_is_read_as_it_was_typed(self) -> None:
        math = '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mi>x</mi><annotation>x over 2</annotation></semantics></math>'
        frame = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
        content = odf("text", f"<text:p>with {frame}</text:p>", **{"Object 1__content": math})
        assert load(content, "odf").text == "with\n\nx over 2"

    def test_lists_in_cells_keep_their_numbers_and_repeated_cells_take_no_room(self) -> None:
        style = '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="a" style:num-suffix=")"/>'
        items = "".join(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in ("x", "y"))
        cell = f'<table:table-cell><text:list text:style-name="L">{items}</text:list></table:table-cell>'
        empty = '<table:table-cell table:number-columns-repeated="2000000000"/>'
        body = f"<table:table><table:table-row>{cell}{empty}{cell}</table:table-row></table:table>"
        assert load(odf("text", body, styles=f"{style}</text:list-style>"), "odf").text == "a) x b) y | a) x b) y"

    def test_sheets_have_places_and_bounded_repeats(self) -> None:
        rows = (
            '<table:table-row><table:table-cell table:number-columns-repeated="2"/><table:table-cell office:value-type="date" '
            'office:date-value="2024-01-31"><text:p>31.01.24</text:p></table:table-cell></table:table-row>'
            '<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/>'
            '</table:table-row><table:table-row table:number-rows-repeated="2"><table:table-cell><text:p>far</text:p>'
            "</table:table-cell></table:table-row>"
        )
        styles = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
        body = f'<table:table table:name="Dates" table:style-name="h">{rows}</table:table>'
        document = load(odf("spreadsheet", body, styles=styles), "odf")
        assert document.text == "Dates (hidden)\n\n| 2024-01-31\n\nfar\nfar"
        assert document.places is not None
        assert document.places.labels == ("Dates!C1", "Dates!A1048572", "Dates!A1048573")

    def test_a_sheet_of_repeated_cells_is_too_large_and_not_a_hang(self) -> None:
        cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell>'
        rows = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>'
        assert refused(odf("spreadsheet", f'<table:table table:name="S">{rows}</table:table>'), "odf").status == "too-large"

    def test_slides_have_titles_and_notes(self) -> None:
        def frame(kind: str, text: str) -> str:
            return (
                f'<draw:frame presentation:class="{kind}"><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>'
            )

        page = f"{frame('outline', 'Seven carp')}{frame('title', 'Pond')}{frame('page-number', '1')}"
        body = f"<draw:page>{page}<presentation:notes>{frame('notes', 'Smile.')}</presentation:notes></draw:page><draw:page/>"
        document = load(odf("presentation", body), "odf")
        assert document.text == "Pond\n\nSeven carp\n\nNotes: Smile.\n\n"
        assert document.page_statuses == ("ok", "no-text")

    def test_encrypted_and_other_kinds_say_so(self) -> None:
        lock = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
        assert refused(odf("text", "", manifest=lock), "odf").status == "encrypted"
        assert refused(odf("chart", ""), "odf").status == "unsupported"
        assert refused(odf("text", ""), "odf").status == "no-text"


class TestBooks:
    def test_chapters_come_in_reading_order_under_their_headings(self) -> None:
        pages = {
            "b.xhtml": "<h1>Second</h1><p>Roses.</p>",
            "a.xhtml": "<p>Carp &nbsp;&eacute;t&eacute;.</p>",
            "c.xhtml": "<p>Third</p><p>x</p>",
        }
        contents = {"a.xhtml#top": "First", "b.xhtml": "Other", "c.xhtml": "THIRD"}
        document = load(epub(pages, spine=["a.xhtml", "b.xhtml", "c.xhtml"], contents=contents), "epub")
        assert document.text == "First\n\nCarp été.\n\nSecond\n\nRoses.\n\nThird\n\nx"
        assert [heading.text for heading in document.headings] == ["First", "Second", "Third"]
        assert document.title == "The Long Garden"
        assert document.metadata == {"author": "Ada Brandt", "language": "en"}

    def test_nothing_outside_of_the_book_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "secret.xhtml").write_text("<p>the secret</p>", encoding="utf-8")
        outside = f"{'../' * 30}{tmp_path}/secret.xhtml".replace("//", "/")
        content = epub({"a.xhtml": "<p>text</p>", "b.xhtml": "<p>more</p>"}, contents={outside: "secret"})
        parts = unpacked(content)
        parts["OPS/book.opf"] = parts["OPS/book.opf"].replace(b'href="b.xhtml"', f'href="{outside}"'.encode())
        assert load(zipped(parts), "epub").text == "text"

    def test_a_page_that_is_no_sound_xml_is_read_as_html(self) -> None:
        assert load(epub({"a.xhtml": "<p>one<br>two<p>three"}), "epub").text == "one\ntwo\n\nthree"

    def test_entities_of_its_own_do_not_grow(self) -> None:
        bomb = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        page = f'<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa">{bomb}]><html><body><p>&i;</p></body></html>'
        parts = unpacked(epub({"a.xhtml": "", "b.xhtml": "<p>text</p>"}))
        assert len(load(zipped({**parts, "OPS/a.xhtml": page}), "epub").text) < 1000

    def test_locked_books_are_encrypted_but_locked_fonts_are_not(self) -> None:
        lock = '<encryption xmlns:e="x"><e:CipherReference URI="{0}"/></encryption>'
        assert refused(epub({"a.xhtml": "<p>x</p>"}, encryption=lock.format("OPS/a.xhtml")), "epub").status == "encrypted"
        assert load(epub({"a.xhtml": "<p>x</p>"}, encryption=lock.format("OPS/font.otf")), "epub").text == "x"

    def test_a_book_without_pages_says_so(self) -> None:
        assert refused(epub({"a.xhtml": ""}), "epub").status == "no-text"


SAMPLES = {
    "docx": docx(p("One", "berschrift1") + listed("a", 1) + word_table(tc("x") + tc("y")), styles=STYLES, numbering=NUMBERED),
    "pptx": pptx([shape("Pond", "title") + shape("carp")], notes={1: "note"}),
    "xlsx": xlsx({"S": cells(1, "a", 2)}, formats=["0.00"]),
    "odf": odf("text", "<text:h>One</text:h><text:p>two</text:p>"),
    "epub": epub({"a.xhtml": "<h1>One</h1><p>two</p>"}, contents={"a.xhtml": "One"}),
}


@pytest.mark.parametrize("family", SAMPLES)
class TestDamage:
    def test_a_password_and_a_truncation_have_their_status(self, family: str) -> None:
        assert refused(locked(SAMPLES[family]), family).status == "encrypted"
        assert refused(SAMPLES[family][:-40], family).status == "corrupt"
        assert refused(b"not an archive", family).status == "corrupt"

    def test_changed_bytes_give_a_text_or_an_error_with_a_status(self, family: str) -> None:
        chance, statuses = random.Random(family), set()
        for _ in range(150):
            torn = bytearray(SAMPLES[family])
            for _ in range(chance.randrange(1, 12)):
                torn[chance.randrange(len(torn))] = chance.randrange(256)
            try:
                load(bytes(torn), family)
            except DocumentError as error:
                statuses.add(error.status)
        assert "corrupt" in statuses


@pytest.mark.skipif(not OFFICE_WEB.exists(), reason="the shared test data (../shared/data/office_web) is absent")
def test_every_readable_file_gives_the_words_of_its_reference() -> None:
    missing = {}
    for file in sorted(file for file in OFFICE_WEB.rglob("*") if file.suffix in FAMILIES):
        text = load(file.read_bytes(), FAMILIES[file.suffix], file.name).text
        reference = re.sub(
            r"<!--.*?-->|\$[^$\n]+\$|\\|\[author: [^]]*\]", " ", file.with_name(f"{file.name}.docling.md").read_text("utf-8")
        )
        wanted, held = set(re.findall(r"\w{3,}", reference)), set(re.findall(r"\w{3,}", text))
        missing[file.name] = 1 - len(wanted & held) / max(1, len(wanted))
    assert len(missing) >= 50
    assert sum(missing.values()) / len(missing) < 0.05
