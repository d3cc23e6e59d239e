"""Pages that are pictures of text: read where the extra is installed, reported where it is not."""

from __future__ import annotations

import io
from importlib.util import find_spec

import pytest
from pdf_writer import pdf
from pypdf import PdfReader, PdfWriter

from rag.documents.pdf import ocr as pdf_ocr
from rag.documents.pdf.read import load
from rag.errors import DocumentError

needs_engine = pytest.mark.skipif(find_spec("rapidocr") is None, reason="the extra `ocr` is not installed")
TEXT = "Herons nest along the banks\nof the river in early spring"


def scanned(text: str, *, quarter_turns: int = 0) -> bytes:
    """A PDF of one page that is a picture of the text."""
    from PIL import Image
    from pypdfium2 import PdfDocument

    picture = PdfDocument(pdf([text]))[0].render(scale=2).to_pil()
    turned = picture.rotate(90 * quarter_turns, expand=True)
    assert isinstance(turned, Image.Image)
    out = io.BytesIO()
    turned.convert("L").save(out, format="PDF", resolution=144)
    return out.getvalue()


def with_pages(*contents: bytes) -> bytes:
    writer = PdfWriter()
    for content in contents:
        writer.append(PdfReader(io.BytesIO(content)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


class TestLines:
    def test_what_stands_at_one_height_is_a_line_from_left_to_right(self) -> None:
        words = [("c", (0, 30, 9, 40)), ("b", (50, 11, 59, 21)), ("a", (0, 10, 9, 20))]
        assert pdf_ocr.in_lines(words) == ["a b", "c"]

    def test_lines_that_overlap_a_little_stay_apart(self) -> None:
        assert pdf_ocr.in_lines([("a", (0, 0, 9, 10)), ("b", (20, 7, 29, 17))]) == ["a", "b"]

    def test_nothing_gives_no_lines(self) -> None:
        assert pdf_ocr.in_lines([]) == []


class TestWithoutTheEngine:
    def test_a_scan_is_reported_with_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf_ocr, "is_installed", lambda: False)
        with pytest.raises(DocumentError, match=r'pip install "groundtext\[ocr\]"') as caught:
            load(pdf(["", ""]), source="scan.pdf", name="scan.pdf")
        assert caught.value.status == "no-text"


class TestWithAnEngine:
    def test_pages_that_were_read_in_their_pictures_are_marked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf_ocr, "is_installed", lambda: True)
        monkeypatch.setattr(pdf_ocr, "read_page", lambda page: "seen in the picture")
        document = load(pdf(["typed", ""]), source="a.pdf", name="a.pdf")
        assert document.text == "typed\n\nseen in the picture"
        assert document.page_statuses == ("ok", "ocr")

    def test_blank_pages_are_not_given_to_the_engine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def engine() -> None:
            raise AssertionError("a blank page was read")

        monkeypatch.setattr(pdf_ocr, "is_installed", lambda: True)
        monkeypatch.setattr(pdf_ocr, "_engine", engine)
        assert load(pdf(["typed", ""]), source="a.pdf", name="a.pdf").page_statuses == ("ok", "no-text")


@needs_engine
@pytest.mark.slow
class TestTheEngine:
    @pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
    def test_it_reads_a_scan_whichever_way_it_lies(self, quarter_turns: int, capfd: pytest.CaptureFixture[str]) -> None:
        document = load(scanned(TEXT, quarter_turns=quarter_turns), source="scan.pdf", name="scan.pdf")
        assert document.text == TEXT
        assert document.page_statuses == ("ocr",)
        assert capfd.readouterr() == ("", "")

    def test_typed_pages_and_scans_stand_in_one_document(self) -> None:
        content = with_pages(pdf(["typed words"]), scanned(TEXT))
        document = load(content, source="a.pdf", name="a.pdf")
        assert document.text == f"typed words\n\n{TEXT}"
        assert document.pages_of(document.text.index("Herons"), len(document.text)) == (2, 2)
