"""Find the files in a list of files and folders."""

from __future__ import annotations

import errno
import os
from collections import Counter, deque
from dataclasses import dataclass, field
from fnmatch import fnmatch
from hashlib import blake2b
from pathlib import Path, PurePath
from stat import S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, S_IFSOCK, S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from rag.documents.common.sidecar import NOTATIONS, is_sidecar
from rag.documents.families import is_supported
from rag.documents.loading.stamps import FileStamp, sidecar_stamp, stamp_of
from rag.errors import UsageError
from rag.reading import DEFAULT_SELECTION, Selection
from rag.system.files import expanded
from rag.text.surrogates import escaped
from rag.types import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Errors of a path that leads nowhere. After any other error, a file may exist."""

LINKS_TO_NOTHING = "links that lead to no file"
KINDS = {S_IFIFO: "named pipe", S_IFSOCK: "socket", S_IFCHR: "device", S_IFBLK: "device"}
"""Special files by type. They are never opened, since reading one could wait for ever."""


@dataclass(slots=True)
class Found:
    """The files of some sources, with their stamps. All paths are absolute; `roots` are the sources themselves.

    `unlisted` are folders and files that could not be opened, so their contents are unknown. `skipped` counts the files of
    each unsupported suffix, and special files and links by kind. `left_out` counts the files that the globs left out.
    `unnameable` are files whose names are not valid text, with the invalid bytes escaped.
    """

    files: dict[str, FileStamp] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    unnameable: list[str] = field(default_factory=list)
    left_out: int = 0

    def failures(self) -> list[Failure]:
        """One failure for each file or folder that could not be opened or named."""
        named = [Failure(name, "unreadable", f"{name} has a name that is not UTF-8. Rename it.") for name in self.unnameable]
        reason = "cannot be opened, and its documents stay as they are. Check its permissions."
        return named + [Failure(name, "unreadable", f"{name} {reason}") for name in self.unlisted]


def find_files(
    sources: Iterable[str | Path],
    *,
    selection: Selection = DEFAULT_SELECTION,
    known: Sequence[str] = (),
    index_folder: Path | None = None,
) -> Found:
    """All files of the sources, by absolute path, with their size and time.

    A source that is a file is taken whatever its suffix. The folder of the index is skipped. Raises UsageError for a source
    that neither exists nor is in the index (`known`), and for a source inside the folder of the index.

        found = find_files(["docs/", "report.pdf"])
        sorted(found.files), found.skipped
    """
    search = _Search(selection, index_folder)
    for source in sources:
        if not str(source).strip():
            raise UsageError("A source is an empty string. Name a file or a folder.")
        root = absolute_path(source)
        if not search.look_at(root) and not is_within(root, known):
            raise UsageError(_absence(source, root))
    search.follow_links()
    return search.found


def _absence(source: str | Path, root: str) -> str:
    """The error message for a source without files."""
    if kind := _special_kind(root):
        return f"{source} is a {kind}, not a file or folder. Write its content into a file, and name that file."
    if Path(root).is_symlink():
        return f"{source} is a link that leads to no file: {os.readlink(root)}. Fix the link, or name another file."  # noqa: PTH115
    return f"There is no file or folder {source}. Check the spelling and the current folder: {Path.cwd()}"


def _special_kind(path: str) -> str | None:
    """The kind of special file at a path, such as "socket"; None for files, folders and missing paths."""
    try:
        return KINDS.get(S_IFMT(os.stat(path).st_mode))  # noqa: PTH116
    except OSError:
        return None


def absolute_path(source: str | Path) -> str:
    """The name of a source in an index: an absolute path without dots, in which links are kept."""
    return os.path.abspath(expanded(source))  # noqa: PTH100 (Path would leave the dots or follow the links)


def is_under(source: str, roots: Sequence[str]) -> bool:
    """Whether the source is one of the roots or inside one of them."""
    return any(source == root or source.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def is_within(root: str, known: Iterable[str]) -> bool:
    """Whether any known source is `root` or inside it."""
    return any(is_under(source, [root]) for source in known)


def hash_file(path: str) -> str:
    """The hash of a file's bytes; empty if it cannot be read (loading it reports the cause)."""
    digest = blake2b(digest_size=16)
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


class _Search:
    """Walks folders. It remembers the folders it has seen and the links to follow later.

    Links come after all other folders, so that a folder in the sources is found under its own name.
    """

    def __init__(self, selection: Selection, index_folder: Path | None) -> None:
        self.found = Found()
        self._selection = selection
        self._index_folder = os.path.realpath(index_folder) if index_folder else None
        self._own = _identity(self._index_folder) if self._index_folder else None
        self._seen: set[tuple[int, int]] = set()
        self._links: deque[tuple[str, str]] = deque()

    def look_at(self, root: str) -> bool:
        """Take the files of a source. Returns False if it does not exist."""
        self.found.roots.append(root)
        if self._index_folder and is_under(os.path.realpath(root), [self._index_folder]):
            raise UsageError(f"{root} belongs to the index {self._index_folder}. Name other sources, or another --index.")
        try:
            mode = os.stat(root).st_mode  # noqa: PTH116 (paths are strings here, since there may be many)
            if S_ISDIR(mode):
                self._walk(root, root)
            elif S_ISREG(mode) and not _is_text(root):
                self._note_name(root)
            elif S_ISREG(mode):
                stamp = stamp_of(root)
                self.found.files[root] = FileStamp(stamp.size, stamp.modified_ns, sidecar=stamp.sidecar)
            return S_ISDIR(mode) or S_ISREG(mode)
        except OSError as error:
            self._note(root, error)
            return error.errno not in NOT_THERE

    def follow_links(self) -> None:
        """Walk the folders behind the links, unless they were seen before."""
        while self._links:
            folder, root = self._links.popleft()
            self._walk(folder, root, linked=True)

    def _walk(self, folder: str, root: str, *, linked: bool = False) -> None:
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            if not self._is_new(folder, linked=linked):
                continue
            entries = self._entries(folder)
            for name in sorted(entries):
                if name.startswith(".") and not self._selection.hidden:
                    continue
                try:
                    self._take(entries[name], entries, waiting, root)
                except OSError as error:
                    self._note_of(entries[name], folder, error)

    def _is_new(self, folder: str, *, linked: bool) -> bool:
        """Whether to walk a folder: it is not the index, and a link does not lead to it again."""
        identity = _identity(folder)
        if identity is None:
            return True
        if identity == self._own or (linked and identity in self._seen):
            return False
        self._seen.add(identity)
        return True

    def _entries(self, folder: str) -> dict[str, os.DirEntry[str]]:
        try:
            return {entry.name: entry for entry in os.scandir(folder)}
        except OSError as error:
            self._note(folder, error)
            return {}

    def _take(self, entry: os.DirEntry[str], beside: Mapping[str, os.DirEntry[str]], waiting: list[str], root: str) -> None:
        """Record a file, a folder to walk, or a link to follow later."""
        if entry.is_dir(follow_symlinks=False):
            waiting.append(entry.path)
        elif entry.is_file():
            if not is_sidecar(Path(entry.name)) and self._is_chosen(entry.path, root):
                stat = entry.stat()
                self.found.files[entry.path] = FileStamp(stat.st_size, stat.st_mtime_ns, sidecar=_sidecar(entry.name, beside))
        elif entry.is_symlink():
            if not entry.is_dir():
                self.found.skipped[LINKS_TO_NOTHING] += 1
            elif self._selection.follow_links:
                self._links.append((entry.path, root))
            else:
                self.found.skipped["links to folders"] += 1
        elif kind := KINDS.get(S_IFMT(entry.stat().st_mode)):
            self.found.skipped[f"{kind}s"] += 1

    def _is_chosen(self, path: str, root: str) -> bool:
        """Whether the globs and the suffix select a file. Others are counted."""
        include, exclude = self._selection.include, self._selection.exclude
        inside = path.removeprefix(root.rstrip(os.sep) + os.sep)
        if not _is_text(path):
            self._note_name(path)
        elif (include and not _fits(inside, include)) or _fits(inside, exclude):
            self.found.left_out += 1
        elif include or is_supported(path):
            return True
        else:
            self.found.skipped[PurePath(path).suffix.lower() or "no suffix"] += 1
        return False

    def _note_name(self, path: str) -> None:
        self.found.unnameable.append(escaped(path))

    def _note_of(self, entry: os.DirEntry[str], folder: str, error: OSError) -> None:
        """Record an entry that cannot be opened. For a file its whole folder is unknown, for a link only the link."""
        if not entry.is_symlink():
            self._note(folder, error)
        elif error.errno in NOT_THERE:
            self.found.skipped[LINKS_TO_NOTHING] += 1
        else:
            self._note(entry.path, error)

    def _note(self, path: str, error: OSError) -> None:
        """Record a path whose content is unknown, unless the error says that it does not exist."""
        if error.errno not in NOT_THERE and path not in self.found.unlisted:
            self.found.unlisted.append(path)


def _sidecar(name: str, beside: Mapping[str, os.DirEntry[str]]) -> str:
    """The stamp of the side-car among the files beside a document; see `rag.documents.common.sidecar.sidecar_of`."""
    for ending in NOTATIONS:
        entry = beside.get(name + ending)
        if entry is not None and entry.is_file():
            return sidecar_stamp(entry)
    return ""


def _identity(folder: str) -> tuple[int, int] | None:
    """Device and inode of a folder, the same by every path to it; None if it cannot be opened."""
    try:
        stat = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) or fnmatch(path.rsplit("/", 1)[-1], pattern) for pattern in patterns)
