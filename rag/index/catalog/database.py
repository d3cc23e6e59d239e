"""The SQLite file under the catalog: opened safely, migrated, read in snapshots and written in transactions."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from rag.errors import IndexFormatError, IndexStoreError, NoIndexError
from rag.index.catalog.migrations import EARLIEST, migrate
from rag.index.catalog.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

VARIABLES_A_QUERY = 500
PAGE_BYTES = 8192
"""Five vectors of 384 numbers fill such a page to 95 %; SQLite's usual 4096 bytes would leave a quarter of each empty."""

CACHE_KILOBYTES = 16_384
"""Room for the inner pages of the tables of a million passages, so that finding a row reads one page."""

PAGES_GIVEN_BACK = 4096
"""So many free pages (32 MB) at most are given back after a change, so that a small one never pays for all."""

READINGS = 5
SECONDS_TO_WAIT_FOR_SQLITE = 30
REMEDY = "Remove the index folder, and index its sources again."
WRITTEN_MEANWHILE = "it was written meanwhile; try again"


def _plain(statement: str) -> str:
    """An SQL statement on one line; a table that was renamed has its name in quotes."""
    return re.sub(r'^CREATE TABLE "(\w+)"', r"CREATE TABLE \1", " ".join(statement.split()))


PARTS = {statement.split()[2]: _plain(statement) for statement in SCHEMA.split(";\n") if statement.strip()}
"""Every table and index that a catalog has, by name."""


class Appearance(NamedTuple):
    """What a file looks like from outside, and whether a log of changes lies beside it."""

    inode: int
    bytes: int
    modified_ns: int
    has_log: bool


class Database:
    """A connection to one file. Methods may be called from several threads, one at a time.

    A file in a folder that cannot be written is opened for reading, and again when somebody else has written it. Nothing that
    a stranger put into the file is run: tables other than ours, views and triggers are refused.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._file = path.absolute()  # a program may change its folder
        self._seen: Appearance | None = None
        self._lock = threading.RLock()
        try:
            self._connect(create=create)
            self._check_version(create=create)
            self._refuse_foreign_parts()
        except sqlite3.OperationalError as error:
            self._close_quietly()
            hindered = "written" if create and "readonly" in str(error) else "opened"
            raise IndexStoreError(f"The catalog {path} cannot be {hindered}: {error}.") from error
        except sqlite3.DatabaseError as error:
            self._close_quietly()
            raise IndexFormatError(f"The catalog {path} cannot be read ({error}). {REMEDY}") from error
        except BaseException:
            self._close_quietly()
            raise

    def _connect(self, *, create: bool) -> None:
        if self.path.is_symlink():
            raise IndexFormatError(f"The catalog {self.path} is a link; an index must not point outside of its folder.")
        self.read_only = not create and not os.access(self._file.parent, os.W_OK)
        try:
            self._open(create=create)
        except sqlite3.OperationalError:  # a full disk has no room even for what SQLite needs to read beside a writer
            if create or self.read_only:
                raise
            self._close_quietly()
            self.read_only = True
            self._open(create=False)

    def _open(self, *, create: bool) -> None:
        mode = "rwc" if create else "rw"
        if self.read_only:  # without a log beside it nothing writes, and SQLite must not try to make one
            seen = self._appearance()
            self._seen, mode = (None, "ro") if seen.has_log else (seen, "ro&immutable=1")
        uri = f"{self._file.as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=SECONDS_TO_WAIT_FOR_SQLITE)
        self._connection.isolation_level = None
        pragmas = "trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
        self._connection.executescript(f"PRAGMA {pragmas}")
        if create and not self._version():  # both have to be said before the first table
            self._connection.executescript(f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KILOBYTES}")
        if not self.read_only:
            self._connection.execute("PRAGMA journal_mode = WAL")

    def _appearance(self) -> Appearance:
        there, log = self._file.stat(), self._file.with_name(self._file.name + "-wal")
        return Appearance(there.st_ino, there.st_size, there.st_mtime_ns, log.exists() and log.stat().st_size > 0)

    def _is_overtaken(self) -> bool:
        """Whether a writer has begun to change a file that was opened as unchanging. SQLite would not notice."""
        if self._seen is None or self._connection.in_transaction:
            return False
        try:
            return self._appearance() != self._seen
        except OSError:  # it was deleted; an open file can still be read
            return False

    def _follow_writer(self) -> None:
        if self._is_overtaken():
            self._connection.close()
            self._open(create=False)

    def _check_version(self, *, create: bool) -> None:
        if create and self._version() == 0:
            with self.transaction():
                if self._version() == 0:  # and no other process was faster
                    for statement in SCHEMA.split(";\n"):
                        self._connection.execute(statement)
                    self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        version = self._version()
        if version == 0 and not self._connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise NoIndexError(
                f"The index {self.path.parent} was not finished when it was made. Run `rag index` again with the same folder."
            )
        if EARLIEST <= version < SCHEMA_VERSION:
            self._migrate()
        elif version != SCHEMA_VERSION:
            raise IndexFormatError(
                f"The index {self.path.parent} has format {version}; this version of groundtext reads formats {EARLIEST} to "
                f"{SCHEMA_VERSION}. Use the groundtext that made it, or index its sources again into a new folder."
            )

    def _migrate(self) -> None:
        if self.read_only:
            raise IndexStoreError(
                f"The index {self.path.parent} has the older format {self._version()} and cannot be written. "
                "Open it once where it can be, with `rag status`, which brings it to the new format."
            )
        self._connection.execute("PRAGMA foreign_keys = OFF")
        try:
            with self.transaction():
                self._refuse_views()
                version = self._version()  # another process may have been faster
                if version < SCHEMA_VERSION:
                    migrate(self._connection, version)
        finally:
            self._connection.execute("PRAGMA foreign_keys = ON")

    def _refuse_views(self) -> None:
        """An older format is read before its tables are compared with ours, and reading a view would run it."""
        alive = "type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
        found = self._connection.execute(f"SELECT type, name FROM sqlite_master WHERE {alive}").fetchone()
        if found:
            raise IndexFormatError(
                f"The catalog {self.path} holds a {found[0]} '{found[1]}' that groundtext did not make. {REMEDY}"
            )

    def _refuse_foreign_parts(self) -> None:
        """The tables must be ours to the letter: a view, a trigger or a computed column would run when it is used."""
        parts = self._connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        ).fetchall()
        for kind, name, sql in parts:
            if PARTS.get(name) != _plain(str(sql)):
                raise IndexFormatError(
                    f"The catalog {self.path} holds a {kind} '{name}' that groundtext did not make. {REMEDY}"
                )
        if missing := set(PARTS) - {name for _, name, _ in parts}:
            raise IndexFormatError(f"The catalog {self.path} lacks {', '.join(sorted(missing))}. {REMEDY}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _close_quietly(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()

    def close(self) -> None:
        """Close the file; the catalog cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is committed together, or not at all."""
        with self._lock, self._told_plainly():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is the state of one moment, whatever a writer commits meanwhile. May be nested."""
        with self._lock, self._told_plainly():
            if self._connection.in_transaction:
                yield
                return
            self._follow_writer()
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")
            if self._is_overtaken():
                raise sqlite3.OperationalError(WRITTEN_MEANWHILE)

    def compact(self) -> None:
        """Rewrite the file without unused space. Raises IndexStoreError if another process has it open for writing."""
        with self._lock, self._told_plainly():
            self._connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # for files from before format 2
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def give_back_space(self, *, from_share: float = 0.1) -> None:
        """Return free pages to the file system where they are more than `from_share` of the file; some now, more the next time."""
        with self._lock, self._told_plainly():
            free, pages = (
                int(self._connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("freelist_count", "page_count")
            )
            if free > from_share * pages:
                self._connection.execute(f"PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})").fetchall()
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """SQLite's errors as ours; broken constraints, which would be mistakes of this package, go through."""
        where = f"The index {self.path.parent}"
        try:
            yield
        except sqlite3.OperationalError as error:
            raise IndexStoreError(f"{where} could not be read or written: {error}.") from error
        except sqlite3.ProgrammingError as error:
            raise IndexStoreError(f"{where} is closed. Open it again with rag.open_index.") from error
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            if self._is_overtaken():
                raise IndexStoreError(f"{where} could not be read: {WRITTEN_MEANWHILE}.") from error
            raise IndexFormatError(f"{where} is damaged ({error}). {REMEDY}") from error

    def rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, as they were committed at one instant. Raises IndexStoreError and IndexFormatError."""
        with self._lock, self._told_plainly():
            for _ in range(READINGS):
                self._follow_writer()
                with suppress(sqlite3.DatabaseError) if self._seen else nullcontext():
                    rows = self._connection.execute(query, values).fetchall()
                    if not self._is_overtaken():
                        return rows
            return self._connection.execute(query, values).fetchall()

    def rows_in_groups(self, query: str, keys: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Rows of a query with `IN ({})`, asked in groups that SQLite takes."""
        rest = list(keys)
        for first in range(0, len(rest), VARIABLES_A_QUERY):
            group = rest[first : first + VARIABLES_A_QUERY]
            yield from self.rows(query.format(", ".join("?" * len(group))), group)
