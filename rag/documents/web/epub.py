"""EPUB: the chapters of a book in reading order, each under its heading."""

from __future__ import annotations

import html.entities
import posixpath
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rag.documents.common.archives import Archive, damaged, encrypted, parse_xml, too_large, without_text
from rag.documents.common.titles import readable_name, title_like
from rag.documents.common.writer import LONGEST_TEXT
from rag.documents.office.meta import described
from rag.documents.office.package import local, value
from rag.documents.web.tree import render
from rag.errors import DocumentError
from rag.types import Document, Heading

if TYPE_CHECKING:
    from collections.abc import Iterator

MEDIA_TYPE = "application/epub+zip"

_BETWEEN_CHAPTERS = "\n\n"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_ENTITIES = (b"amp", b"lt", b"gt", b"quot", b"apos")
_WORDS = re.compile(r"\w+")


def load(content: bytes, *, source: str, name: str) -> Document:
    """The book's text. A chapter whose page has no heading gets that of the table of contents. Raises DocumentError."""
    book = _Book(Archive(content, source=source))
    pieces, headings = list[str](), list[Heading]()
    length = 0
    for address in book.spine():
        text, found = book.chapter(address)
        if not text:
            continue
        pieces.append(text)
        headings += [Heading(length + heading.start, heading.level, heading.text) for heading in found]
        length += len(text) + len(_BETWEEN_CHAPTERS)
        if length > LONGEST_TEXT:
            raise too_large(source, f"it holds more than {LONGEST_TEXT // 1_000_000} million characters")
    if not pieces:
        raise without_text(source)
    properties = book.properties()
    return Document(
        text=_BETWEEN_CHAPTERS.join(pieces),
        source=source,
        title=title_like(" ".join(properties.get("title", [])[:1])) or readable_name(name),
        media_type=MEDIA_TYPE,
        headings=tuple(headings),
        metadata=described({**properties, "keywords": properties.get("subject", []), "subject": []}),
    )


class _Book:
    """The package document and what it leads to. Addresses are names in the archive, without fragments."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._package = self._package_name()
        self._root = archive.parse(self._package)
        self._items = {item.get("id", ""): item for item in self._root.iterfind("{*}manifest/{*}item")}
        self._refuse_locked()
        self._labels = self._contents()

    def spine(self) -> list[str]:
        """The pages of the book in reading order, each once."""
        items = (self._items.get(reference.get("idref", "")) for reference in self._root.iterfind("{*}spine/{*}itemref"))
        found = [self._inside(item.get("href", "")) for item in items if item is not None and item.get("media-type") in _PAGES]
        return list(dict.fromkeys(address for address in found if address in self._archive))

    def chapter(self, address: str) -> tuple[str, tuple[Heading, ...]]:
        """A page's text and headings; nothing where the page cannot be read, for a book can do without one."""
        try:
            root = _page(self._archive.read(address), source=self._archive.source, part=address)
        except DocumentError as error:
            if error.status != "corrupt":
                raise
            return "", ()
        text, headings = render(root)
        label = self._labels.get(address, "")
        if not text or not label or headings:
            return text, headings
        first = text.partition("\n")[0]
        if _WORDS.findall(first.casefold()) == _WORDS.findall(label.casefold()):
            return text, (Heading(0, 1, first),)
        return f"{label}\n\n{text}", (Heading(0, 1, label),)

    def properties(self) -> dict[str, list[str]]:
        """What the package says of the book, by local names: title, creator, language, date, subject …"""
        found: dict[str, list[str]] = {}
        for element in self._root.iterfind("{*}metadata//*"):
            if text := " ".join("".join(element.itertext()).split()):
                found.setdefault(local(element), []).append(text)
        return found

    def _package_name(self) -> str:
        container = self._archive.parse("META-INF/container.xml")
        for file in container.iter("{*}rootfile"):
            path = posixpath.normpath(posixpath.join("/", file.get("full-path", ""))).lstrip("/")
            if path in self._archive:
                return path
        raise damaged(self._archive.source, "its package document is missing")

    def _refuse_locked(self) -> None:
        """Raises DocumentError where pages of the book are encrypted, as shops do; fonts may be."""
        if "META-INF/encryption.xml" not in self._archive:
            return
        locked = {
            unquote(reference.get("URI", "")).lstrip("/").lower()
            for reference in self._archive.parse("META-INF/encryption.xml").iter("{*}CipherReference")
        }
        if any(address.lower() in locked for address in self.spine()):
            raise encrypted(self._archive.source)

    def _contents(self) -> dict[str, str]:
        """For each page the first entry of the table of contents that leads to it."""
        found: dict[str, str] = {}
        for item in self._items.values():
            is_navigation = "nav" in item.get("properties", "").split()
            address = self._inside(item.get("href", ""))
            if address in self._archive and (is_navigation or item.get("media-type") == "application/x-dtbncx+xml"):
                for target, label in _entries(self._optional(address)):
                    if label:
                        found.setdefault(self._inside(target, base=address), label[:200])
        return found

    def _optional(self, address: str) -> Any:
        try:
            return self._archive.parse(address)
        except DocumentError as error:
            if error.status != "corrupt":
                raise
            return None

    def _inside(self, reference: str, *, base: str = "") -> str:
        """The name in the archive that a reference leads to; what would lead out of it begins anew at its root."""
        folder = posixpath.dirname(base or self._package)
        return posixpath.normpath(posixpath.join("/", folder, unquote(reference.partition("#")[0]))).lstrip("/")


def _entries(root: Any) -> Iterator[tuple[str, str]]:
    """Reference and label of each entry of a table of contents, of EPUB 3 (nav) or 2 (ncx)."""
    if root is None:
        return
    for navigation in root.iter("{*}nav"):
        if value(navigation, name="type") in ("toc", None):
            for link in navigation.iter("{*}a"):
                yield link.get("href", ""), " ".join("".join(link.itertext()).split())
    for point in root.iter("{*}navPoint"):
        label, target = point.find("{*}navLabel"), value(point, "content", name="src")
        if label is not None and target:
            yield target, " ".join("".join(label.itertext()).split())


def _page(content: bytes, *, source: str, part: str) -> Any:
    """A page's root, its elements without namespaces. Pages that are not sound XML are read as HTML."""
    from lxml import html as lxml_html

    try:
        root = parse_xml(_ENTITY.sub(_character, content), source=source, part=part)
    except DocumentError:
        parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
        try:
            root = lxml_html.document_fromstring(content, parser=parser)
        except (ValueError, lxml_html.etree.LxmlError) as error:
            raise damaged(source, f"its part {part} is not a page") from error
    for element in root.iter("*"):
        element.tag = local(element).lower()
    return root


def _character(entity: re.Match[bytes]) -> bytes:
    """HTML's named characters by number, for XML knows only five of them."""
    name = entity[1].decode("ascii")
    if entity[1] in _XML_ENTITIES or f"{name};" not in html.entities.html5:
        return entity[0]
    return "".join(f"&#{ord(character)};" for character in html.entities.html5[f"{name};"]).encode("ascii")
