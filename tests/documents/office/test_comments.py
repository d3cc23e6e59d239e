"""Comments and notes that people left in office files: who said what, and on what."""

from __future__ import annotations

import pytest
from office_files import OFFICE, cells, docx, load, odf, p, pptx, refused, relations, shape, unpacked, xlsx, zipped

MICROSOFT = "http://schemas.microsoft.com/office"
PRESENTATION = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def with_parts(content: bytes, **relation_files: str) -> bytes:
    return zipped({**unpacked(content), **relation_files})


def annotation(author: str, *lines: str) -> str:
    said = "".join(f"<text:p>{line}</text:p>" for line in lines)
    return f"<office:annotation><dc:creator>{author}</dc:creator><dc:date>2024-05-01</dc:date>{said}</office:annotation>"


class TestWord:
    COMMENTS = (
        f'<w:comment w:id="0" w:author="Ann" w:initials="A">{p("Seven,")}{p("not six.")}</w:comment>'
        f'<w:comment w:id="1">{p("Who says so?")}</w:comment><w:comment w:id="2" w:author="Bob">{p("")}</w:comment>'
        f'<w:comment w:id="3" w:author="Cy">{p("Gone.")}</w:comment>'
    )

    @staticmethod
    def on(text: str, *comments: int) -> str:
        marks = "".join(f'<w:r><w:commentReference w:id="{number}"/></w:r>' for number in comments)
        return f'<w:p><w:commentRangeStart w:id="0"/><w:r><w:t>{text}</w:t></w:r>{marks}</w:p>'

    def test_a_comment_follows_its_paragraph_once(self) -> None:
        body = self.on("Six carp.", 0, 1, 2, 0, 9) + self.on("Next.", 0)
        text = load(docx(body, comments=self.COMMENTS), "docx").text
        assert text == "Six carp.\n\n[Comment by Ann: Seven, not six.]\n\n[Comment: Who says so?]\n\nNext."

    def test_comments_in_tables_follow_the_table_and_those_of_deleted_text_are_left_out(self) -> None:
        cell = f"<w:tc>{self.on('six', 0)}</w:tc>"
        gone = f"<w:p><w:del>{self.on('x', 3)}</w:del></w:p>"
        body = f"<w:tbl><w:tr>{cell}<w:tc>{p('carp')}</w:tc></w:tr></w:tbl>{gone}"
        assert load(docx(body, comments=self.COMMENTS), "docx").text == "six | carp\n\n[Comment by Ann: Seven, not six.]"

    def test_a_comment_on_itself_is_no_hang(self) -> None:
        comments = f'<w:comment w:id="0" w:author="Ann">{self.on("round", 0)}</w:comment>'
        assert load(docx(self.on("x", 0), comments=comments), "docx").text == "x\n\n[Comment by Ann: round]"


class TestPowerPoint:
    def test_comments_and_replies_stand_at_the_end_of_their_slide(self) -> None:
        content = with_parts(
            pptx([shape("One"), shape("Two")], notes={2: "Smile."}),
            **{
                "ppt/_rels/presentation.xml.rels": relations(
                    {"s1": ("slide", "slides/slide1.xml"), "s2": ("slide", "slides/slide2.xml"), "a": ("commentAuthors", "who.xml")}
                    | {"b": ("authors", "who2.xml")}
                ),
                "ppt/who.xml": f'<p:cmAuthorLst xmlns:p="{PRESENTATION}"><p:cmAuthor id="0" name="Ann"/></p:cmAuthorLst>',
                "ppt/who2.xml": '<authorLst xmlns="x"><author id="{B}" name="Bob"/></authorLst>',
                "ppt/slides/_rels/slide1.xml.rels": relations({"c": ("comments", "../c1.xml")}),
                "ppt/slides/_rels/slide2.xml.rels": relations(
                    {"n": ("notesSlide", "../notesSlides/n2.xml"), "c": ("comments", "../c2.xml"), "d": ("comments", "../torn.xml")}
                ),
                "ppt/c1.xml": f'<p:cmLst xmlns:p="{PRESENTATION}"><p:cm authorId="0"><p:text>Old\nkind</p:text></p:cm></p:cmLst>',
                "ppt/c2.xml": f'<cmLst xmlns="y" xmlns:a="{DRAWING}"><cm authorId="{{B}}"><replyLst><reply authorId="9"><txBody><a:p><a:r>'
                "<a:t>Yes.</a:t></a:r></a:p></txBody></reply></replyLst><txBody><a:p><a:r><a:t>New kind?</a:t></a:r></a:p></txBody>"
                "</cm></cmLst>",
                "ppt/torn.xml": "<torn",
            },
        )  # fmt: skip
        document = load(content, "pptx")
        assert document.text == (
            "One\n\n[Comment by Ann: Old kind]\n\nTwo\n\nNotes: Smile.\n\n[Comment by Bob: New kind?]\n\n[Comment: Yes.]"
        )
        assert document.place_of(document.text.index("Old"), document.text.index("Old") + 3) == "slide 1"


class TestExcel:
    NOTES = (
        f'<comments xmlns="{SHEET}"><authors><author>Ann</author><author>tc={{1}}</author></authors><commentList>'
        '<comment ref="B2" authorId="0"><text><r><t>Ann:</t></r><r><t>\nToo dear.</t></r></text></comment>'
        '<comment ref="A1" authorId="1"><text><t>[Threaded comment]\n\nYour version …\n\nComment:\n    Why?</t></text></comment>'
        '<comment ref="C9" authorId="77"><text><t>Alone_x0021_</t></text></comment></commentList></comments>'
    )
    THREAD = (
        f'<ThreadedComments xmlns="{MICROSOFT}/spreadsheetml/2018/threadedcomments">'
        '<threadedComment ref="A1" personId="{P}" id="1"><text>Why?</text></threadedComment>'
        '<threadedComment ref="A1" personId="{Q}" parentId="1"><text>Because.</text></threadedComment></ThreadedComments>'
    )

    def workbook(self, rows: str, *, threads: bool) -> bytes:
        related = {"c": ("comments", "../notes.xml")} | ({"t": ("threadedComment", "../threads.xml")} if threads else {})
        content = xlsx({"Costs": rows})
        main = unpacked(content)["xl/_rels/workbook.xml.rels"].decode()
        person = f'<Relationship Id="p" Type="{OFFICE}/person" Target="people.xml"/></Relationships>'
        return with_parts(
            content,
            **{
                "xl/_rels/workbook.xml.rels": main.replace("</Relationships>", person),
                "xl/people.xml": '<personList xmlns="x"><person id="{P}" displayName="Pat"/></personList>',
                "xl/sheets/_rels/sheet1.xml.rels": relations(related),
                "xl/notes.xml": self.NOTES,
                "xl/threads.xml": self.THREAD,
            },
        )

    def test_notes_and_threads_stand_below_the_rows_and_are_found_at_their_cells(self) -> None:
        document = load(self.workbook(cells(1, "Item", "Cost") + cells(2, "Fish", 12), threads=True), "xlsx")
        assert document.text == (
            "Costs\n\nItem | Cost\nFish | 12\n\n[Comment on B2 by Ann: Too dear.]\n\n[Comment on C9: Alone!]\n\n"
            "[Comment on A1 by Pat: Why?]\n\n[Comment on A1: Because.]"
        )
        assert document.place_of(document.text.index("Too"), document.text.index("Too") + 3) == "Costs!B2"

    def test_what_excel_writes_for_programs_that_know_no_threads_is_left_out(self) -> None:
        text = load(self.workbook(cells(1, "Item"), threads=False), "xlsx").text
        assert "[Comment on A1: Why?]" in text
        assert "Your version" not in text

    def test_a_sheet_of_comments_alone_is_read(self) -> None:
        document = load(self.workbook("", threads=True), "xlsx")
        assert document.text.startswith("Costs\n\n[Comment on B2 by Ann: Too dear.]")
        assert [heading.text for heading in document.headings] == ["Costs"]


class TestOpenDocument:
    def test_comments_follow_their_paragraph_and_replies_them(self) -> None:
        first, second = annotation("Ann", "Seven,", "not six."), annotation("", "Yes.")
        body = f"<text:p>Six{first} carp.<office:annotation-end/>{second}</text:p><text:p>Next.</text:p>"
        text = load(odf("text", body), "odf").text
        assert text == "Six carp.\n\n[Comment by Ann: Seven, not six.]\n\n[Comment: Yes.]\n\nNext."

    def test_comments_in_tables_follow_the_table(self) -> None:
        cell = f"<table:table-cell><text:p>six{annotation('Ann', 'Seven.')}</text:p></table:table-cell>"
        body = f"<table:table><table:table-row>{cell}{cell.replace('Seven', 'Eight')}</table:table-row></table:table>"
        text = load(odf("text", body), "odf").text
        assert text == "six | six\n\n[Comment by Ann: Seven.]\n\n[Comment by Ann: Eight.]"

    def test_comments_on_cells_stand_below_the_rows_and_are_found_at_their_cells(self) -> None:
        empty = '<table:table-cell table:number-columns-repeated="3"/>'
        noted = f"<table:table-cell>{annotation('Ann', 'Why?')}<text:p>12</text:p></table:table-cell>"
        row = f"<table:table-row>{empty}{noted}</table:table-row>"
        far = f'<table:table-row table:number-rows-repeated="7">{empty}</table:table-row>'
        document = load(odf("spreadsheet", f'<table:table table:name="My costs">{far}{row}</table:table>'), "odf")
        assert document.text == "My costs\n\n12\n\n[Comment on D8 by Ann: Why?]"
        assert document.place_of(document.text.index("Why"), document.text.index("Why") + 3) == "'My costs'!D8"

    def test_comments_on_slides_stand_at_their_end(self) -> None:
        frame = "<draw:frame><draw:text-box><text:p>Carp</text:p></draw:text-box></draw:frame>"
        document = load(odf("presentation", f"<draw:page>{annotation('Ann', 'Nice.')}{frame}</draw:page>"), "odf")
        assert document.text == "Carp\n\n[Comment by Ann: Nice.]"


@pytest.mark.parametrize(
    ("family", "content"),
    [("docx", docx(p(""), comments=TestWord.COMMENTS)), ("odf", odf("text", f"<text:p>{annotation('Ann', ' ')}</text:p>"))],
)
def test_comments_that_nothing_refers_to_or_that_say_nothing_are_no_text(family: str, content: bytes) -> None:
    assert refused(content, family).status == "no-text"
