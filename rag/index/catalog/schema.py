"""The tables of the catalog. A change here raises SCHEMA_VERSION and adds a step to `migrations.py`."""

SCHEMA_VERSION = 2

APPLICATION_ID = 0x67747874
"""What SQLite's header calls our files: "gtxt"."""

# Long fields live in `contents`, so that listing and filtering documents never load them.
SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE documents (
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
) STRICT;
CREATE INDEX documents_by_content ON documents (content_hash);
CREATE INDEX documents_by_chunk ON documents (first_chunk, chunk_count);
CREATE TABLE contents (
    document_id INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    page_starts TEXT NOT NULL,
    page_statuses TEXT NOT NULL,
    headings TEXT NOT NULL,
    places TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE vectors (id INTEGER PRIMARY KEY, text_hash BLOB NOT NULL UNIQUE, vector BLOB NOT NULL) STRICT;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    vector_id INTEGER NOT NULL REFERENCES vectors (id),
    generation INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    first_page INTEGER,
    last_page INTEGER,
    heading TEXT NOT NULL,
    place TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX chunks_by_document ON chunks (document_id, first_page, last_page);
CREATE INDEX chunks_by_vector ON chunks (vector_id);
CREATE INDEX chunks_by_generation ON chunks (generation);
CREATE TABLE removed_chunks (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL) STRICT;
CREATE INDEX removed_chunks_by_generation ON removed_chunks (generation);
CREATE TABLE failures (
    source TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    status TEXT NOT NULL, message TEXT NOT NULL, page INTEGER, sidecar TEXT NOT NULL
) WITHOUT ROWID, STRICT;
"""
