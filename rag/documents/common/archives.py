"""ZIP archives and the XML in them, opened so that a file made to do harm costs no more than its own error.

Parts are read into memory by their names in the archive and nothing is ever written, so no name can lead out of it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from rag.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ENTRIES = 50_000
LARGEST_TREE = 64 * 2**20
"""Bytes of one part that is parsed as a whole; its tree takes some ten times as much memory."""
LARGEST_STREAM = 512 * 2**20
"""Bytes of one part that is read piece by piece."""
LARGEST_TOTAL = 1024 * 2**20
"""Bytes that are unpacked from one archive, each part counted as often as it is read."""
HIGHEST_RATIO = 400
"""Unpacked bytes for each packed one. Sheets of equal rows reach 200, zeros 1030."""
RATIO_COUNTS_FROM = 8 * 2**20

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How documents are packed; ZIP knows more ways."""
OLE = b"\xd0\xcf\x11\xe0"
"""What the files of old office programs begin with, and new ones that a password protects."""

_PIECE = 64 * 1024
# Names of streams, which an OLE file holds in UTF-16.
_OLE_KINDS = (
    ("__substg1.0_", "a message of Outlook (.msg). Save it as .eml"),
    ("WordDocument", "a file of an old Word (.doc). Save it as .docx"),
    ("PowerPoint Document", "a file of an old PowerPoint (.ppt). Save it as .pptx"),
    ("Workbook", "a file of an old Excel (.xls). Save it as .xlsx"),
)
# No entity is resolved, nothing is fetched, and libxml2's own bounds hold: 256 levels, 10 MB a text, little amplification.
_XML: dict[str, Any] = {
    **dict.fromkeys(("resolve_entities", "huge_tree", "load_dtd", "dtd_validation", "recover"), False),
    **dict.fromkeys(("no_network", "remove_comments", "remove_pis"), True),
}


class Archive:
    """A ZIP archive held in memory. Names of parts are compared without regard to case, as office programs do.

    Raises DocumentError, here and wherever a part is read: `corrupt`, `encrypted`, `too-large` or `unsupported`.
    """

    def __init__(self, content: bytes, *, source: str) -> None:
        self.source = source
        self._room = LARGEST_TOTAL
        if content.startswith(OLE):
            raise old_office(content, source=source)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError) as error:
            raise self._corrupt(f"its archive cannot be opened: {error}") from error
        entries = self._zip.infolist()
        if len(entries) > MOST_ENTRIES:
            raise self._too_large(f"its archive has {len(entries):,} entries, and {MOST_ENTRIES:,} is the limit")
        self._entries = {_plain(entry.filename): entry for entry in entries}

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._entries

    def read(self, name: str) -> bytes:
        """A part's bytes, all of them."""
        return b"".join(self._pieces(name, LARGEST_TREE))

    def parse(self, name: str) -> Any:
        """The root element of a part's XML."""
        return parse_xml(self.read(name), source=self.source, part=name)

    def elements(self, name: str, *tags: str) -> Iterator[Any]:
        """The elements of these local names in a large part, each emptied once the next one is asked for."""
        from lxml import etree

        parser = etree.XMLPullParser(events=("end",), tag=[f"{{*}}{tag}" for tag in tags], **_XML)
        try:
            for piece in self._pieces(name, LARGEST_STREAM):
                parser.feed(piece)
                for _, element in parser.read_events():
                    yield element
                    _forget(element)
            _refuse_entities(parser.close(), source=self.source, part=name)
        except etree.XMLSyntaxError as error:
            raise _not_xml(error, source=self.source, part=name) from error

    def _pieces(self, name: str, limit: int) -> Iterator[bytes]:
        """A part's bytes piece by piece, so that no more is unpacked than is allowed."""
        entry = self._checked(name, limit)
        try:
            with self._zip.open(entry) as stream:
                while piece := stream.read(_PIECE):
                    self._room -= len(piece)
                    if self._room < 0:
                        raise self._too_large(f"it unpacks to more than {_megabytes(LARGEST_TOTAL)}")
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise self._corrupt(f"its part {name} cannot be unpacked: {error}") from error

    def _checked(self, name: str, limit: int) -> zipfile.ZipInfo:
        entry = self._entries.get(_plain(name))
        if entry is None:
            raise self._corrupt(f"its part {name} is missing")
        if entry.flag_bits & 1:
            raise encrypted(self.source)
        if entry.compress_type not in METHODS:
            raise self._corrupt(f"its part {name} is packed in a way that documents do not use")
        if entry.file_size > limit:
            raise self._too_large(
                f"its part {name} unpacks to {_megabytes(entry.file_size)}, and {_megabytes(limit)} is the limit"
            )
        if entry.file_size > max(RATIO_COUNTS_FROM, HIGHEST_RATIO * entry.compress_size):
            ratio = entry.file_size // max(1, entry.compress_size)
            raise self._too_large(f"its part {name} unpacks to {ratio:,} times its size, as archives made to do harm do")
        return entry

    def _corrupt(self, what: str) -> DocumentError:
        return damaged(self.source, what)

    def _too_large(self, what: str) -> DocumentError:
        return too_large(self.source, what)


def parse_xml(content: bytes, *, source: str, part: str) -> Any:
    """The root element of untrusted XML. Raises DocumentError (`corrupt`) for other content, and for declared entities."""
    from lxml import etree

    try:
        root = etree.fromstring(content, etree.XMLParser(**_XML))
    except etree.XMLSyntaxError as error:
        raise _not_xml(error, source=source, part=part) from error
    _refuse_entities(root, source=source, part=part)
    return root


def damaged(source: str, what: str) -> DocumentError:
    """The error of a file that is broken: `what` says how, as a clause."""
    return DocumentError(
        f"{source} is damaged: {what}. Get an undamaged copy, or open it in its own program and save it again.",
        status="corrupt",
    )


def too_large(source: str, what: str) -> DocumentError:
    """The error of a file that takes more than it may: `what` says of what, as a clause."""
    return DocumentError(f"{source} is too large to be read safely: {what}. Split it into smaller files.", status="too-large")


def encrypted(source: str) -> DocumentError:
    """The error of a file that needs a password or a key."""
    return DocumentError(
        f"{source} is encrypted. Open it in its own program, save a copy without a password, and index that.",
        status="encrypted",
    )


def old_office(content: bytes, *, source: str) -> DocumentError:
    """The error of an OLE file: one of an old office program, or one of a new program under a password."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        what = f"{source} is protected by a password"
        return DocumentError(f"{what}. Save a copy without the password, and index that.", status="encrypted")
    kind = next(
        (kind for name, kind in _OLE_KINDS if name.encode("utf-16-le") in content),
        "a file of an old office program. Save it as DOCX, XLSX or PPTX",
    )
    return DocumentError(f"{source} is {kind}, and index that.", status="unsupported")


def without_text(source: str) -> DocumentError:
    """The error of a file in which there is nothing to read."""
    return DocumentError(
        f"{source} holds no text. If it is all pictures, print it to PDF, run OCR over that, and index the result.",
        status="no-text",
    )


def _not_xml(error: Exception, *, source: str, part: str) -> DocumentError:
    return damaged(source, f"its part {part} is not sound XML ({str(error)[:200]})")


def _refuse_entities(root: Any, *, source: str, part: str) -> None:
    """Office files and books declare no entities; where one does, text would be missing without a word."""
    declared = None if root is None else root.getroottree().docinfo.internalDTD
    if declared is not None and next(iter(declared.iterentities()), None) is not None:
        raise damaged(source, f"its part {part} declares entities of its own, as files made to do harm do")


def _forget(element: Any) -> None:
    """Free the element's content and the siblings before it."""
    element.clear(keep_tail=False)
    while element.getprevious() is not None:
        del element.getparent()[0]


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _megabytes(size: int) -> str:
    return f"{max(1, size >> 20):,} MiB"
