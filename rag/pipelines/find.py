"""Sources on disk: which files a list of files and folders stands for, and what has become of them since the last run."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.indexes.rows import FileStamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(slots=True)
class Found:
    """The files that sources stand for; `roots` are the sources themselves, by absolute path.

    `unlisted` are folders that could not be looked into, so that nothing is known of what lies in them.
    `skipped` counts the files of each suffix that were passed over as not supported, `left_out` those that the globs
    left out; `unnameable` are files whose names are not valid text, spelled as well as can be.
    """

    files: dict[str, FileStamp] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    unnameable: list[str] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen to an index; every list holds sources in order."""

    load: list[str] = field(default_factory=list)
    renamed_from: dict[str, str] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    still_failing: list[str] = field(default_factory=list)
    no_longer_failing: list[str] = field(default_factory=list)
    known: frozenset[str] = frozenset()

    @property
    def added(self) -> list[str]:
        """Sources to load that the index does not have, under this name or another."""
        return [source for source in self.load if source not in self.known and source not in self.renamed_from]

    @property
    def changed(self) -> list[str]:
        """Sources to load that the index has with another content."""
        return [source for source in self.load if source in self.known]


def find_files(
    sources: Sequence[str | Path],
    *,
    is_supported: Callable[[Path], bool],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    known: Sequence[str] = (),
) -> Found:
    """All files that the sources name, by absolute path, with their size and time.

    A file named outright is taken whatever its suffix. In a folder, hidden files and folders are passed over. `include`
    and `exclude` are globs that are held against the path inside the folder and against the file's name. Raises
    UsageError for a source that neither is there nor is in the index (`known`).
    """
    found = Found()
    for source in sources:
        if not str(source).strip():
            raise UsageError("A source is an empty string. Name a file or a folder.")
        root = Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100 (links are kept as they are named)
        found.roots.append(str(root))
        if root.is_dir():
            for path, stamp in _walk(root, found):
                inside = path.relative_to(root).as_posix()
                if not _is_text(str(path)):
                    found.unnameable.append(str(path).encode("utf-8", "backslashreplace").decode())
                elif (include and not _fits(inside, include)) or _fits(inside, exclude):
                    found.left_out += 1
                elif include or is_supported(path):
                    found.files[str(path)] = stamp
                else:
                    found.skipped[path.suffix.lower() or "no suffix"] += 1
        elif root.is_file():
            found.files[str(root)] = _stamp(root.stat())
        elif not is_within(str(root), known):
            raise UsageError(f"There is no file or folder {source}. Check the spelling, and where you are: {Path.cwd()}")
    return found


def plan_sync(
    found: Found,
    indexed: Mapping[str, FileStamp],
    failed: Mapping[str, FileStamp],
    *,
    retry_failed: bool = False,
) -> Plan:
    """Compare what is on disk with what is indexed. Files of equal size and time are not read; others by their content.

    What lies in a folder that could not be looked into is left as it is.
    """
    plan = Plan(known=frozenset(indexed))
    gone = {source: stamp for source, stamp in indexed.items() if _is_gone(source, found)}
    gone_by_content = {stamp.content_hash: source for source, stamp in gone.items()}
    for source, stamp in sorted(found.files.items()):
        before = indexed.get(source)
        if before is None and not retry_failed and _same(failed.get(source), stamp):
            plan.still_failing.append(source)
        elif _same(before, stamp):
            plan.unchanged.append(source)
        elif before is not None and before.size == stamp.size and hash_file(source) == before.content_hash:
            plan.touched.append(source)
        else:
            plan.load.append(source)
            if before is None and gone_by_content and (former := gone_by_content.pop(hash_file(source), None)):
                plan.renamed_from[source] = former
    plan.no_longer_failing.extend(sorted(source for source in failed if _is_gone(source, found)))
    plan.removed.extend(sorted(set(gone) - set(plan.renamed_from.values())))
    return plan


def _is_gone(source: str, found: Found) -> bool:
    return source not in found.files and is_under(source, found.roots) and not is_under(source, found.unlisted)


def is_under(source: str, roots: Sequence[str]) -> bool:
    """Whether the source is one of the roots or lies in one of them."""
    return any(source == root or source.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def is_within(root: str, known: Sequence[str]) -> bool:
    """Whether any known source is `root` or lies in it."""
    return any(is_under(source, [root]) for source in known)


def hash_file(path: str) -> str:
    """Hash of a file's bytes; empty where it cannot be read (loading it will say why)."""
    digest = blake2b(digest_size=16)
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def _walk(root: Path, found: Found) -> Iterator[tuple[Path, FileStamp]]:
    """Files below a folder in order of name, hidden ones and links to folders left out."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        found.unlisted.append(str(root))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), found)
        elif (stamp := _stamp_of_file(entry)) is not None:
            yield Path(entry.path), stamp
        elif entry.is_symlink():
            found.skipped["links that lead to no file"] += 1


def _stamp_of_file(entry: os.DirEntry[str]) -> FileStamp | None:
    """None for what is no file, has just gone, or is a link that leads nowhere or in a circle."""
    try:
        return _stamp(entry.stat()) if entry.is_file() else None
    except OSError:
        return None


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) or fnmatch(path.rsplit("/", 1)[-1], pattern) for pattern in patterns)


def _stamp(stat: os.stat_result) -> FileStamp:
    return FileStamp(stat.st_size, stat.st_mtime_ns)


def _same(before: FileStamp | None, now: FileStamp) -> bool:
    return before is not None and (before.size, before.modified_ns) == (now.size, now.modified_ns)
