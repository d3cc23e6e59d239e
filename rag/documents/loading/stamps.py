"""What a file looks like without being read: its size, the time of its last change, and both of its side-car."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from rag.documents.common.sidecar import sidecar_of

NANOSECONDS_OF_DOUBT = 20_000_000
"""The clocks of file systems tick no slower: a file that changed longer ago cannot change again at the same time."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Size in bytes and time in nanoseconds; `sidecar` is "size:time" of the side-car, empty where there is none."""

    size: int
    modified_ns: int
    sidecar: str = ""

    def to_keep(self) -> Stamp:
        """The stamp to remember with what was just read.

        A file that changed only a moment ago may change once more without its time telling. Such a time is put back by a
        nanosecond: the file then looks changed at the next run, and is compared by its content.
        """
        size, _, modified = self.sidecar.partition(":")
        return replace(
            self,
            modified_ns=_out_of_doubt(self.modified_ns),
            sidecar=f"{size}:{_out_of_doubt(int(modified))}" if modified else self.sidecar,
        )


def stamp_of(path: str) -> Stamp:
    """Raises OSError where there is no file, or none that may be looked at."""
    stat = os.stat(path)  # noqa: PTH116 (paths are strings wherever there may be many)
    return Stamp(stat.st_size, stat.st_mtime_ns, sidecar_stamp(sidecar_of(Path(path))))


def sidecar_stamp(sidecar: Path | os.DirEntry[str] | None) -> str:
    """What is remembered of a side-car: "size:time", or nothing where it cannot be looked at."""
    try:
        stat = sidecar.stat() if sidecar else None
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}" if stat else ""


def _out_of_doubt(modified_ns: int) -> int:
    return modified_ns - 1 if abs(time.time_ns() - modified_ns) < NANOSECONDS_OF_DOUBT else modified_ns


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What a file looked like when it was read: equal size and time mean that it need not be read again.

    `sidecar` tells the same of the file that holds its metadata; it is empty where there is none.
    """

    size: int
    modified_ns: int
    content_hash: str = ""
    sidecar: str = ""
