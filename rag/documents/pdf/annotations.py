"""What people have filled in and typed onto a PDF's pages: fields of forms, free text and stamps."""

from __future__ import annotations

from ctypes import POINTER, byref, c_ushort, cast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.documents.office.comments import remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Box = tuple[float, float, float, float]
    from collections.abc import Iterable

_MOST = 2_000  # annotations of a page that are looked at
_COMB = 1 << 24  # the flag of a field with one cell for each character (ISO 32000-1, table 228)
_HIGHEST_MARK = 8.0  # points; a button may be as high as two lines


@dataclass(frozen=True, slots=True)
class Area:
    """Where something may be filled in."""

    box: Box
    """Left, right, bottom and top, in points."""
    comb: str = ""
    """What was filled in where each character has a cell of its own."""
    mark: str = ""
    """Of a check box or radio button: "☒" or "☐"."""


def open_forms(document: Any) -> None:
    """Lets pdfium draw the fields of a form whose program has left that to the reader; no script is run."""
    from pypdfium2.raw import FORMTYPE_NONE

    if document.get_formtype() != FORMTYPE_NONE:
        document.init_forms()


def is_filled(page: Any) -> bool:
    """Whether something may stand on the page that is no part of its content."""
    return any(True for _ in _typed(page))


def areas_of(document: Any, page: Any) -> list[Area]:
    """Where on the page something may be filled in or typed, in the order in which pdfium draws it."""
    form = document.formenv
    return [_area(annotation, form) for annotation in _typed(page)]


def draw_into_content(page: Any) -> bool:
    """Makes what is seen of forms and notes a part of the page's content; the page has to be opened again."""
    from pypdfium2.raw import FLAT_NORMALDISPLAY, FLATTEN_SUCCESS, FPDFPage_Flatten

    return bool(FPDFPage_Flatten(page, FLAT_NORMALDISPLAY) == FLATTEN_SUCCESS)


def annotations_of(page: Any) -> Iterator[tuple[int, Any]]:
    """The kinds and handles of the page's annotations; a handle is closed when the next one is taken."""
    from pypdfium2 import raw

    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        try:
            yield raw.FPDFAnnot_GetSubtype(annotation), annotation
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def string(fill: Callable[[Any, int], int]) -> str:
    """What a function of pdfium writes into a buffer of UTF-16, given the buffer and its length in bytes."""
    size = fill(None, 0)
    buffer = (c_ushort * (size // 2 + 1))()
    fill(cast(byref(buffer), POINTER(c_ushort)), size)
    return bytes(buffer)[: max(size - 2, 0)].decode("utf-16-le", errors="replace")


def _typed(page: Any) -> Iterator[Any]:
    from pypdfium2 import raw

    typed = (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP)
    return (annotation for kind, annotation in annotations_of(page) if kind in typed)


def _area(annotation: Any, form: Any) -> Area:
    from pypdfium2 import raw

    rectangle = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, rectangle)
    left, right = sorted((rectangle.left, rectangle.right))
    bottom, top = sorted((rectangle.bottom, rectangle.top))
    box = left, right, bottom, top
    hidden = raw.FPDFAnnot_GetFlags(annotation) & (raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW)
    if form is None or hidden or raw.FPDFAnnot_GetSubtype(annotation) != raw.FPDF_ANNOT_WIDGET:
        return Area(box)
    if raw.FPDFAnnot_GetFormFieldType(form, annotation) in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        beyond = max(top - bottom - _HIGHEST_MARK, 0.0) / 2
        checked = raw.FPDFAnnot_IsChecked(form, annotation)
        return Area((left, right, bottom + beyond, top - beyond), mark="☒" if checked else "☐")
    if max(raw.FPDFAnnot_GetFormFieldFlags(form, annotation), 0) & _COMB:
        return Area(box, comb=string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size)))
    return Area(box)


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
