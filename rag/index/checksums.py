"""Checks that derived files are as they were written, before a parser or a memory map sees them.

A file is read and summed when this machine first meets it, and again when its inode, size or times have changed; what was
found is remembered in the cache folder, outside of the index. So opening a large index does not read all of it.
"""

from __future__ import annotations

import hashlib
import stat
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.system.files import cache_folder, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BLOCK_BYTES = 1 << 22
SETTLED_NS = 2_000_000_000
"""A file that changed so recently could change again without a new time: it is summed each time."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """Length in bytes and CRC-32 of a file."""

    bytes: int
    crc32: int


def checksum(path: Path) -> Checksum:
    """Read the whole file. Raises OSError."""
    length = crc = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            length += len(block)
            crc = zlib.crc32(block, crc)
    return Checksum(length, crc)


def are_intact(folder: Path, files: Mapping[str, Checksum], *, remember: bool = True) -> bool:
    """Whether every named file is a plain file of `folder` whose checksum is right.

    With `remember` off every file is read, whatever was found before.
    """
    note = (
        cache_folder()
        / "checked"
        / f"{hashlib.sha256(str(folder.resolve()).encode('utf-8', 'surrogateescape')).hexdigest()}.json"
    )
    known = read_json(note) if remember else {}
    found: dict[str, list[int]] = {}
    for name, expected in files.items():
        identity = _identity(folder, name)
        if identity is None or identity[2] != expected.bytes:
            return False
        mark = [*identity, expected.crc32]
        if known.get(name) != mark:
            with suppress(OSError):
                if checksum(folder / name) == expected:
                    found[name] = mark
                    continue
            return False
    now = time.time_ns()
    settled = {name: mark for name, mark in found.items() if now - max(mark[3], mark[4]) > SETTLED_NS}
    if settled and remember:
        kept = {name: mark for name, mark in known.items() if name in files}
        with suppress(OSError):  # a cache that cannot be written only costs the time to read again
            write_json(note, {**kept, **settled})
    return True


def _identity(folder: Path, name: str) -> list[int] | None:
    """Device, inode, size and times; None for anything but a plain file of that folder."""
    if not name or "/" in name or "\\" in name or name in (".", ".."):
        return None
    try:
        seen = (folder / name).lstat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(seen.st_mode):
        return None
    return [seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
