"""A document that was loaded → its chunks and the vectors they have already, or the texts that are still to be embedded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
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
    """A document that is ready to be committed once its texts are embedded.

    `hashes[i]` identifies what was, or will be, embedded for `chunks[i]`. `texts` has what to embed by its hash, `vectors`
    the bytes of vectors that are taken over. `replaces` are sources that end with the commit, such as its former name.
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
    """Split a document, and find out what has to be embedded.

    What is embedded begins with the document's title, which may be made of its file's name. So that a copy, or a file
    with a new name, costs nothing, it takes over the vectors of a document with the same bytes, in the catalog or in the
    `window` that is not committed yet: they carry the title that the content had when it was first seen.
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
    """Embed what the catalog has no vector for, all documents of the window together; then commit each document."""
    texts = {h: text for prepared in window for h, text in prepared.texts.items()}
    vectors = index.catalog.vectors_by_hash(texts)  # held until all are committed: one document may drop what another needs
    for prepared in window:
        vectors |= prepared.vectors
    fresh = [h for h in texts if h not in vectors]
    if fresh:
        report: Callable[[int], None] | None = (lambda n: progress.advance("chunks", n)) if progress else None
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
    """What identifies a text that is embedded."""
    return blake2b(utf8(text), digest_size=16).digest()


def _is_same_content(twin: Prepared, document: Document, stamp: FileStamp) -> bool:
    return (twin.stamp.content_hash, twin.document.media_type) == (stamp.content_hash, document.media_type)
