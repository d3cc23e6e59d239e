"""PDF: page by page with pdfium; a page that pdfium cannot read is tried with pypdf, and a picture of text with OCR.

What is settled before any offset is taken: the order of columns, words that line ends divide, running headers and footers
(set apart), and the spelling of spaces and line ends.
"""

from __future__ import annotations

import io
import logging
import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import tidy
from rag.documents.common.titles import named
from rag.documents.pdf import ocr as pdf_ocr
from rag.documents.pdf.about import Entry, headings, information, label_places, outline, page_labels
from rag.documents.pdf.annotations import comments_of, is_filled, notes_of, open_forms
from rag.documents.pdf.hyphens import MARKER, join_divided_words
from rag.documents.pdf.letters import text_of, text_with_fields
from rag.documents.pdf.running import parts_of
from rag.errors import DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# pdfium takes a page's number for the rest of a word that the end of the page divides.
_NUMBER_JOINED = re.compile(rf"(?<=[^\W\d_]){MARKER}(?=\d+\Z)")
_BETWEEN_PAGES = _BETWEEN_PARTS = "\n\n"


@dataclass(slots=True)
class _Reading:
    """What a file gives: the text of each page (None where it fails), and what the file says about itself."""

    pages: list[str | None]
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    outline: list[Entry] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    recognised: set[int] = field(default_factory=set)
    comments: dict[int, str] = field(default_factory=dict)


def load(content: bytes, *, source: str, name: str, passwords: Sequence[str] = ()) -> Document:
    """The text of all pages. Statuses of pages:

    "ok", "ocr" (its text was recognised in a picture), "no-text", "failed" (it cannot be read and has no text).

    Raises DocumentError: `encrypted` when neither the empty password nor any of `passwords` opens the file, `corrupt` when
    no page can be read, `no-text` when the readable pages hold none. pdfium is not made for threads: one thread a process.
    """
    reading = _read(content, source, passwords)
    if all(page is None for page in reading.pages):
        raise DocumentError(_damaged(source, "none of its pages can be read"), status="corrupt")
    texts = _texts(reading.pages, reading.comments)
    if not any(texts):
        raise DocumentError(_without_text(source, len(texts)), status="no-text")
    starts = tuple(accumulate((len(text) + len(_BETWEEN_PAGES) for text in texts[:-1]), initial=0))
    text = _BETWEEN_PAGES.join(texts)
    return Document(
        text=text,
        source=source,
        title=named(name, reading.title),
        media_type="application/pdf",
        page_starts=starts,
        page_statuses=tuple(_status(number, reading, text) for number, text in enumerate(texts)),
        headings=headings(reading.outline, text, starts),
        metadata=reading.metadata,
        places=label_places(reading.labels, starts),
    )


def _texts(pages: Sequence[str | None], comments: Mapping[int, str]) -> list[str]:
    """The pages' final texts: running lines set apart, words whole, characters tidied, comments last, nothing around them."""
    lines = [(page or "").replace("\r\n", "\n").strip() for page in pages]
    parts = parts_of([_NUMBER_JOINED.sub("-\n", page) for page in lines])
    bodies = join_divided_words([part.body for part in parts])
    return [
        _BETWEEN_PARTS.join(
            filter(None, (tidy(text).strip() for text in (part.header, body, part.footer, comments.get(number, ""))))
        )
        for number, (part, body) in enumerate(zip(parts, bodies, strict=True))
    ]


def _status(number: int, reading: _Reading, text: str) -> str:
    if reading.pages[number] is None:
        return "failed"
    if not text:
        return "no-text"
    return "ocr" if number in reading.recognised else "ok"


def _read(content: bytes, source: str, passwords: Sequence[str]) -> _Reading:
    """What pdfium makes of the file; where it fails over a page, what pypdf does."""
    document, password = _opened(content, source, passwords)
    try:
        reading = _Reading([])
        open_forms(document)
        for number in range(len(document)):
            _read_page(document, number, reading)
        reading.title, reading.metadata = document.get_metadata_value("Title"), information(document.get_metadata_value)
        reading.outline, reading.labels = outline(document), page_labels(document, len(reading.pages))
    finally:
        document.close()
    if None in reading.pages:
        reading.pages = _second_reading(content, reading.pages, password)
    return reading


def _opened(content: bytes, source: str, passwords: Sequence[str]) -> tuple[Any, str]:
    """The open document and the password that opened it. Files without encryption open with any."""
    from pypdfium2 import PdfDocument, PdfiumError, raw

    refused = (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
    for password in ("", *passwords):
        try:
            return PdfDocument(content, password=password.replace("\0", "")), password
        except PdfiumError as error:
            if error.err_code not in refused:
                raise DocumentError(_damaged(source, "it cannot be opened as PDF"), status="corrupt") from error
    raise DocumentError(_locked(source, len(passwords)), status="encrypted")


def _read_page(document: Any, number: int, reading: _Reading) -> None:
    """The page's text to the end of the reading's; recognised in its picture where it has none."""
    from pypdfium2 import PdfiumError

    try:
        page = document[number]
    except PdfiumError:
        reading.pages.append(None)
        return
    try:
        notes = list(notes_of(page))
        if is_filled(page):
            page.close()
            text = text_with_fields(document, number)
            page = document[number]
        else:
            text = text_of(page)
        if not text.strip() and pdf_ocr.is_installed() and (text := pdf_ocr.read_page(page)):
            reading.recognised.add(number)
        reading.pages.append(text)
        if comments := comments_of(notes, text):
            reading.comments[number] = comments
    except PdfiumError:
        reading.pages.append(None)
    finally:
        page.close()


def _second_reading(content: bytes, pages: Sequence[str | None], password: str) -> list[str | None]:
    """The pages, with what pypdf can still read of those that pdfium could not."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    log = logging.getLogger("pypdf")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # it describes every flaw; the page's status says enough
    # Besides its own errors pypdf lets those of its dictionaries and conversions through when a page is malformed.
    failures = (PyPdfError, LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError)
    try:
        reader = PdfReader(io.BytesIO(content), password=password or None)
        if len(reader.pages) != len(pages):  # pypdf passes over what is no page, so its numbers would be of other pages
            return list(pages)
    except failures:
        return list(pages)

    def read(number: int) -> str | None:
        try:
            return reader.pages[number].extract_text()
        except failures:
            return None

    return [read(number) if page is None else page for number, page in enumerate(pages)]


def _damaged(source: str, what: str) -> str:
    return f"{source} is damaged: {what}. Get it again, or open it in a viewer and print it to a new PDF."


def _locked(source: str, tried: int) -> str:
    given = "which is not among those given" if tried else "which --password-file can give"
    advice = "Save a copy without the password (for example with qpdf --decrypt) and index that."
    return f"{source} is encrypted and opens only with a password, {given}. Or: {advice}"


def _without_text(source: str, pages: int) -> str:
    many = f"{pages} page{'s' if pages > 1 else ''}"
    if pdf_ocr.is_installed():
        return f"{source} holds no text, and none was recognised in its pictures ({many}). Scan it again, larger or sharper."
    return (
        f"{source} holds no text, only pictures or drawings ({many}). "
        f"If it is a scan, let its pages be read: {pdf_ocr.EXTRA}; or run OCR over it (for example with ocrmypdf)."
    )
