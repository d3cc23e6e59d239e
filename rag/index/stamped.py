"""Derived files that say which state of the catalog they hold, and notice when they are damaged.

A stamped file is one line of JSON (generation, token, length and CRC-32 of what follows) and then the bytes. It is written
beside its place and renamed into it, so a reader finds the old one or the new one, whole.

The token is random, and the catalog knows the tokens of the latest stamps: a catalog that was put back from a backup does not
know what was derived from the one that it replaces, though the generations may be the same.
"""

from __future__ import annotations

import json
import secrets
import shutil
import stat
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.system.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 64_000_000
"""No stamp is nearly so large; one that a stranger made would be read as a whole."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stamped file says, and holds."""

    generation: int
    token: str
    payload: memoryview


def write_stamped(path: Path, payload: bytes | memoryview, *, generation: int, token: str) -> None:
    """Replace `path`, whatever it is, in one step."""
    header = {"generation": generation, "token": token, "bytes": len(payload), "crc32": zlib.crc32(payload)}
    if path.is_dir():
        take_away(path)
    with replacing(path) as file:
        file.write(json.dumps(header).encode() + b"\n")
        file.write(payload)


def read_stamped(path: Path) -> Stamp | None:
    """None for a file that is missing, cut short, altered, far too large, or not a plain file."""
    try:
        there = path.lstat()
        if not stat.S_ISREG(there.st_mode) or there.st_size > MOST_BYTES:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    header, _, _ = content[:300].partition(b"\n")
    try:
        record = json.loads(header)
        generation, token, length, crc = (record[name] for name in ("generation", "token", "bytes", "crc32"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    payload = memoryview(content)[len(header) + 1 :]
    if not isinstance(generation, int) or not isinstance(token, str) or len(payload) != length or zlib.crc32(payload) != crc:
        return None
    return Stamp(generation, token, payload)


def take_away(path: Path) -> None:
    """Remove a file, a folder or a link (never its target), if there is one.

    A folder is renamed first, so that a process that opens it by its name cannot add to it meanwhile.
    """
    if path.is_dir() and not path.is_symlink():
        gone = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
        shutil.rmtree(path.rename(gone))
    else:
        path.unlink(missing_ok=True)
