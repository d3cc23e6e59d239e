"""Every error that groundtext raises on purpose.

RagError                     says what, where and what next in its message
├── UsageError               an argument or option that cannot work
│   └── SpecError            a spec that names no component (the message has the nearest name)
├── SettingsError            rag.toml, an environment variable or a recipe is wrong
├── MissingExtraError        an optional package is not installed (the message has the command that installs it)
├── PluginError              a component of another package cannot be used (the message names the package)
├── ModelError               a model could not be loaded, or a model server refused
├── CallStoreError           the file of finished calls cannot be used
├── DocumentError            one document could not be read; `status` is one of `DOCUMENT_STATUSES`
└── IndexStoreError          an index cannot be opened or written
    ├── NoIndexError         there is no index at the path
    ├── EmbedderMismatchError  the index was built with another embedder
    ├── IndexFormatError     the index was made by another version, or is damaged
    └── IndexLockedError     another process is writing (the message names it)
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENT_STATUSES = ("encrypted", "no-text", "corrupt", "too-large", "timeout", "unsupported", "unreadable")


class RagError(Exception):
    """Base of all errors that a caller can expect. Its text can be shown to a person as it is."""


class UsageError(RagError):
    """An argument or option that cannot work with any documents."""


class SpecError(UsageError):
    """A spec that names no known component."""


class SettingsError(RagError):
    """A settings file, environment variable or recipe that cannot be used."""


class MissingExtraError(RagError):
    """An optional package is missing; the message ends with the command that installs it."""


class PluginError(RagError):
    """A component of another package cannot be imported, opened or used; the message names the package."""


class ModelError(RagError):
    """A model could not be loaded or a model server could not answer."""


class CallStoreError(RagError):
    """The file of finished calls is damaged, locked, or on a full disk. Further calls could not be kept."""


class DocumentError(RagError):
    """One document could not be read. `status` is one of DOCUMENT_STATUSES; `page` is set if one page is to blame.

    A run reports it and continues with the other documents.
    """

    def __init__(self, message: str, *, status: str, page: int | None = None) -> None:
        super().__init__(message)
        if status not in DOCUMENT_STATUSES:
            raise ValueError(f"unknown document status {status!r}")
        self.status = status
        self.page = page

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword arguments, so that the error survives the way from a worker process."""
        return _rebuild_document_error, (str(self), self.status, self.page)


class IndexStoreError(RagError):
    """An index cannot be opened or written."""


class NoIndexError(IndexStoreError):
    """There is no index at the path."""


class EmbedderMismatchError(IndexStoreError):
    """The index was built with another embedder than the one in use."""


class IndexFormatError(IndexStoreError):
    """The index was written by another version of the format, or its catalog is damaged."""


class IndexLockedError(IndexStoreError):
    """Another process is writing to the index."""


def _rebuild_document_error(message: str, status: str, page: int | None) -> DocumentError:
    return DocumentError(message, status=status, page=page)


def why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    """The reason why a text file could not be read, for use after a colon."""
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the known name closest to `name`, or an empty string."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""
