"""Prepare a loaded document: its chunks, their known vectors, and the texts to embed; then commit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

from rag.documents.chunking import embedded_text, split_text
from rag.text.surrogates import utf8

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rag.documents.loading.stamps import FileStamp
    from rag.index.index import Index
    from rag.protocols import Progress
    from rag.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that can be committed once its texts are embedded.

    `hashes[i]` identifies the embedded text of `chunks[i]`. `texts` maps hashes to texts that need embedding, `vectors` to
    the bytes of known vectors. `replaces` are sources that the commit removes, such as a former name.
    """

    document: Document
    stamp: FileStamp
    chunks: list[Chunk]
    hashes: list[bytes]
    texts: dict[bytes, str] = field(default_factory=dict)
    vectors: dict[bytes, bytes] = field(default_factory=dict)
    replaces: Sequence[str] = ()


def prepare(
    document: Document,
    stamp: FileStamp,
    *,
    index: Index,
    chunk_tokens: int,
    overlap_tokens: int,
    window: Iterable[Prepared] = (),
    replaces: Sequence[str] = (),
) -> Prepared:
    """Split a document and find the texts that need embedding.

    Embedded texts begin with the document's title, which may come from the file's name. A copy or a renamed file takes the
    vectors of a document with the same bytes, from the catalog or the uncommitted `window`, so that it costs nothing. Its
    vectors then carry the title of that document.
    """
    embedder = index.embedder
    chunks = split_text(document, count_tokens=embedder.count_tokens, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)
    for twin in window:
        if _is_same_content(twin, document, stamp) and twin.chunks == chunks:
            return Prepared(document, stamp, chunks, twin.hashes, replaces=replaces)
    twins = index.catalog.twin_chunks(stamp.content_hash, document.media_type, source=document.source, title=document.title)
    if [chunk for chunk, *_ in twins] == chunks:
        vectors = {text_hash: vector for _, text_hash, vector in twins}
        return Prepared(document, stamp, chunks, [h for _, h, _ in twins], vectors=vectors, replaces=replaces)
    limit = embedder.identity.max_tokens
    texts = [embedded_text(chunk, document.title, count_tokens=embedder.count_tokens, max_tokens=limit) for chunk in chunks]
    hashes = [hash_text(text) for text in texts]
    return Prepared(document, stamp, chunks, hashes, dict(zip(hashes, texts, strict=True)), replaces=replaces)


def commit(window: Sequence[Prepared], index: Index, *, progress: Progress | None = None) -> None:
    """Embed the new texts of all documents in the window together, then commit each document."""
    texts = {h: text for prepared in window for h, text in prepared.texts.items()}
    vectors = index.catalog.vectors_by_hash(
        texts
    )  # before any commit: replacing one document may drop a vector that another needs
    for prepared in window:
        vectors |= prepared.vectors
    fresh = [h for h in texts if h not in vectors]
    if fresh:
        report: Callable[[int], None] | None = None
        if progress:
            report = partial(progress.advance, "chunks")
        embedded = index.embedder.embed_passages([texts[h] for h in fresh], on_progress=report)
        vectors |= {h: vector.tobytes() for h, vector in zip(fresh, embedded, strict=True)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for prepared in window:
        index.catalog.replace_document(
            prepared.document,
            prepared.stamp,
            prepared.chunks,
            prepared.hashes,
            vectors,
            indexed_at=now,
            replaces=prepared.replaces,
        )
        if progress:
            progress.advance("documents")


def hash_text(text: str) -> bytes:
    """The hash that identifies an embedded text: 16 bytes."""
    return blake2b(utf8(text), digest_size=16).digest()


def _is_same_content(twin: Prepared, document: Document, stamp: FileStamp) -> bool:
    return (twin.stamp.content_hash, twin.document.media_type) == (stamp.content_hash, document.media_type)
