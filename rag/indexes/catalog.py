"""The catalog: one SQLite file that holds documents, chunks and vectors, and is the only truth of an index.

What readers and the derived stores rely on:

- A document is added, replaced or removed whole, in one transaction that also raises the generation by one.
- Chunks are immutable and their ids are never used again. A derived store that is at generation g catches up with
  `chunks_added_since(g)` and `chunks_removed_since(g)`; nothing is embedded again.
- A vector is kept once for each text that was embedded, and reused by every chunk that embeds the same text.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexFormatError, IndexStoreError
from rag.indexes.rows import DocumentRow, FileStamp
from rag.indexes.schema import SCHEMA, SCHEMA_VERSION
from rag.types import Chunk, Document, EmbedderIdentity, Failure, Heading, Hit, pages_of_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rag.protocols import Vectors
    from rag.types import Pages

VARIABLES_A_QUERY = 500
REMEDY = "Remove the index folder, and index its sources again."
HIT_COLUMNS = """
SELECT chunks.id, source, title, first_page, last_page, heading, start, "end", chunks.text
FROM chunks JOIN documents ON documents.id = chunks.document_id
"""


class Catalog:
    """A connection to the catalog file. Methods may be called from several threads, one at a time."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                path if create else f"{path.resolve().as_uri()}?mode=rw", uri=not create, check_same_thread=False, timeout=30
            )
            self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
            self._connection.isolation_level = None
            self._check_version(create=create)
        except sqlite3.OperationalError as error:
            raise IndexStoreError(f"The catalog {path} cannot be opened: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise IndexFormatError(f"The catalog {path} cannot be read ({error}). {REMEDY}") from error

    def _check_version(self, *, create: bool) -> None:
        if create and self._version() == 0:
            with self.transaction():
                if self._version() == 0:  # and no other process was faster
                    for statement in SCHEMA.split(";\n"):
                        self._connection.execute(statement)
                    self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        version = self._version()
        if version != SCHEMA_VERSION:
            raise IndexFormatError(
                f"The index {self.path.parent} has format {version}; this version of groundtext reads format {SCHEMA_VERSION}. "
                "Use the groundtext that made it, or index its sources again into a new folder."
            )

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

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
        """All that is read inside is the state of one moment, whatever a writer commits meanwhile."""
        with self._lock, self._told_plainly():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """SQLite's errors as ours; broken constraints, which would be mistakes of this module, go through."""
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
            raise IndexFormatError(f"{where} is damaged ({error}). {REMEDY}") from error

    def _rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._told_plainly():
            return self._connection.execute(query, values).fetchall()

    # settings and generation

    def setting(self, name: str) -> Any:
        """The stored value, or None."""
        rows = self._rows("SELECT value FROM settings WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def set_setting(self, name: str, value: Any) -> None:
        """Store any JSON value under a name."""
        self._rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value, sort_keys=True)))

    @property
    def generation(self) -> int:
        """How many changes have been committed. A derived store with the same number is up to date."""
        return int(self.setting("generation") or 0)

    @property
    def embedder_identity(self) -> EmbedderIdentity | None:
        """The embedder of all vectors, or None while there are none."""
        stored = self.setting("embedder")
        return EmbedderIdentity(**stored) if stored else None

    # documents

    def replace_document(
        self,
        document: Document,
        stamp: FileStamp,
        chunks: Sequence[Chunk],
        hashes: Sequence[bytes],
        vectors: Mapping[bytes, bytes],
        *,
        indexed_at: str,
        replaces: Sequence[str] = (),
    ) -> None:
        """Make `document` what its source holds, and drop the sources in `replaces` (its former name, say), in one transaction.

        `hashes[i]` identifies the embedded text of `chunks[i]`; `vectors` has the bytes of each vector by that hash.
        """
        with self.transaction():
            generation = self._next_generation()
            self._connection.executemany(
                "INSERT OR IGNORE INTO vectors (text_hash, vector) VALUES (?, ?)", [(h, vectors[h]) for h in set(hashes)]
            )
            vector_ids = dict(self._in_groups("SELECT text_hash, id FROM vectors WHERE text_hash IN ({})", set(hashes)))
            freed = [vector for source in {document.source, *replaces} for vector in self._delete(source, generation)]
            document_id = self._insert_document(document, stamp, indexed_at)
            self._connection.executemany(
                'INSERT INTO chunks (document_id, vector_id, generation, start, "end", first_page, last_page, heading, text) '
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (document_id, vector_ids[h], generation, c.start, c.end, *(c.pages or (None, None)), c.heading, c.text)
                    for c, h in zip(chunks, hashes, strict=True)
                ],
            )
            self._drop_unused(freed)

    def remove_document(self, source: str) -> None:
        """Remove a document with its chunks, the vectors that only it used, and the record that it failed."""
        with self.transaction():
            self._drop_unused(self._delete(source, self._next_generation()))

    def _insert_document(self, document: Document, stamp: FileStamp, indexed_at: str) -> int:
        cursor = self._connection.execute(
            "INSERT INTO documents (source, title, media_type, size, modified_ns, content_hash, indexed_at, page_starts,"
            " page_statuses, headings, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.source,
                document.title,
                document.media_type,
                stamp.size,
                stamp.modified_ns,
                stamp.content_hash,
                indexed_at,
                json.dumps(document.page_starts),
                json.dumps(document.page_statuses),
                json.dumps([[h.start, h.level, h.text] for h in document.headings]),
                document.text,
            ),
        )
        return int(cursor.lastrowid or 0)

    def _delete(self, source: str, generation: int) -> list[int]:
        """Delete a document, note its chunks as removed, and return the vectors that it used."""
        self._rows("DELETE FROM failures WHERE source = ?", (source,))
        rows = self._rows(
            "SELECT chunks.id, vector_id FROM chunks JOIN documents ON documents.id = document_id WHERE source = ?", (source,)
        )
        self._connection.executemany("INSERT INTO removed_chunks VALUES (?, ?)", [(chunk, generation) for chunk, _ in rows])
        self._rows("DELETE FROM documents WHERE source = ?", (source,))
        return [vector for _, vector in rows]

    def _next_generation(self) -> int:
        generation = self.generation + 1
        self.set_setting("generation", generation)
        return generation

    def _drop_unused(self, vectors: Iterable[int]) -> None:
        self._connection.executemany(
            "DELETE FROM vectors WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM chunks WHERE vector_id = ?1)",
            [(vector,) for vector in set(vectors)],
        )

    def touch(self, source: str, stamp: FileStamp) -> None:
        """Remember a new time for a file whose content is the same."""
        self._rows("UPDATE documents SET size = ?, modified_ns = ? WHERE source = ?", (stamp.size, stamp.modified_ns, source))

    def document(self, source: str) -> Document | None:
        """The whole document as it was indexed."""
        columns = "text, source, title, media_type, page_starts, page_statuses, headings"
        for text, name, title, media_type, starts, statuses, headings in self._rows(
            f"SELECT {columns} FROM documents WHERE source = ?", (source,)
        ):
            return Document(
                text,
                name,
                title,
                media_type,
                tuple(json.loads(starts)),
                tuple(json.loads(statuses)),
                tuple(Heading(*heading) for heading in json.loads(headings)),
            )
        return None

    def pages_of(self, source: str, start: int, end: int) -> Pages | None:
        """The pages that a span of a document lies on; None for a format without pages."""
        for (starts,) in self._rows("SELECT page_starts FROM documents WHERE source = ?", (source,)):
            return pages_of_span(json.loads(starts), start, end)
        return None

    def documents(self) -> list[DocumentRow]:
        """All documents, by source."""
        return [
            DocumentRow(source, title, media_type, pages or None, characters, chunks, size, indexed_at)
            for source, title, media_type, pages, characters, chunks, size, indexed_at in self._rows(
                "SELECT source, title, media_type, json_array_length(page_starts), length(text), "
                "(SELECT count(*) FROM chunks WHERE document_id = documents.id), size, indexed_at FROM documents ORDER BY source"
            )
        ]

    def stamps(self) -> dict[str, FileStamp]:
        """What every indexed file looked like, by source."""
        return {
            row[0]: FileStamp(*row[1:]) for row in self._rows("SELECT source, size, modified_ns, content_hash FROM documents")
        }

    def counts(self) -> tuple[int, int]:
        """Documents and chunks."""
        ((documents, chunks),) = self._rows("SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks)")
        return documents, chunks

    # failures

    def failures(self) -> dict[str, tuple[FileStamp, Failure]]:
        """Files that could not be read, by source, with what they looked like then."""
        return {
            source: (FileStamp(size, modified), Failure(source, status, message, page))
            for source, size, modified, status, message, page in self._rows(
                "SELECT source, size, modified_ns, status, message, page FROM failures ORDER BY source"
            )
        }

    def record_failure(self, failure: Failure, stamp: FileStamp) -> None:
        """Remember that a file could not be read; what was indexed of it before is removed, for it is no longer true."""
        with self.transaction():
            if self._rows("SELECT 1 FROM documents WHERE source = ?", (failure.source,)):
                self._drop_unused(self._delete(failure.source, self._next_generation()))
            self._rows(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                (failure.source, stamp.size, stamp.modified_ns, failure.status, failure.message, failure.page),
            )

    def forget_failure(self, source: str) -> None:
        """Drop the record of a failed file that is gone."""
        self._rows("DELETE FROM failures WHERE source = ?", (source,))

    # chunks and vectors

    def hits(self, scored: Sequence[tuple[int, float]]) -> list[Hit]:
        """The passages of (chunk, score) pairs, ranked in that order; chunks that are gone meanwhile are left out."""
        rows = {
            row[0]: row[1:] for row in self._in_groups(HIT_COLUMNS + "WHERE chunks.id IN ({})", {chunk for chunk, _ in scored})
        }
        found = [(chunk, score, rows[chunk]) for chunk, score in scored if chunk in rows]
        return [
            Hit(rank, score, source, title, (first, last) if first else None, heading, start, end, text, chunk)
            for rank, (chunk, score, (source, title, first, last, heading, start, end, text)) in enumerate(found, 1)
        ]

    def chunks_matching(self, where: Mapping[str, str]) -> set[int] | None:
        """The ids that every `where` pattern fits (glob, over the whole value; a source also fits by its file name).

        None when there is no pattern.
        """
        if not where:
            return None
        conditions = {
            "source": "(source GLOB ? OR source GLOB '*/' || ?)",
            "title": "title GLOB ?",
            "media_type": "media_type GLOB ?",
        }
        values = [pattern for key, pattern in where.items() for _ in range(conditions[key].count("?"))]
        query = " AND ".join(conditions[key] for key in where)
        return {
            row[0]
            for row in self._rows(
                f"SELECT chunks.id FROM chunks JOIN documents ON documents.id = document_id WHERE {query}", values
            )
        }

    def vectors_by_hash(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The bytes of the vectors that are here already, by the hash of the text that was embedded."""
        return dict(self._in_groups("SELECT text_hash, vector FROM vectors WHERE text_hash IN ({})", set(hashes)))

    def vectors(self, chunks: Sequence[int]) -> Vectors:
        """float32, shape (len(chunks), dimension), in the order given. Raises KeyError for a chunk that is gone."""
        rows = dict(
            self._in_groups(
                "SELECT chunks.id, vector FROM chunks JOIN vectors ON vectors.id = vector_id WHERE chunks.id IN ({})",
                set(chunks),
            )
        )
        identity = self.embedder_identity
        width = identity.dimension if identity else 0
        return np.frombuffer(b"".join(rows[chunk] for chunk in chunks), np.float32).reshape(len(chunks), width)

    def chunks_added_since(self, generation: int) -> list[int]:
        """Ids of the chunks that are here and were not at that generation, ascending."""
        return [row[0] for row in self._rows("SELECT id FROM chunks WHERE generation > ? ORDER BY id", (generation,))]

    def chunks_removed_since(self, generation: int) -> list[int]:
        """Ids of the chunks that were here at that generation (or came and went since) and are gone, ascending."""
        return [row[0] for row in self._rows("SELECT id FROM removed_chunks WHERE generation > ? ORDER BY id", (generation,))]

    def check(self) -> list[str]:
        """Everything that is wrong with the catalog itself, in words; empty when it is sound."""
        problems = [row[0] for row in self._rows("PRAGMA integrity_check") if row[0] != "ok"]
        problems += [f"broken reference in table {row[0]}" for row in self._rows("PRAGMA foreign_key_check")]
        for source in self.stamps():
            problems += self._check_document(source)
        return problems

    def _check_document(self, source: str) -> list[str]:
        document = self.document(source)
        spans = self._rows(
            'SELECT chunks.id, start, "end", chunks.text FROM chunks JOIN documents ON documents.id = document_id WHERE source = ?',
            (source,),
        )
        return [
            f"chunk {chunk} of {source} is not the document's text from {start} to {end}"
            for chunk, start, end, text in spans
            if document is None or document.text[start:end] != text
        ]

    def _in_groups(self, query: str, keys: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Rows of a query with `IN ({})`, asked in groups that SQLite takes."""
        rest = list(keys)
        for first in range(0, len(rest), VARIABLES_A_QUERY):
            group = rest[first : first + VARIABLES_A_QUERY]
            yield from self._rows(query.format(", ".join("?" * len(group))), group)
