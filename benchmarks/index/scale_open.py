"""Open an index in this process and ask it one question. Prints a line of JSON, in seconds.

    python -m benchmarks.index.scale_open .bench/scale-index [--cold | --unknown]

`--cold` first drops the index's files from the disk's cache; `--unknown` makes them look as if this machine met them for the
first time, so that their checksums are computed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

QUESTION = "Which form of government came before the revolution?"


def drop_from_cache(folder: Path) -> None:
    """Tell Linux that the files' pages will not be needed. What has not been written yet is written first."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def make_unknown(folder: Path) -> None:
    """Change the times of what is derived, as copying the folder would."""
    for part in ("vectors", "keywords"):
        for path in (folder / part).iterdir():
            os.utime(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--unknown", action="store_true")
    arguments = parser.parse_args()
    if arguments.unknown:
        make_unknown(arguments.index)
    if arguments.cold:
        drop_from_cache(arguments.index)
    began = time.perf_counter()
    import rag

    with rag.open_index(arguments.index) as index:
        index.preload()
        opened = time.perf_counter()
        rag.search(QUESTION, index=index, mode="keyword")
        words = time.perf_counter()
        rag.search(QUESTION, index=index)
        searched = time.perf_counter()
    print(json.dumps({"open": opened - began, "first keyword search": words - opened, "first search": searched - words}))


if __name__ == "__main__":
    main()
