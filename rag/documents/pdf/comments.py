"""What readers of a PDF noted on its pages: sticky notes and the remarks on what they marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.documents.office.comments import remark
from rag.documents.pdf.annotations import annotations_of, string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def comments_of(notes: Iterable[tuple[str, str]], text: str) -> str:
    """The notes on a page of this text, one a line, without those that only repeat words of it."""
    words = " ".join(text.split())
    return "\n".join(remark(author, note) for author, note in notes if " ".join(note.split()) not in words)


def notes_of(page: Any) -> Iterator[tuple[str, str]]:
    """The authors of the notes that are shown, and what they wrote. To be read before forms are drawn, which removes them."""
    from pypdfium2 import raw

    marks = (raw.FPDF_ANNOT_HIGHLIGHT, raw.FPDF_ANNOT_UNDERLINE, raw.FPDF_ANNOT_SQUIGGLY, raw.FPDF_ANNOT_STRIKEOUT)
    for kind, annotation in annotations_of(page):
        hidden = raw.FPDFAnnot_GetFlags(annotation) & raw.FPDF_ANNOT_FLAG_HIDDEN
        if not hidden and kind in (raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_CARET, *marks):
            yield _value(annotation, b"T"), _value(annotation, b"Contents")


def _value(annotation: Any, key: bytes) -> str:
    from pypdfium2.raw import FPDFAnnot_GetStringValue

    return string(lambda buffer, size: int(FPDFAnnot_GetStringValue(annotation, key, buffer, size)))
