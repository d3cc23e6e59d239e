"""Steps from each earlier format of the catalog to the next. Nothing is embedded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

EARLIEST = 1

FROM_1 = """
CREATE TABLE contents (
    document_id INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    page_starts TEXT NOT NULL,
    page_statuses TEXT NOT NULL,
    headings TEXT NOT NULL,
    text TEXT NOT NULL
);
INSERT INTO contents SELECT id, page_starts, page_statuses, headings, text FROM documents;
CREATE TABLE documents_2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    sidecar TEXT NOT NULL,
    indexed_at TEXT NOT NULL,
    pages INTEGER,
    characters INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    chunk_count INTEGER NOT NULL,
    metadata TEXT NOT NULL
);
INSERT INTO documents_2 SELECT
    id, source, title, media_type, size, modified_ns, content_hash, '', indexed_at,
    nullif(json_array_length(page_starts), 0), length(text),
    coalesce((SELECT min(chunks.id) FROM chunks WHERE document_id = documents.id), 0),
    (SELECT count(*) FROM chunks WHERE document_id = documents.id),
    '{}'
FROM documents;
DROP TABLE documents;
ALTER TABLE documents_2 RENAME TO documents;
CREATE INDEX documents_by_content ON documents (content_hash);
CREATE INDEX documents_by_chunk ON documents (first_chunk, chunk_count);
ALTER TABLE failures ADD COLUMN sidecar TEXT NOT NULL DEFAULT '';
"""
"""Tables are made anew and then renamed, not the other way round, so that references to them keep their target."""

STEPS = {1: FROM_1}


def migrate(connection: sqlite3.Connection, version: int, *, to: int) -> None:
    """Bring the tables from format `version` to format `to`, inside the caller's transaction.

    References between tables must not be enforced meanwhile (`PRAGMA foreign_keys`, which only works outside of one).
    """
    for step in range(version, to):
        for statement in STEPS[step].split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {to}")
