"""PDF pages whose every glyph is put where a test wants it, and stands for the characters that it says; for scripts beyond Latin."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence

from pdf_writer import pdf
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, FloatObject, NameObject, NumberObject

Glyph = tuple[str, float, float, float]
"""The characters that it stands for, its left end, its base line and its width, in points."""

_SIZE = 10


def glyph_pdf(*pages: Iterable[Glyph]) -> bytes:
    """One page for each series of glyphs, drawn in their order: as boxes of 8 points' height, marks as small ones at the top."""
    drawn = [list(page) for page in pages]
    kinds = sorted({(text, width) for page in drawn for text, _, _, width in page})
    codes = {kind: number for number, kind in enumerate(kinds, start=1)}
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["x"] * len(drawn)))))
    font = writer._add_object(_font(writer, kinds))
    for page, glyphs in zip(writer.pages, drawn, strict=True):
        page[NameObject("/Resources")] = _dictionary(Font=_dictionary(F1=font))
        page[NameObject("/Contents")] = writer._add_object(
            _stream("".join(f"BT /F1 {_SIZE} Tf {x} {y} Td <{codes[text, width]:02x}> Tj ET\n" for text, x, y, width in glyphs))
        )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def across(text: str, left: float, base: float, *, width: float = 8) -> list[Glyph]:
    """A glyph for each character, from left to right."""
    return [(character, left + width * number, base, width) for number, character in enumerate(text)]


def leftwards(text: str, right: float, base: float, *, width: float = 6) -> list[Glyph]:
    """A glyph for each character, from right to left; combining marks are drawn over the letter before them."""
    glyphs: list[Glyph] = []
    for character in text:
        if unicodedata.combining(character):
            glyphs.append((character, right + width / 3, base, width / 3))
        else:
            right -= width
            glyphs.append((character, right, base, width))
    return glyphs


def downwards(text: str, left: float, top: float, *, size: float = 8) -> list[Glyph]:
    """A glyph for each character, each below the one before."""
    return [(character, left, top - size * (number + 1), size) for number, character in enumerate(text)]


def _font(writer: PdfWriter, kinds: Sequence[tuple[str, float]]) -> DictionaryObject:
    """A font of type 3, whose glyphs are drawn by the file itself."""
    if len(kinds) > 255:
        raise ValueError(f"a font has codes for 255 glyphs, not for {len(kinds)}")
    names = [f"g{number}" for number in range(1, len(kinds) + 1)]
    widths = [width * 1000 / _SIZE for _, width in kinds]
    shapes = {
        name: writer._add_object(_stream(_shape(text, width)))
        for name, width, (text, _) in zip(names, widths, kinds, strict=True)
    }
    encoding = _dictionary(Type=NameObject("/Encoding"))
    encoding[NameObject("/Differences")] = ArrayObject([NumberObject(1), *(NameObject(f"/{name}") for name in names)])
    return _dictionary(
        Type=NameObject("/Font"),
        Subtype=NameObject("/Type3"),
        FontBBox=_numbers(0, 0, 1000, 1000),
        FontMatrix=_numbers(0.001, 0, 0, 0.001, 0, 0),
        FirstChar=NumberObject(1),
        LastChar=NumberObject(len(kinds)),
        Widths=_numbers(*widths),
        CharProcs=_dictionary(**shapes),
        Encoding=encoding,
        Resources=_dictionary(),
        ToUnicode=writer._add_object(_stream(_characters([text for text, _ in kinds]))),
    )


def _shape(text: str, width: float) -> str:
    """A box as high as a letter, or as it is wide where that is little; or as a mark above a letter, and as high up."""
    bottom, top = (650, 800) if unicodedata.combining(text[0]) else (0, min(800, width) if width < 500 else 800)
    return f"{width} 0 0 {bottom} {width} {top} d1 0 {bottom} {width} {top - bottom} re f"


def _characters(texts: Sequence[str]) -> str:
    """A character map from codes, which count from 1, to texts."""
    lines = "\n".join(f"<{code:02x}> <{text.encode('utf-16-be').hex()}>" for code, text in enumerate(texts, start=1))
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Map def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(texts)} beginbfchar\n{lines}\nendbfchar\nendcmap end end"
    )


def _stream(data: str) -> DecodedStreamObject:
    stream = DecodedStreamObject()
    stream.set_data(data.encode("ascii"))
    return stream


def _dictionary(**entries: object) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{key}"): value for key, value in entries.items()})


def _numbers(*values: float) -> ArrayObject:
    return ArrayObject([FloatObject(value) for value in values])
