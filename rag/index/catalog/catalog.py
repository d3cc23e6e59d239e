"""The catalog: one SQLite file that holds documents, chunks and vectors, and is the only truth of an index.

Readers and derived stores rely on this:

- A document is added, replaced or removed whole, in one transaction that also raises the generation by one.
- Chunks never change, and their ids are never reused. A derived store that is at generation g catches up with
  `chunks_added_since(g)` and `chunks_removed_since(g)`; nothing is embedded again.
- Each embedded text has one vector, which all chunks with that text share.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.documents.loading.stamps import FileStamp
from rag.errors import IndexFormatError
from rag.index.catalog.database import REMEDY, Database
from rag.index.catalog.rows import DocumentRow
from rag.index.catalog.stored_settings import SETTINGS
from rag.types import Chunk, Document, EmbedderIdentity, Failure, Heading, Hit, Places, pages_of_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from rag.protocols import Vectors
    from rag.types import Pages

    Chunks = npt.NDArray[np.int64]

TOKENS_REMEMBERED = 16

HIT_COLUMNS = """
SELECT chunks.id, source, title, first_page, last_page, heading, start, "end", chunks.text, place
FROM chunks JOIN documents ON documents.id = chunks.document_id
"""

CONTENT = """
SELECT source, title, media_type, content_hash, sidecar, pages, characters, chunk_count, metadata FROM documents ORDER BY source
"""


class Catalog(Database):
    """Documents, chunks, vectors, settings and failures in one file."""

    # settings and generation

    def setting(self, name: str) -> Any:
        """The stored value, or what holds where none is stored. Raises IndexFormatError for one of another shape."""
        default, is_sound = SETTINGS[name]
        rows = self.rows("SELECT value FROM settings WHERE name = ?", (name,))
        if not rows:
            return default
        value = self._json(rows[0][0])
        if not is_sound(value):
            raise IndexFormatError(
                f"The index {self.path.parent} is damaged: its setting {name} is {str(value)[:80]!r}. {REMEDY}"
            )
        return value

    def set_setting(self, name: str, value: Any) -> None:
        """Store any JSON value under a name."""
        self.rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value, sort_keys=True)))

    @property
    def generation(self) -> int:
        """The number of committed changes. A derived store with the same number is up to date."""
        return int(self.setting("generation"))

    def new_token(self, generation: int) -> str:
        """A name for files that are about to be derived from the present state. Only the latest names are kept."""
        token = secrets.token_hex(8)
        with self.transaction():
            self.set_setting("tokens", [*self.setting("tokens"), [generation, token]][-TOKENS_REMEMBERED:])
        return token

    def knows(self, generation: int, token: str) -> bool:
        """Whether files with this stamp were derived from this catalog, and not from another that it has replaced."""
        return [generation, token] in self.setting("tokens")

    @property
    def log_begins(self) -> int:
        """The earliest generation from which a derived store can catch up. Older removals are no longer recorded."""
        return int(self.setting("log_begins"))

    def forget_removed(self) -> None:
        """Drop the record of removed chunks. Derived stores must be at the present generation, or be rebuilt."""
        with self.transaction():
            self.rows("DELETE FROM removed_chunks")
            self.set_setting("log_begins", self.generation)

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
            vector_ids = dict(self.rows_in_groups("SELECT text_hash, id FROM vectors WHERE text_hash IN ({})", set(hashes)))
            freed = [vector for source in {document.source, *replaces} for vector in self._delete(source, generation)]
            document_id = self._insert_document(document, stamp, indexed_at, chunk_count=len(chunks))
            self._connection.executemany(
                'INSERT INTO chunks (document_id, vector_id, generation, start, "end", first_page, last_page, heading, place, text) '
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        document_id,
                        vector_ids[h],
                        generation,
                        c.start,
                        c.end,
                        *(c.pages or (None, None)),
                        c.heading,
                        c.place,
                        c.text,
                    )
                    for c, h in zip(chunks, hashes, strict=True)
                ],
            )
            self._drop_unused(freed)

    def remove_document(self, source: str) -> None:
        """Remove a document with its chunks, the vectors that only it used, and the record that it failed."""
        with self.transaction():
            self._drop_unused(self._delete(source, self._next_generation()))

    def _insert_document(self, document: Document, stamp: FileStamp, indexed_at: str, *, chunk_count: int) -> int:
        """Its chunks come next, in the same transaction, and so get consecutive ids."""
        ((last_chunk,),) = self.rows("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chunks'), 0)")
        values = {
            "source": document.source,
            "title": document.title,
            "media_type": document.media_type,
            "size": stamp.size,
            "modified_ns": stamp.modified_ns,
            "content_hash": stamp.content_hash,
            "sidecar": stamp.sidecar,
            "indexed_at": indexed_at,
            "pages": len(document.page_starts) or None,
            "characters": len(document.text),
            "first_chunk": last_chunk + 1 if chunk_count else 0,
            "chunk_count": chunk_count,
            "metadata": json.dumps(document.metadata, ensure_ascii=False, sort_keys=True),
        }
        document_id = self._connection.execute(
            f"INSERT INTO documents ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})", values
        ).lastrowid
        headings = [[heading.start, heading.level, heading.text] for heading in document.headings]
        parts = (document.page_starts, document.page_statuses, headings, document.places and asdict(document.places))
        self.rows("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?)", (document_id, *map(json.dumps, parts), document.text))
        return int(document_id or 0)

    def _delete(self, source: str, generation: int) -> list[int]:
        """Delete a document, note its chunks as removed, and return the vectors that it used."""
        self.rows("DELETE FROM failures WHERE source = ?", (source,))
        rows = self.rows(
            "SELECT chunks.id, vector_id FROM chunks JOIN documents ON documents.id = document_id WHERE source = ?", (source,)
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO removed_chunks VALUES (?, ?)", [(chunk, generation) for chunk, _ in rows]
        )
        self.rows("DELETE FROM documents WHERE source = ?", (source,))
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
        self.rows("UPDATE documents SET size = ?, modified_ns = ? WHERE source = ?", (stamp.size, stamp.modified_ns, source))

    def document(self, source: str) -> Document | None:
        """The whole document as it was indexed."""
        columns = "text, source, title, media_type, page_starts, page_statuses, headings, metadata, places"
        for text, name, title, media_type, starts, statuses, headings, metadata, places in self.rows(
            f"SELECT {columns} FROM documents JOIN contents ON document_id = id WHERE source = ?", (source,)
        ):
            try:
                return Document(
                    text,
                    name,
                    title,
                    media_type,
                    tuple(self._json(starts)),
                    tuple(self._json(statuses)),
                    tuple(Heading(*heading) for heading in self._json(headings)),
                    dict(self._json(metadata)),
                    self._places(places),
                )
            except (TypeError, ValueError) as error:
                raise IndexFormatError(f"The index {self.path.parent} is damaged: {source}: {error}. {REMEDY}") from error
        return None

    def locate(self, source: str, start: int, end: int) -> tuple[Pages | None, str]:
        """The pages that a span of a document lies on (None for a format without pages), and its place in words."""
        for starts, text in self.rows(
            "SELECT page_starts, places FROM documents JOIN contents ON document_id = id WHERE source = ?", (source,)
        ):
            places = self._places(text)
            return pages_of_span(self._json(starts), start, end), places.of(start, end) if places else ""
        return None, ""

    def _places(self, text: str) -> Places | None:
        try:
            record = self._json(text)
            return Places(str(record["unit"]), tuple(record["starts"]), tuple(map(str, record["labels"]))) if record else None
        except (TypeError, ValueError, KeyError) as error:
            raise IndexFormatError(f"The index {self.path.parent} is damaged: {error}. {REMEDY}") from error

    def documents(self) -> list[DocumentRow]:
        """All documents, by source."""
        columns = "source, title, media_type, pages, characters, chunk_count, size, indexed_at, metadata"
        rows = self.rows(f"SELECT {columns} FROM documents ORDER BY source")
        return [DocumentRow(*(*row[:-1], self._json(row[-1]))) for row in rows]

    def stamps(self) -> dict[str, FileStamp]:
        """The stamp of every indexed file, by source."""
        return {
            source: FileStamp(*stamp)
            for source, *stamp in self.rows("SELECT source, size, modified_ns, content_hash, sidecar FROM documents")
        }

    def counts(self) -> tuple[int, int]:
        """Documents and chunks."""
        ((documents, chunks),) = self.rows("SELECT count(*), coalesce(sum(chunk_count), 0) FROM documents")
        return documents, chunks

    @property
    def free_bytes(self) -> int:
        """Unused bytes in the file. `compact` reclaims them."""
        ((pages, size),) = self.rows("SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size")
        return int(pages) * int(size)

    def content_key(self) -> str:
        """A hash of the content: the same for another index of the same documents, made in the same way, in any order."""
        digest = blake2b(repr((self.embedder_identity, self.setting("chunks"))).encode(), digest_size=12)
        for row in self.rows(CONTENT):
            digest.update(json.dumps(row).encode())
        return digest.hexdigest()

    # failures

    def failures(self) -> dict[str, tuple[FileStamp, Failure]]:
        """Files that could not be read, by source, with their stamps at that time."""
        return {
            source: (FileStamp(size, modified, sidecar=sidecar), Failure(source, status, message, page))
            for source, size, modified, sidecar, status, message, page in self.rows(
                "SELECT source, size, modified_ns, sidecar, status, message, page FROM failures ORDER BY source"
            )
        }

    def record_failure(self, failure: Failure, stamp: FileStamp) -> None:
        """Record that a file could not be read. Its former content is removed, since it is no longer true."""
        with self.transaction():
            if self.rows("SELECT 1 FROM documents WHERE source = ?", (failure.source,)):
                self._drop_unused(self._delete(failure.source, self._next_generation()))
            self.rows(
                "INSERT OR REPLACE INTO failures (source, size, modified_ns, sidecar, status, message, page)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (failure.source, stamp.size, stamp.modified_ns, stamp.sidecar, failure.status, failure.message, failure.page),
            )

    def forget_failure(self, source: str) -> None:
        """Drop the record of a failed file that is gone."""
        self.rows("DELETE FROM failures WHERE source = ?", (source,))

    # chunks and vectors

    def hits(self, scored: Sequence[tuple[int, float]]) -> list[Hit]:
        """The passages of (chunk, score) pairs, ranked in that order; chunks that are gone meanwhile are left out."""
        rows = {
            row[0]: row[1:]
            for row in self.rows_in_groups(HIT_COLUMNS + "WHERE chunks.id IN ({})", {chunk for chunk, _ in scored})
        }
        found = [(chunk, score, rows[chunk]) for chunk, score in scored if chunk in rows]
        return [
            Hit(rank, score, source, title, (first, last) if first else None, heading, start, end, text, chunk, place)
            for rank, (chunk, score, (source, title, first, last, heading, start, end, text, place)) in enumerate(found, 1)
        ]

    def documents_of(self, chunks: Iterable[int]) -> dict[int, int]:
        """The number of the document of each chunk that is there."""
        return dict(self.rows_in_groups("SELECT id, document_id FROM chunks WHERE id IN ({})", set(chunks)))

    def vectors_by_hash(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The bytes of the vectors that are here already, by the hash of the text that was embedded."""
        return dict(self.rows_in_groups("SELECT text_hash, vector FROM vectors WHERE text_hash IN ({})", set(hashes)))

    def twin_chunks(self, content_hash: str, media_type: str, *, source: str, title: str) -> list[tuple[Chunk, bytes, bytes]]:
        """Chunks, hashes and vectors of one document whose file has the same bytes, in order; empty where there is none.

        That is a document of another source, or what `source` has now if it has the same title.
        """
        same = "content_hash = ? AND media_type = ? AND source"
        found = self.rows(f"SELECT id FROM documents WHERE {same} = ? AND title = ?", (content_hash, media_type, source, title))
        found = found or self.rows(f"SELECT id FROM documents WHERE {same} <> ? LIMIT 1", (content_hash, media_type, source))
        rows = self.rows(
            'SELECT text, start, "end", first_page, last_page, heading, place, text_hash, vector'
            " FROM chunks JOIN vectors ON vectors.id = vector_id WHERE document_id = ? ORDER BY chunks.id",
            found[0] if found else (None,),
        )
        return [
            (Chunk(text, start, end, (first, last) if first else None, heading, place), text_hash, vector)
            for text, start, end, first, last, heading, place, text_hash, vector in rows
        ]

    def vectors(self, chunks: Sequence[int]) -> Vectors:
        """float32, shape (len(chunks), dimension), in the order given. Raises KeyError for a chunk that is gone."""
        found = self.vectors_found(chunks)
        return self._matrix([found[chunk] for chunk in chunks])

    def vectors_present(self, chunks: Sequence[int]) -> tuple[Chunks, Vectors]:
        """The ids among `chunks` that are still there, in the order given, and their vectors."""
        found = self.vectors_found(chunks)
        present = [chunk for chunk in chunks if chunk in found]
        return np.array(present, np.int64), self._matrix([found[chunk] for chunk in present])

    def vectors_found(self, chunks: Iterable[int]) -> dict[int, bytes]:
        """The bytes of the vectors of the chunks that are there, by chunk."""
        query = "SELECT chunks.id, vector FROM chunks JOIN vectors ON vectors.id = vector_id WHERE chunks.id IN ({})"
        return dict(self.rows_in_groups(query, set(chunks)))

    def _matrix(self, vectors: Sequence[bytes]) -> Vectors:
        identity = self.embedder_identity
        width = identity.dimension if identity else 0
        if any(len(vector) != 4 * width for vector in vectors):
            raise IndexFormatError(f"The index {self.path.parent} holds a vector that has not {width} numbers. {REMEDY}")
        return np.frombuffer(b"".join(vectors), np.float32).reshape(len(vectors), width)

    def chunks_added_since(self, generation: int) -> list[int]:
        """Ids of the chunks that are here and were not at that generation, ascending."""
        return [row[0] for row in self.rows("SELECT id FROM chunks WHERE generation > ? ORDER BY id", (generation,))]

    def count_added_since(self, generation: int) -> int:
        """How many chunks `chunks_added_since` would give."""
        return int(self.rows("SELECT count(*) FROM chunks WHERE generation > ?", (generation,))[0][0])

    def chunks_removed_since(self, generation: int) -> list[int]:
        """Ids of the chunks that were here at that generation (or came and went since) and are gone, ascending."""
        return [row[0] for row in self.rows("SELECT id FROM removed_chunks WHERE generation > ? ORDER BY id", (generation,))]

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise IndexFormatError(f"The index {self.path.parent} is damaged: {error}. {REMEDY}") from error
