"""Files to documents: one loader for each family of formats, chosen by what a file holds before what it is called."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rag.arguments import require_path
from rag.documents.common.sidecar import with_sidecar
from rag.documents.detect import family_of
from rag.documents.families import EXAMPLE_SUFFIXES, FAMILIES, SUFFIXES, is_supported, other_loaders
from rag.documents.readers import reader_of
from rag.errors import DocumentError

if TYPE_CHECKING:
    from rag.types import Document

__all__ = ["EXAMPLE_SUFFIXES", "FAMILIES", "SUFFIXES", "is_supported", "load", "load_bytes"]


def load(path: str | Path, *, source: str | None = None, passwords: Sequence[str] = ()) -> Document:
    """The document in a file. `source` is its name in citations, by default the given path.

    `passwords` are tried on an encrypted file. Metadata of a side-car such as `report.pdf.meta.json` is added; a side-car that
    cannot be used gives a warning. Raises DocumentError, whose `status` says why there is no document.

    >>> document = load("docs/tower.txt")
    >>> document.title, document.text[:27]
    ('tower', 'The tower is 34 metres tall')
    """
    require_path(path, "The document", "the path of a file")
    source = str(path) if source is None else source
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(
            f"{source} cannot be read: {reason}. Check the path and its permissions.", status="unreadable"
        ) from error
    document = load_bytes(content, source=source, name_hint=PurePath(path).name, passwords=passwords)
    document, problem = with_sidecar(document, Path(path))
    if problem:
        warnings.warn(str(problem), stacklevel=2)
    return document


def load_bytes(content: bytes, *, source: str, name_hint: str | None = None, passwords: Sequence[str] = ()) -> Document:
    """The document in `content`, as from standard input. `name_hint` is a file name: its suffix helps to recognise the format.

    `passwords` are tried on encrypted content. Raises DocumentError, whose `status` says why there is no document.
    """
    name = name_hint or PurePath(source).name or source
    if not content.strip():
        raise DocumentError(f"{source} is empty. Leave it out, or check that it was saved completely.", status="no-text")
    suffix = PurePath(name).suffix.lower()
    if suffix and suffix not in SUFFIXES and (other := other_loaders().get(suffix)):
        return other.load(content, source=source, name=name)
    name_of_family = family_of(content, source=source, suffix=suffix)
    family = FAMILIES[name_of_family]
    options: dict[str, Any] = {"passwords": passwords} if family.passwords and passwords else {}
    if family.nests:
        options["load_part"] = load_bytes
    document: Document = reader_of(name_of_family).load(content, source=source, name=name, **options)
    return document
