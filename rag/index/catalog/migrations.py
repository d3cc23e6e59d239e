"""Steps from each earlier format of the catalog to the next. Nothing is embedded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.index.catalog.schema import SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    import sqlite3

EARLIEST = 1

ROWS_FROM_1 = {
    "settings": "SELECT name, value FROM settings",
    "documents": """
        SELECT id, source, title, media_type, size, modified_ns, content_hash, '', indexed_at,
            nullif(json_array_length(page_starts), 0), length(text),
            coalesce((SELECT min(chunks.id) FROM chunks WHERE document_id = documents.id), 0),
            (SELECT count(*) FROM chunks WHERE document_id = documents.id),
            '{}'
        FROM documents""",
    "contents": "SELECT id, page_starts, page_statuses, headings, 'null', text FROM documents",
    "vectors": "SELECT id, text_hash, vector FROM vectors",
    "chunks": """
        SELECT id, document_id, vector_id, generation, start, "end", first_page, last_page, heading, '', text FROM chunks""",
    "removed_chunks": "SELECT id, generation FROM removed_chunks",
    "failures": "SELECT source, size, modified_ns, status, message, page, '' FROM failures",
}
"""What each table of format 2 holds of the tables of format 1."""

NEVER_AGAIN = "INSERT OR REPLACE INTO sqlite_sequence (name, seq) SELECT '{0}_2', seq FROM sqlite_sequence WHERE name = '{0}'"
"""The numbers that a table has given, those of rows that are gone included."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from format `version` to the present one, inside the caller's transaction.

    References between tables must not be enforced meanwhile (`PRAGMA foreign_keys`, which only works outside of one).
    """
    assert (version, SCHEMA_VERSION) == (1, 2), "the next format needs a step of its own, and this one its own copy of SCHEMA"
    tables = [statement for statement in SCHEMA.split(";\n") if "CREATE TABLE" in statement]
    for statement in tables:
        connection.execute(statement.replace(" (", "_2 (", 1))
    for table, rows in ROWS_FROM_1.items():
        connection.execute(f"INSERT INTO {table}_2 {rows}")
    for table in ("documents", "chunks"):
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (f"{table}_2",))
        connection.execute(NEVER_AGAIN.format(table))
    # the new take the names of the old, and not the other way round, so that references keep their target
    for table in ROWS_FROM_1:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    for table in ROWS_FROM_1:
        connection.execute(f"ALTER TABLE {table}_2 RENAME TO {table}")
    for statement in SCHEMA.split(";\n"):
        if "CREATE INDEX" in statement:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
