"""Stamps: size and time of a file and of its side-car, which show a change without reading."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from rag.documents.common.sidecar import sidecar_of

NANOSECONDS_OF_DOUBT = 20_000_000
"""The slowest clock of a file system. A file that changed longer ago gets another time when it changes again."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Size in bytes and time in nanoseconds. `sidecar` is "size:time" of the side-car, or empty."""

    size: int
    modified_ns: int
    sidecar: str = ""

    def to_keep(self) -> Stamp:
        """The stamp to record for content that was just read.

        A file that changed a moment ago may change again at the same clock tick. Its time is recorded a nanosecond earlier,
        so that the next run sees a change and compares the content.
        """
        size, _, modified = self.sidecar.partition(":")
        return replace(
            self,
            modified_ns=_out_of_doubt(self.modified_ns),
            sidecar=f"{size}:{_out_of_doubt(int(modified))}" if modified else self.sidecar,
        )


def stamp_of(path: str) -> Stamp:
    """The stamp of a file. Raises OSError if it does not exist or cannot be accessed."""
    stat = os.stat(path)  # noqa: PTH116 (paths are strings where there may be many)
    return Stamp(stat.st_size, stat.st_mtime_ns, sidecar_stamp(sidecar_of(Path(path))))


def sidecar_stamp(sidecar: Path | os.DirEntry[str] | None) -> str:
    """The stamp of a side-car, "size:time"; empty if there is none or it cannot be accessed."""
    try:
        stat = sidecar.stat() if sidecar else None
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}" if stat else ""


def _out_of_doubt(modified_ns: int) -> int:
    is_recent = abs(time.time_ns() - modified_ns) < NANOSECONDS_OF_DOUBT
    return modified_ns - 1 if is_recent else modified_ns


@dataclass(frozen=True, slots=True)
class FileStamp:
    """The stamp of a file when it was read, and the hash of its bytes. Equal size and time mean that it is unchanged.

    `sidecar` is the stamp of the file with its metadata, or empty.
    """

    size: int
    modified_ns: int
    content_hash: str = ""
    sidecar: str = ""
