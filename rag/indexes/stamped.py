"""Derived files that say which generation of the catalog they hold, and notice when they are damaged.

A stamped file is one line of JSON (generation, length and CRC-32 of what follows) and then the bytes. It is written
beside its place and renamed into it, so a reader finds the old one or the new one, whole.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_stamped(path: Path, payload: bytes | memoryview, *, generation: int) -> None:
    """Replace `path` in one step."""
    header = json.dumps({"generation": generation, "bytes": len(payload), "crc32": zlib.crc32(payload)}).encode()
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as file:
            file.write(header + b"\n")
            file.write(payload)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def read_stamped(path: Path) -> tuple[int, memoryview] | None:
    """Generation and bytes, or None where the file is missing, cut short or altered."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    header, _, _ = content[:200].partition(b"\n")
    try:
        stamp = json.loads(header)
        generation, length, crc = int(stamp["generation"]), int(stamp["bytes"]), int(stamp["crc32"])
    except (ValueError, KeyError, TypeError):
        return None
    payload = memoryview(content)[len(header) + 1 :]
    return (generation, payload) if len(payload) == length and zlib.crc32(payload) == crc else None
