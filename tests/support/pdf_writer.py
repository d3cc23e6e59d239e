"""Small PDF files, written by hand so that the tests know every byte of them."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence

from pypdf import PdfReader, PdfWriter

_CATALOG, _PAGE_TREE, _FONT, _INFO, _FIRST_PAGE = 1, 2, 3, 4, 5


def pdf(pages: Sequence[str], *, title: str = "", broken: Collection[int] = ()) -> bytes:
    """A PDF with one page for each text, its lines set below each other in Helvetica.

    The pages whose numbers (from 1) are in `broken` are numbers in the page tree instead of pages.
    """
    objects = [
        f"<</Type/Catalog/Pages {_PAGE_TREE} 0 R>>".encode(),
        f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(f'{_FIRST_PAGE + 2 * i} 0 R' for i in range(len(pages)))}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<</Title(" + _escaped(title) + b")>>",
    ]
    for number, text in enumerate(pages, start=1):
        objects += [b"42" if number in broken else _page(len(objects) + 2), _stream(text)]
    return _file(objects)


def encrypted(content: bytes, *, user_password: str, algorithm: str = "AES-256") -> bytes:
    """The PDF behind a password; with an empty one any reader opens it, as with most encrypted filings."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    writer.encrypt(user_password=user_password, owner_password="only the owner knows", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _page(contents: int) -> bytes:
    resources = f"<</Font<</F1 {_FONT} 0 R>>>>"
    return f"<</Type/Page/Parent {_PAGE_TREE} 0 R/MediaBox[0 0 612 792]/Resources{resources}/Contents {contents} 0 R>>".encode()


def _stream(text: str) -> bytes:
    lines = b" ".join(b"(" + _escaped(line) + b") Tj 0 -14 Td" for line in text.split("\n")) if text else b""
    data = b"BT /F1 12 Tf 72 720 Td " + lines + b" ET"
    return b"<</Length %d>>stream\n%s\nendstream" % (len(data), data)


def _escaped(text: str) -> bytes:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"<</Size %d/Root %d 0 R/Info %d 0 R>>" % (len(objects) + 1, _CATALOG, _INFO)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%strailer%s\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table, trailer, start)
    return bytes(out)
