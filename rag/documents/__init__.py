"""Files to documents: one loader for each family of formats, chosen by what a file holds before what it is called."""

from __future__ import annotations

import importlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, cast

from rag.documents.encodings import is_binary
from rag.documents.sidecar import with_sidecar
from rag.errors import DocumentError

if TYPE_CHECKING:
    from typing import Protocol

    from rag.types import Document

    class Loader(Protocol):
        """Bytes to a document. `name` is the file's name, for a title where the content has none."""

        def __call__(self, content: bytes, *, source: str, name: str) -> Document: ...


@dataclass(frozen=True, slots=True)
class Family:
    """A family of formats: the module that holds its `load`, and the suffixes that a folder's files are chosen by."""

    module: str
    suffixes: tuple[str, ...]


FAMILIES = {
    "pdf": Family("rag.documents.pdf", (".pdf",)),
    "html": Family("rag.documents.html", (".html", ".htm", ".xhtml")),
    "markdown": Family("rag.documents.markdown", (".md", ".markdown", ".mdown", ".mkd")),
    "text": Family("rag.documents.text", (".txt", ".text", ".rst", ".adoc", ".asciidoc", ".org")),
}
SUFFIXES = {suffix: name for name, family in FAMILIES.items() for suffix in family.suffixes}
EXAMPLE_SUFFIXES = tuple(family.suffixes[0] for family in FAMILIES.values())

_HEAD = 4096
_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_REFUSED = (
    (b"PK\x03\x04", "a ZIP archive or an office file"),
    (b"\xd0\xcf\x11\xe0", "a file of an old office program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"{\\rtf", "rich text (RTF)"),
    (b"%!PS", "PostScript"),
)


def is_supported(path: str | Path) -> bool:
    """Whether indexing a folder takes the file, by its suffix alone. A file named on its own is judged by its content."""
    return PurePath(path).suffix.lower() in SUFFIXES


def load(path: str | Path, *, source: str | None = None) -> Document:
    """The document in a file. `source` is what citations call it: the path as given, unless told otherwise.

    What its side-car says of it is in its metadata; of a side-car that cannot be used there is a warning.
    Raises DocumentError, whose `status` tells why there is no document.
    """
    source = str(path) if source is None else source
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(
            f"{source} cannot be read: {reason}. Check the path and its permissions.", status="unreadable"
        ) from error
    document, problem = with_sidecar(load_bytes(content, source=source, name_hint=PurePath(path).name), Path(path))
    if problem:
        warnings.warn(str(problem), stacklevel=2)
    return document


def load_bytes(content: bytes, *, source: str, name_hint: str | None = None) -> Document:
    """The document in `content`, as from standard input. `name_hint` is a file name: its suffix helps to tell the format.

    Raises DocumentError, whose `status` tells why there is no document.
    """
    name = name_hint or PurePath(source).name or source
    if not content.strip():
        raise DocumentError(f"{source} is empty. Leave it out, or check that it was saved completely.", status="no-text")
    family = FAMILIES[_family_of(content, source=source, suffix=PurePath(name).suffix.lower())]
    loader = cast("Loader", importlib.import_module(family.module).load)
    return loader(content, source=source, name=name)


def _family_of(content: bytes, *, source: str, suffix: str) -> str:
    """The name of the family: by signature, then by suffix, then text. Raises DocumentError for what is none of them."""
    head = content[:_HEAD]
    hinted = SUFFIXES.get(suffix)
    if head.lstrip().startswith(b"%PDF-"):
        return "pdf"
    # Without NULs and byte order mark, the ASCII of a tag looks the same in UTF-8, UTF-16 and UTF-32.
    if _HTML.match(head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")):
        return "html"
    if hinted == "pdf":  # junk may stand before the signature, and a damaged file should be called damaged
        return "pdf"
    if kind := next((kind for signature, kind in _REFUSED if content.startswith(signature)), None):
        raise _unsupported(source, f"is {kind}")
    if is_binary(content):
        raise _unsupported(source, "is not text, and of no known format")
    return hinted or "text"


def _unsupported(source: str, what: str) -> DocumentError:
    known = ", ".join(FAMILIES)
    return DocumentError(
        f"{source} {what}. Formats that can be read: {known}. Convert it to one of them.", status="unsupported"
    )
