"""Words in tantivy (BM25), derived from the catalog."""

from __future__ import annotations

import json
import shutil
import zlib
from typing import TYPE_CHECKING, Any

from rag.indexes.stamped import read_stamped, write_stamped
from rag.words import analyzer, content_stems, segment_cjk, stems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from rag.types import Hit

WRITER_BYTES = 48_000_000


class KeywordStore:
    """BM25 over chunks, each with its title and heading in front; higher scores are better."""

    FOLDER = "keywords"
    STAMP = "keywords.stamp"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.FOLDER
        self.stamp = folder / self.STAMP
        self.generation = 0
        self._index: Any = None
        self._open()

    def _open(self) -> None:
        import tantivy

        stamped = read_stamped(self.stamp)
        if stamped is None or not _is_intact(self.folder, json.loads(bytes(stamped[1]))):
            return
        self._index = tantivy.Index(_schema(), path=str(self.folder), reuse=True)
        self._index.register_tokenizer("words", analyzer())
        self.generation = stamped[0]

    @classmethod
    def stamped_generation(cls, folder: Path) -> int:
        """The generation that the files in an index folder say they hold; 0 where there are none."""
        stamped = read_stamped(folder / cls.STAMP)
        return stamped[0] if stamped else 0

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs) if self._index is not None else 0

    def apply(self, added: Iterable[Hit], outdated: Sequence[int], *, generation: int) -> None:
        """Commit a change to the files: `outdated` chunks go, then `added` ones come.

        A chunk may be in both, so that a change which was half applied before can be applied again.
        """
        import tantivy

        if self._index is None:
            self._create()
        writer = self._index.writer(heap_size=WRITER_BYTES, num_threads=1)
        if outdated and len(self):
            writer.delete_documents_by_query(tantivy.Query.term_set_query(_schema(), "chunk", list(outdated)))
        for hit in added:
            words = segment_cjk(f"{hit.title}\n{hit.heading}\n{hit.text}")
            writer.add_document(tantivy.Document.from_dict({"chunk": hit.chunk, "words": words}, _schema()))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self.generation = generation
        write_stamped(self.stamp, json.dumps(_checksums(self.folder)).encode(), generation=generation)

    def _create(self) -> None:
        import tantivy

        if self.folder.is_dir():
            shutil.rmtree(self.folder)
        else:
            self.folder.unlink(missing_ok=True)
        self.folder.mkdir()
        self._index = tantivy.Index(_schema(), path=str(self.folder))
        self._index.register_tokenizer("words", analyzer())

    def search(self, question: str, n: int, *, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, BM25 score), best first; with `among`, of those chunks only."""
        import tantivy

        words = dict.fromkeys(content_stems(question) or stems(question))
        if self._index is None or not words or (among is not None and not len(among)):
            return []
        query = tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, tantivy.Query.term_query(_schema(), "words", word)) for word in words]
        )
        if among is not None:
            allowed = tantivy.Query.const_score_query(
                tantivy.Query.term_set_query(_schema(), "chunk", [int(chunk) for chunk in among]), 0.0
            )
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, allowed)])
        searcher = self._index.searcher()
        found = searcher.search(query, n, count=False).hits
        chunks = searcher.fast_field_values("chunk", [address for _, address in found])
        pairs = [(int(chunk), float(score)) for chunk, (score, _) in zip(chunks, found, strict=True)]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

    def ids(self) -> set[int]:
        """The chunks whose words are here."""
        import tantivy

        if not len(self):
            return set()
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.all_query(), len(self), count=False).hits
        return set(searcher.fast_field_values("chunk", [address for _, address in hits]))


def _checksums(folder: Path) -> dict[str, int]:
    """CRC-32 of every file: tantivy aborts on files that are damaged, so it must not be shown any."""
    return {path.name: zlib.crc32(path.read_bytes()) for path in sorted(folder.glob("[!.]*")) if path.is_file()}


def _is_intact(folder: Path, checksums: dict[str, int]) -> bool:
    """Whether the files that were stamped are as they were; a writer at work adds others."""
    try:
        return all(zlib.crc32((folder / name).read_bytes()) == checksum for name, checksum in checksums.items())
    except OSError:
        return False


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder().add_unsigned_field("chunk", indexed=True, fast=True)
    return builder.add_text_field("words", tokenizer_name="words", index_option="freq").build()
