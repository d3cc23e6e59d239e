"""What can be wrong with a catalog, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rag.errors import IndexFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.index.catalog.catalog import Catalog

VECTORS_A_BATCH = 4096


def check_catalog(catalog: Catalog) -> list[str]:
    """Every breach of what the catalog promises; empty when it is sound."""
    problems = [f"catalog.sqlite: {row[0]}" for row in catalog.rows("PRAGMA integrity_check") if row[0] != "ok"]
    if problems:
        return problems  # what follows could not be believed
    return [
        *(f"catalog.sqlite: broken reference in table {row[0]}" for row in catalog.rows("PRAGMA foreign_key_check")),
        *(problem for source in catalog.stamps() for problem in _document_problems(catalog, source)),
        *_number_problems(catalog),
        *_vector_problems(catalog),
    ]


def _document_problems(catalog: Catalog, source: str) -> Iterator[str]:
    try:
        document = catalog.document(source)
    except (IndexFormatError, TypeError, ValueError) as error:
        yield f"{source}: {error}"
        return
    if document is None:
        yield f"{source}: its text is missing"
        return
    chunks = catalog.rows(
        'SELECT chunks.id, start, "end", first_page, last_page, place, text, first_chunk, chunk_count, characters'
        " FROM documents LEFT JOIN chunks ON document_id = documents.id WHERE source = ? ORDER BY chunks.id",
        (source,),
    )
    *_, first_chunk, chunk_count, characters = chunks[0]
    if characters != len(document.text):
        yield f"{source}: has {len(document.text)} characters and is said to have {characters}"
    chunks = [row for row in chunks if row[0] is not None]
    if len(chunks) != chunk_count or any(row[0] != number for number, row in enumerate(chunks, first_chunk)):
        yield f"{source}: its chunks are not those numbered from {first_chunk}, {chunk_count} of them"
    for chunk, start, end, first_page, last_page, place, text, *_ in chunks:
        if document.text[start:end] != text:
            yield f"{source}: chunk {chunk} is not its text from {start} to {end}"
        if document.pages_of(start, end) != ((first_page, last_page) if first_page else None):
            yield f"{source}: chunk {chunk} is not on the pages {first_page} to {last_page}"
        if document.place_of(start, end) != place:
            yield f"{source}: chunk {chunk} is not at {place or 'no place'}"


def _number_problems(catalog: Catalog) -> Iterator[str]:
    """Numbers of chunks that were used twice, and generations that have not come yet."""
    both = catalog.rows("SELECT chunks.id FROM chunks JOIN removed_chunks ON removed_chunks.id = chunks.id")
    yield from (f"chunk {chunk} is there and is said to be removed" for (chunk,) in both)
    for table in ("chunks", "removed_chunks"):
        ((latest,),) = catalog.rows(f"SELECT coalesce(max(generation), 0) FROM {table}")
        if latest > catalog.generation:
            yield f"{table}: generation {latest} is later than the catalog's, {catalog.generation}"


def _vector_problems(catalog: Catalog) -> Iterator[str]:
    unused = catalog.rows("SELECT id FROM vectors WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE vector_id = vectors.id)")
    yield from (f"vector {vector} belongs to no chunk" for (vector,) in unused)
    identity = catalog.embedder_identity
    if identity is None:
        return
    last = 0
    query = "SELECT id, vector FROM vectors WHERE id > ? ORDER BY id LIMIT ?"
    while rows := catalog.rows(query, (last, VECTORS_A_BATCH)):
        last = rows[-1][0]
        wrong = [row for row in rows if len(row[1]) != 4 * identity.dimension]
        yield from (f"vector {vector} has not {identity.dimension} numbers" for vector, _ in wrong)
        sound = [row for row in rows if len(row[1]) == 4 * identity.dimension]
        lengths = np.linalg.norm(np.frombuffer(b"".join(row[1] for row in sound), np.float32).reshape(len(sound), -1), axis=1)
        yield from (
            f"vector {sound[i][0]} has length {lengths[i]:.3f} and not 1" for i in np.flatnonzero(~(abs(lengths - 1) < 0.01))
        )
