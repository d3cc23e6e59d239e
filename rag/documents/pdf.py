"""PDF: page by page with pdfium; a page that pdfium cannot read is tried with pypdf."""

from __future__ import annotations

import io
import logging
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rag.documents.characters import tidy
from rag.documents.hyphens import join_divided_words
from rag.documents.pdf_meta import information
from rag.documents.titles import named
from rag.errors import DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

_BETWEEN_PAGES = "\n\n"


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text of all pages; a page that cannot be read has status "failed" and no text.

    Raises DocumentError: `encrypted` when a password is needed, `corrupt` when no page can be read, `no-text` when the
    readable pages hold none. pdfium is not made for threads: use one thread a process.
    """
    pages, title, metadata = _read(content, source)
    if None in pages:
        pages = _second_reading(content, pages)
    if all(page is None for page in pages):
        raise DocumentError(_damaged(source, "none of its pages can be read"), status="corrupt")
    texts = _texts(pages)
    if not any(texts):
        raise DocumentError(
            f"{source} holds no text, only pictures or drawings ({len(pages)} page{'s' if len(pages) > 1 else ''}). "
            "If it is a scan, run OCR over it (for example with ocrmypdf) and index the result.",
            status="no-text",
        )
    starts = accumulate((len(text) + len(_BETWEEN_PAGES) for text in texts[:-1]), initial=0)
    return Document(
        text=_BETWEEN_PAGES.join(texts),
        source=source,
        title=named(name, title),
        media_type="application/pdf",
        page_starts=tuple(starts),
        page_statuses=tuple(_status(page, text) for page, text in zip(pages, texts, strict=True)),
        metadata=metadata,
    )


def _texts(pages: Sequence[str | None]) -> list[str]:
    """The pages' final texts: words whole, characters tidied, nothing around them."""
    return [tidy(page).strip() for page in join_divided_words([page or "" for page in pages])]


def _status(page: str | None, text: str) -> str:
    if page is None:
        return "failed"
    return "ok" if text else "no-text"


def _read(content: bytes, source: str) -> tuple[list[str | None], str, dict[str, Any]]:
    """What pdfium makes of each page (None where it fails), the title, and the other metadata."""
    from pypdfium2 import PdfDocument, PdfiumError, raw

    try:
        document = PdfDocument(content)
    except PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            advice = "Save a copy without the password (for example with qpdf --decrypt) and index that."
            raise DocumentError(
                f"{source} is encrypted and opens only with a password. {advice}", status="encrypted"
            ) from error
        raise DocumentError(_damaged(source, "it cannot be opened as PDF"), status="corrupt") from error
    try:
        pages = [_page_text(document, number) for number in range(len(document))]
        return pages, document.get_metadata_value("Title"), information(document.get_metadata_value)
    finally:
        document.close()


def _page_text(document: Any, number: int) -> str | None:
    from pypdfium2 import PdfiumError

    try:
        page = document[number]
    except PdfiumError:
        return None
    try:
        text = page.get_textpage()
        try:
            # By range, not by bounds: that drops line ends in tables and fuses the words around them.
            return str(text.get_text_range())
        finally:
            text.close()
    except PdfiumError:
        return None
    finally:
        page.close()


def _second_reading(content: bytes, pages: Sequence[str | None]) -> list[str | None]:
    """The pages, with what pypdf can still read of those that pdfium could not."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    log = logging.getLogger("pypdf")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # it describes every flaw; the page's status says enough
    # Besides its own errors pypdf lets those of its dictionaries and conversions through when a page is malformed.
    failures = (PyPdfError, LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError)
    try:
        reader = PdfReader(io.BytesIO(content))
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
