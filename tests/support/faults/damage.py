"""Ways in which a file goes bad. Each takes a path and a seeded chance."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager

NEVER_DERIVED = ("catalog.sqlite", "write.lock", "writer.json")


def derived_files(index):
    """Everything in an index folder that is made from the catalog."""
    return sorted(path for path in index.rglob("*") if path.is_file() and not path.name.startswith(NEVER_DERIVED))


def derived_folders(index):
    """The folders in an index folder."""
    return sorted(path for path in index.rglob("*") if path.is_dir())


def cut_short(path, chance):
    os.truncate(path, chance.randrange(max(1, path.stat().st_size)))


def emptied(path, _):
    os.truncate(path, 0)


def grown(path, chance):
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.randint(1, 100)))


def flipped(path, chance):
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 3)):
        if content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def flipped_behind_its_time(path, chance):
    """The bits differ; size and time do not."""
    with unchanged_time(path):
        flipped(path, chance)


def rubbish(path, chance):
    path.write_bytes(chance.randbytes(chance.randint(0, 2 * path.stat().st_size + 10)))


def rubbish_behind_its_time(path, chance):
    """As long and as old as it was."""
    with unchanged_time(path):
        path.write_bytes(chance.randbytes(path.stat().st_size))


def zeroed(path, _):
    """What a file system may leave after the power went: the right length, and nothing in it."""
    path.write_bytes(bytes(path.stat().st_size))


def deleted(path, _):
    path.unlink()


def a_folder(path, _):
    path.unlink()
    path.mkdir()
    (path / "file").write_text("in the way", encoding="utf-8")


def a_link_to_nowhere(path, _):
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def a_link_to_itself(path, _):
    path.unlink()
    path.symlink_to(path.name)


def a_link_to_a_copy(path, _):
    """What it leads to is as good as it was, and lies elsewhere."""
    copy = path.parent.parent.parent / f"copy of {path.name}"
    path.rename(copy)
    path.symlink_to(copy)


def a_fifo(path, _):
    """Reading it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


ALL = (
    cut_short, emptied, grown, flipped, flipped_behind_its_time, rubbish, rubbish_behind_its_time, zeroed, deleted,
    a_folder, a_link_to_nowhere, a_link_to_itself, a_link_to_a_copy, a_fifo,
)  # fmt: skip


@contextmanager
def unchanged_time(path):
    """Whatever happens to the file inside, it looks as old as before."""
    before = path.stat()
    yield
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def remove(path):
    """Whatever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
