"""Small office files and books, written by hand so that the tests know every part of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import pytest

from rag.documents import load_bytes
from rag.documents.families import FAMILIES
from rag.documents.readers import reader_of
from rag.errors import DocumentError
from rag.types import Document

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
OPEN = "urn:oasis:names:tc:opendocument:xmlns:"

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_COMPATIBLE = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_W = f'xmlns:w="{_WORD}" xmlns:m="{_MATH}" xmlns:mc="{_COMPATIBLE}" xmlns:a="{_DRAWING}" xmlns:r="{OFFICE}"'
_P = f'xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}" xmlns:r="{OFFICE}"'
_O = " ".join(f'xmlns:{name}="{OPEN}{space}:1.0"' for name, space in {
    "office": "office", "text": "text", "table": "table", "draw": "drawing", "style": "style", "meta": "meta",
    "presentation": "presentation", "manifest": "manifest",
}.items()) + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip


def zipped(parts: Mapping[str, str | bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of these parts, in this order."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def locked(archive: bytes) -> bytes:
    """The archive with every entry marked as encrypted with a password."""
    content = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(signature, place + 4)
    return bytes(content)


def relations(targets: Mapping[str, tuple[str, str]], *, types: str = OFFICE) -> str:
    """A .rels part: id → (kind, target)."""
    rows = (f'<Relationship Id="{i}" Type="{types}/{kind}" Target="{target}"/>' for i, (kind, target) in targets.items())
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(rows)}</Relationships>'
    )


def core(**properties: str) -> str:
    """docProps/core.xml; names with "_" for ":", as in dc_title."""
    told = "".join(f"<{name.replace('_', ':')}>{text}</{name.replace('_', ':')}>" for name, text in properties.items())
    return (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">{told}</cp:coreProperties>'
    )


def p(text: str, style: str = "", properties: str = "") -> str:
    """A Word paragraph of one run."""
    style = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f'<w:p><w:pPr>{style}{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def docx(body: str, *, properties: str = "", types: str = OFFICE, **parts: str) -> bytes:
    """A Word document. `parts` are the insides of styles, numbering, footnotes, endnotes, by these names."""
    files = {
        "_rels/.rels": relations(
            {"d": ("officeDocument", "word/document.xml"), "c": ("core-properties", "core.xml")}, types=types
        ),
        "core.xml": properties or core(),
        "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": relations({name: (name, f"{name}.xml") for name in parts}, types=types),
    }
    return zipped({**files, **{f"word/{name}.xml": f"<w:{name} {_W}>{inside}</w:{name}>" for name, inside in parts.items()}})


def shape(text: str, kind: str = "") -> str:
    """A shape of a slide with a paragraph for each line; `kind` is that of a placeholder."""
    placeholder = f'<p:ph type="{kind}"/>' if kind else ""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f"<p:sp><p:nvSpPr><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"


def pptx(slides: Sequence[str], *, notes: Mapping[int, str] | None = None) -> bytes:
    """A presentation; `notes` by the number of the slide, from 1. A slide that is not well-formed makes a damaged part."""
    numbers = range(1, len(slides) + 1)
    files = {
        "_rels/.rels": relations({"d": ("officeDocument", "/ppt/presentation.xml")}),
        "ppt/presentation.xml": f"<p:presentation {_P}><p:sldIdLst>"
        + "".join(f'<p:sldId id="{255 + i}" r:id="s{i}"/>' for i in numbers)
        + "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations({f"s{i}": ("slide", f"slides/slide{i}.xml") for i in reversed(numbers)}),
    }
    for number, slide in zip(numbers, slides, strict=True):
        files[f"ppt/slides/slide{number}.xml"] = f"<p:sld {_P}><p:cSld><p:spTree>{slide}</p:spTree></p:cSld></p:sld>"
    for number, text in (notes or {}).items():
        files[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations({"n": ("notesSlide", f"../notesSlides/n{number}.xml")})
        files[f"ppt/notesSlides/n{number}.xml"] = (
            f"<p:notes {_P}><p:cSld><p:spTree>{shape(text, 'body')}{shape('7', 'sldNum')}</p:spTree></p:cSld></p:notes>"
        )
    return zipped(files)


def xlsx(
    sheets: Mapping[str, str], *, states: Mapping[str, str] | None = None, texts: str = "", formats: Sequence[str] = (),
    after: str = "", since_1904: bool = False,
) -> bytes:  # fmt: skip
    """A workbook: name → rows. `formats` are the codes of styles 1, 2 …; `after` follows the rows of each sheet."""
    names = {name: f"sheet{number}" for number, name in enumerate(sheets, start=1)}
    listed = (
        f'<sheet name="{name}" sheetId="1" state="{(states or {}).get(name, "visible")}" r:id="{part}"/>'
        for name, part in names.items()
    )
    codes = "".join(f'<numFmt numFmtId="{164 + i}" formatCode="{code}"/>' for i, code in enumerate(formats))
    used = "".join(f'<xf numFmtId="{164 + i}"/>' for i in range(len(formats)))
    spaces = f'xmlns="{_SHEETS}" xmlns:r="{OFFICE}"'
    files = {
        "_rels/.rels": relations({"d": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook {spaces}><workbookPr date1904="{int(since_1904)}"/><sheets>{"".join(listed)}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            {"t": ("sharedStrings", "texts.xml"), "f": ("styles", "styles.xml")}
            | {part: ("worksheet", f"sheets/{part}.xml") for part in names.values()}
        ),
        "xl/texts.xml": f"<sst {spaces}>{texts}</sst>",
        "xl/styles.xml": f'<styleSheet {spaces}><numFmts>{codes}</numFmts><cellXfs><xf numFmtId="0"/>{used}</cellXfs></styleSheet>',
    }
    for name, rows in sheets.items():
        files[f"xl/sheets/{names[name]}.xml"] = f"<worksheet {spaces}><sheetData>{rows}</sheetData>{after}</worksheet>"
    return zipped(files)


def cells(row: int, *texts: object, first: str = "A") -> str:
    """A row of a sheet: numbers as they are, other values as text."""
    made = []
    for place, text in enumerate(texts):
        reference = f"{chr(ord(first) + place)}{row}"
        if isinstance(text, (int, float)):
            made.append(f'<c r="{reference}"><v>{text}</v></c>')
        elif text:
            made.append(f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>')
    return f'<row r="{row}">{"".join(made)}</row>'


def odf(kind: str, body: str, *, styles: str = "", meta: str = "", manifest: str = "", **parts: str) -> bytes:
    """An OpenDocument file: `kind` is text, spreadsheet or presentation. `parts` are whole files, by names with "__" for "/"."""
    files = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "META-INF/manifest.xml": f"<manifest:manifest {_O}>{manifest}</manifest:manifest>",
        "meta.xml": f"<office:document-meta {_O}><office:meta>{meta}</office:meta></office:document-meta>",
        "content.xml": f"<office:document-content {_O}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
    }
    return zipped({**files, **{f"{name.replace('__', '/')}.xml": part for name, part in parts.items()}})


def epub(
    pages: Mapping[str, str], *, spine: Sequence[str] = (), contents: Mapping[str, str] | None = None, encryption: str = ""
) -> bytes:
    """A book: address → body of the page. `spine` is the reading order, `contents` address → label."""
    items = "".join(f'<item id="i{n}" href="{page}" media-type="application/xhtml+xml"/>' for n, page in enumerate(pages))
    order = "".join(f'<itemref idref="i{list(pages).index(page)}"/>' for page in spine or pages)
    points = "".join(
        f'<navPoint><navLabel><text>{label}</text></navLabel><content src="{page}"/></navPoint>'
        for page, label in (contents or {}).items()
    )
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>The Long Garden</dc:title><dc:creator>Ada Brandt</dc:creator><dc:language>en</dc:language></metadata><manifest>"
        f'{items}<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest><spine>{order}</spine></package>',
        "OPS/toc.ncx": f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points}</navMap></ncx>',
    }
    if encryption:
        files["META-INF/encryption.xml"] = encryption
    for page, body in pages.items():
        files[f"OPS/{page}"] = (
            '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
            f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'
        )
    return zipped(files)


def load(content: bytes, family: str, name: str = "") -> Document:
    """The document, after what must hold for every one."""
    nested = {"load_part": load_bytes} if FAMILIES[family].nests else {}
    document: Document = reader_of(family).load(content, source=name or f"a.{family}", name=name or f"a.{family}", **nested)
    assert all(document.text[heading.start :].startswith(heading.text) for heading in document.headings)
    assert document.page_starts or document.text == document.text.strip()
    if document.places:
        assert document.places.starts[-1] < len(document.text) or document.places.unit == "slide"
    return document


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(content: bytes, family: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        load(content, family)
    assert f"a.{family}" in str(caught.value)
    return caught.value
