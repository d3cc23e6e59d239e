"""Text, headings, tables and places of office files and books."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_files import (
    cells,
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

    def test_a_cell_across_millions_of_columns_takes_no_memory(self) -> None:
        assert word(word_table(tc("a", '<w:gridSpan w:val="2000000000"/>') + tc("b"), tc("c") + tc("d"))) == "a | | b\nc | d"

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


class TestOpenDocument:
    def test_a_sheet_of_repeated_cells_is_too_large_and_not_a_hang(self) -> None:
        cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell>'
        rows = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>'
        assert refused(odf("spreadsheet", f'<table:table table:name="S">{rows}</table:table>'), "odf").status == "too-large"


class TestBooks:
    def test_nothing_outside_of_the_book_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "secret.xhtml").write_text("<p>the secret</p>", encoding="utf-8")
        outside = f"{'../' * 30}{tmp_path}/secret.xhtml".replace("//", "/")
        content = epub({"a.xhtml": "<p>text</p>", "b.xhtml": "<p>more</p>"}, contents={outside: "secret"})
        parts = unpacked(content)
        parts["OPS/book.opf"] = parts["OPS/book.opf"].replace(b'href="b.xhtml"', f'href="{outside}"'.encode())
        assert load(zipped(parts), "epub").text == "text"

    def test_entities_of_its_own_do_not_grow(self) -> None:
        bomb = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        page = f'<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa">{bomb}]><html><body><p>&i;</p></body></html>'
        parts = unpacked(epub({"a.xhtml": "", "b.xhtml": "<p>text</p>"}))
        assert len(load(zipped({**parts, "OPS/a.xhtml": page}), "epub").text) < 1000


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
