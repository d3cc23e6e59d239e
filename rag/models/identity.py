"""Which component it is that answers, so that the work of one is never taken for another's.

Finished calls and answers are kept under these strings. Their form is that of release 0.1: what was begun with it goes on.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDS = 2**20
"""Bytes at both ends of a file that are hashed: names and shapes of the weights, and the last of them."""


def identity_of(component: object) -> str:
    """The identity of a component: its own where it has one (`rag.protocols.Identified`), else its class and its name.

    May read a file, or ask a server once.
    """
    identity = getattr(component, "identity", None)
    if isinstance(identity, str):
        return identity
    return f"{type(component).__name__} {getattr(component, 'name', '')}".rstrip()


def identity_of_settings(kind: str, settings: Mapping[str, object], server: str = "") -> str:
    """The identity of a component that its kind, its settings and its server determine. Settings that are None do not count."""
    return f"{kind} {sorted((name, value) for name, value in settings.items() if value is not None)} {server}"


def content_of(path: Path) -> str:
    """A hash of a file, or of the files in a folder; the path itself where nothing is there, as for the name on a hub.

    Only the sizes and both ends of the files are read, so that it is quick for gigabytes of weights.
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
