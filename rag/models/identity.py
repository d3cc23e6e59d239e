"""The identity of components, so that finished work of one is never used for another.

Finished calls and answers are kept under these strings. Their form is that of release 0.1, so that its work can continue.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDS = 2**20
"""Bytes that are hashed at both ends of a file: the names and shapes of the weights, and the last weights."""


def identity_of(component: object) -> str:
    """The identity of a component: its own (`rag.protocols.Identified`), else its class and its name.

    May read a file, or ask a server once.
    """
    identity = getattr(component, "identity", None)
    if isinstance(identity, str):
        return identity
    return f"{type(component).__name__} {getattr(component, 'name', '')}".rstrip()


def identity_of_settings(kind: str, settings: Mapping[str, object], server: str = "") -> str:
    """The identity of a component from its kind, settings and server. Settings that are None do not count."""
    return f"{kind} {sorted((name, value) for name, value in settings.items() if value is not None)} {server}"


def content_of(path: Path) -> str:
    """A hash of a file, or of the files in a folder; the path itself if it does not exist, as for a hub name.

    Only the sizes and both ends of files are read, so that gigabytes of weights take no time.
    """
    digest = blake2b(digest_size=12)
    try:
        for file in [path] if path.is_file() else sorted(entry for entry in path.glob("*") if entry.is_file()):
            digest.update(f"{file.name if path.is_dir() else ''} {file.stat().st_size} ".encode())
            with file.open("rb") as opened:
                digest.update(opened.read(ENDS))
                opened.seek(-min(ENDS, file.stat().st_size), os.SEEK_END)
                digest.update(opened.read())
    except OSError:
        return str(path)
    return digest.hexdigest() if path.exists() else str(path)
