"""Side-cars: metadata of a document in a file beside it, such as `report.pdf.meta.yaml` beside `report.pdf`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents.common.encodings import decode
from rag.documents.common.metadata import LARGEST, MOST_KEYS, flatten, text_of
from rag.documents.common.notation import LARGEST_TEXT, parse
from rag.documents.common.titles import shortened
from rag.errors import DocumentError

if TYPE_CHECKING:
    from rag.types import Document

NOTATIONS = {".meta.json": "json", ".meta.yaml": "yaml", ".meta.yml": "yaml", ".meta.toml": "toml"}
"""What a side-car's name ends with, after the whole name of its document; the first one that is there counts."""


def is_sidecar(path: Path) -> bool:
    """Whether a file is one that describes another, by its name alone."""
    return any(path.name.endswith(ending) and path.name != ending for ending in NOTATIONS)


def sidecar_of(path: Path) -> Path | None:
    """The file that describes the one at `path`, or None; where there are several, the first in the order of NOTATIONS."""
    candidates = (f"{path}{ending}" for ending in NOTATIONS)
    return next((Path(candidate) for candidate in candidates if os.path.isfile(candidate)), None)  # noqa: PTH113 (never raises)


def with_sidecar(document: Document, path: Path) -> tuple[Document, DocumentError | None]:
    """The document read from `path`, with what its side-car says of it, which goes before what it says of itself.

    A side-car that cannot be used takes nothing from the document: then it comes back as it was, with the error, which
    names the side-car and what to do.
    """
    sidecar = sidecar_of(path)
    if sidecar is None:
        return document, None
    try:
        metadata = read_sidecar(sidecar)
    except DocumentError as error:
        return document, error
    title = shortened(text_of(metadata.get("title", ""))) or document.title
    return replace(document, title=title, metadata={**document.metadata, **metadata}), None


def read_sidecar(path: Path) -> dict[str, Any]:
    """The metadata in a side-car. Raises DocumentError: `unreadable`, `too-large`, or `corrupt` where it cannot be parsed."""
    notation = next(notation for ending, notation in NOTATIONS.items() if path.name.endswith(ending))
    try:
        with path.open("rb") as file:
            text = decode(file.read(4 * LARGEST_TEXT + 4))
        metadata, left_out = flatten(parse(text, notation))
    except OSError as error:
        raise _error(path, f"cannot be read: {(error.strerror or str(error)).lower()}", "unreadable") from error
    except ValueError as error:
        status = "too-large" if len(text) > LARGEST_TEXT else "corrupt"
        raise _error(path, f"cannot be used as {notation.upper()}: {error}", status) from error
    if left_out:
        raise _error(path, f"says more than there is room for ({MOST_KEYS} names, {LARGEST // 1024} KB)", "too-large")
    return metadata


def _error(path: Path, what: str, status: str) -> DocumentError:
    return DocumentError(
        f"The side-car {path} {what}. Its document was read without it; correct the side-car, or remove it.", status=status
    )
