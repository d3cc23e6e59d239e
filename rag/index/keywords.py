"""Words in tantivy (BM25), derived from the catalog."""

from __future__ import annotations

import json
import os
import re
import weakref
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rag.errors import IndexFormatError, IndexStoreError
from rag.index.checksums import Checksum, are_intact, checksum
from rag.index.stamped import read_stamped, take_away, write_stamped
from rag.index.vectors.vectors import NOT_AS_WRITTEN
from rag.text.scripts import spelled
from rag.text.words import analyzer, content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from rag.index.vectors.vectors import IsKnown
    from rag.types import Hit

    Chunks = npt.NDArray[np.int64]

FOLDER = "keywords"
STAMP = "keywords.stamp"
WRITER_BYTES = 48_000_000
FEW = 20_000
"""Up to this number, allowed chunks are named in the query; beyond it, a longer ranking is filtered."""

SPELLING = "words-3"
"""Raised with every change to how words are spelled, stemmed or counted: tantivy keeps it with the files, and older ones are made
anew."""

_NAME_OF_OURS = re.compile(r"\.?[\w-]+(\.[\w-]+)*")
DAMAGED = "The words in {} are damaged. Repair them: rag verify --repair"
MOST_NAMED = 10_000_000
META, MANAGED = "meta.json", ".managed.json"


class KeywordStore:
    """BM25 over chunks, each with its title, which counts twice, and heading in front; higher scores are better.

    It opens as empty, at generation 0, where its files are missing or damaged. `thorough` reads every byte of them, whatever
    is remembered of an earlier reading. `recent` may hold what came later than the files (its scores weigh words by how
    rare they are among the recent chunks alone), and `outdated` what has gone since.
    """

    def __init__(self, folder: Path, *, is_known: IsKnown, thorough: bool = False) -> None:
        self.is_in_memory = False
        self._home = folder
        self.folder = folder / FOLDER
        self.generation = 0
        self.recent: KeywordStore | None = None
        self.outdated: frozenset[int] = frozenset()
        self._index: Any = None
        self._checksums: dict[str, Checksum] = {}
        self._links: Path | None = None
        self.is_spelled_otherwise = False
        """Whether the files are sound and hold words as another version of this package spelled them."""
        stamp = read_stamped(folder / STAMP)
        if stamp is not None and is_known(stamp.generation, stamp.token):
            try:
                self._open(stamp.generation, stamp.payload, thorough=thorough)
            except (IndexFormatError, OSError, *NOT_AS_WRITTEN):
                self._index = None

    def _open(self, generation: int, payload: memoryview, *, thorough: bool) -> None:
        import tantivy

        files = {str(name): Checksum(int(size), int(crc)) for name, (size, crc) in json.loads(bytes(payload)).items()}
        there = self.folder.is_dir() and not self.folder.is_symlink() and META in files
        if not there or not are_intact(self.folder, files, remember=not thorough):
            return
        if not (_is_all_summed(self.folder, files) and _is_of_its_size(self.folder, files)):
            return
        self.is_spelled_otherwise = _spelling(self.folder) != SPELLING
        if self.is_spelled_otherwise:
            return
        with panics_as_damage(self.folder):
            self._index = tantivy.Index(_schema(), path=str(self._place_to_open(files)), reuse=True)
            self._prepare()
            self._index.searcher()
        self._checksums = files
        self.generation = generation

    def _place_to_open(self, files: Iterable[str]) -> Path:
        """The folder; where it cannot be written, one of links to its files, for tantivy makes a lock even to read."""
        if os.access(self.folder, os.W_OK):
            return self.folder
        self._links = Path(mkdtemp(prefix="groundtext-"))
        weakref.finalize(self, rmtree, self._links, ignore_errors=True)
        for name in files:
            (self._links / name).symlink_to((self.folder / name).absolute())
        return self._links

    @classmethod
    def in_memory(cls, *, generation: int = 0) -> Self:
        """An empty one that writes no file, for what the catalog has gained since a generation."""
        store = cls(Path(), is_known=lambda generation, token: False)
        store.is_in_memory = True
        store.generation = generation
        return store

    @classmethod
    def stamped_generation(cls, folder: Path) -> int:
        """The generation that the files in an index folder say they hold; 0 where there are none."""
        stamp = read_stamped(folder / STAMP)
        return stamp.generation if stamp else 0

    @property
    def has_files(self) -> bool:
        """Whether there were files to open, and all were as written."""
        return self._index is not None and not self.is_in_memory

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs) if self._index is not None else 0

    def apply(self, added: Iterable[Hit], outdated: Sequence[int], *, generation: int, new_token: Callable[[], str]) -> None:
        """Commit a change to the files: `outdated` chunks go, then `added` ones come. Raises IndexFormatError for damaged files.

        A chunk may be in both, so that a change which was half applied before can be applied again. `new_token` is asked when
        all is written. Raises IndexStoreError where the files cannot be written.
        """
        import tantivy

        if self._links is not None:
            raise IndexStoreError(f"The words in {self.folder} cannot be written. Check the permissions of that folder.")
        if self._index is None:
            self._create()
        with panics_as_damage(self.folder), _refusals_told_plainly(self.folder):
            writer = self._index.writer(heap_size=WRITER_BYTES, num_threads=1)
            if outdated and len(self):
                writer.delete_documents_by_query(tantivy.Query.term_set_query(_schema(), "chunk", list(outdated)))
            for hit in added:
                words = spelled(f"{hit.title}\n{hit.title}\n{hit.heading}\n{hit.text}")
                writer.add_document(tantivy.Document.from_dict({"chunk": hit.chunk, "words": words}, _schema()))
            writer.commit()
            self.generation = generation
            token = "" if self.is_in_memory else new_token()
            self._stamp(token, merging=True)  # merging may take long, and readers should not have to wait for it
            writer.wait_merging_threads()
            self._index.reload()
        self._stamp(token)

    def _stamp(self, token: str, *, merging: bool = False) -> None:
        """Sum the files that are new; tantivy never changes a file, but for the two that name the others.

        While it is merging, only what is committed counts: other files are still being written.
        """
        if self.is_in_memory:
            return
        known = {name: known for name, known in self._checksums.items() if name not in (META, MANAGED)}
        self._checksums = {}
        committed = _segments(self.folder)
        for path in sorted(self.folder.iterdir()):
            counts = path.name == META or _segment_of(path.name) in committed if merging else path.suffix != ".lock"
            if counts and path.is_file():
                with suppress(FileNotFoundError):  # a merge may take away what it has replaced
                    self._checksums[path.name] = known.get(path.name) or checksum(path)
        payload = json.dumps({name: [known.bytes, known.crc32] for name, known in self._checksums.items()})
        write_stamped(self._home / STAMP, payload.encode(), generation=self.generation, token=token)

    def _create(self) -> None:
        import tantivy

        if self.is_in_memory:
            self._index = tantivy.Index(_schema())
        else:
            remove(self._home)
            self.folder.mkdir()
            self._checksums = {}
            self._index = tantivy.Index(_schema(), path=str(self.folder))
        self._prepare()

    def _prepare(self) -> None:
        """It stays at what it was opened at, or wrote itself; by default it would follow what other processes commit."""
        self._index.register_tokenizer(SPELLING, analyzer())
        self._index.config_reader(reload_policy="Manual")

    def search(self, question: str, n: int, *, among: Chunks | None = None) -> list[tuple[int, float]]:
        """At most `n` (chunk, BM25 score), best first; with `among` (ascending), of those chunks only.

        A word that the question repeats counts as often as it occurs.
        """
        words = Counter(content_stems(question) or stems(question))
        if not words or n < 1 or (among is not None and not len(among)):
            return []
        pairs = [pair for pair in self._found(words, n + len(self.outdated), among) if pair[0] not in self.outdated]
        pairs += self.recent._found(words, n, among) if self.recent else []
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:n]

    def _found(self, words: Mapping[str, int], n: int, among: Chunks | None) -> list[tuple[int, float]]:
        if self._index is None:
            return []
        with panics_as_damage(self.folder), _nonsense_as_damage(self.folder):
            if among is None or len(among) <= FEW:
                return self._ranked(words, n, named=among)
            return self._filtered(words, n, among)

    def _ranked(self, words: Mapping[str, int], n: int, *, named: Chunks | None = None) -> list[tuple[int, float]]:
        import tantivy

        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, _wanted(word, count)) for word, count in words.items()])
        if named is not None:
            allowed = tantivy.Query.const_score_query(tantivy.Query.term_set_query(_schema(), "chunk", named.tolist()), 0.0)
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, allowed)])
        searcher = self._index.searcher()
        found = searcher.search(query, min(n, max(1, int(searcher.num_docs))), count=False).hits
        chunks = searcher.fast_field_values("chunk", [address for _, address in found])
        return [(int(chunk), float(score)) for chunk, (score, _) in zip(chunks, found, strict=True)]

    def _filtered(self, words: Mapping[str, int], n: int, among: Chunks) -> list[tuple[int, float]]:
        """Longer and longer rankings until `n` of the allowed chunks are in one, or it is the whole."""
        depth = 2 * n
        while True:
            ranked = self._ranked(words, depth)
            chunks = np.array([chunk for chunk, _ in ranked], np.int64)
            kept = among[np.minimum(np.searchsorted(among, chunks), len(among) - 1)] == chunks
            if kept.sum() >= n or len(ranked) < depth:
                return [pair for pair, keep in zip(ranked, kept, strict=True) if keep][:n]
            depth *= 4

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """The number of passages that contain each word. Passages removed since the files were written still count."""
        found = dict.fromkeys(words, 0)
        if self._index is not None:
            with panics_as_damage(self.folder):
                searcher = self._index.searcher()
                found = {word: int(searcher.doc_freq("words", word)) for word in words}
        recent = self.recent.frequencies(words) if self.recent else {}
        return {word: number + recent.get(word, 0) for word, number in found.items()}

    def ids(self, at_most: int = MOST_NAMED) -> set[int]:
        """The chunks whose words are here; no more than `at_most` of the files', for files may claim any number."""
        import tantivy

        ids = self.recent.ids() if self.recent else set()
        if not len(self):
            return ids
        with panics_as_damage(self.folder), _nonsense_as_damage(self.folder):
            searcher = self._index.searcher()
            hits = searcher.search(tantivy.Query.all_query(), min(len(self), at_most + len(self.outdated)), count=False).hits
            found = set(searcher.fast_field_values("chunk", [address for _, address in hits]))
        return ids | (found - self.outdated)


def _wanted(word: str, count: int) -> Any:
    """A query for a word that counts `count` times."""
    import tantivy

    query = tantivy.Query.term_query(_schema(), "words", word)
    return query if count == 1 else tantivy.Query.boost_query(query, float(count))


def remove(folder: Path) -> None:
    """Take away the keywords of an index folder, whatever is in their place."""
    take_away(folder / FOLDER)
    take_away(folder / STAMP)


@contextmanager
def panics_as_damage(folder: Path) -> Iterator[None]:
    """tantivy panics over damaged files. Its panic is not an Exception, and would pass every handler."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise IndexFormatError(DAMAGED.format(folder)) from error
        raise


@contextmanager
def _nonsense_as_damage(folder: Path) -> Iterator[None]:
    """Numbers and texts that are missing or cannot be: files that hold what tantivy never writes, with the right sums."""
    try:
        yield
    except NOT_AS_WRITTEN as error:
        raise IndexFormatError(DAMAGED.format(folder)) from error


@contextmanager
def _refusals_told_plainly(folder: Path) -> Iterator[None]:
    """tantivy reports a full disk, and everything else that it cannot do, with a ValueError."""
    try:
        yield
    except ValueError as error:
        raise IndexStoreError(f"The words in {folder} could not be written: {error}.") from error


def _is_all_summed(folder: Path, files: Iterable[str]) -> bool:
    """Whether all that tantivy will read is among the files that were summed, and nothing that it names lies outside.

    What `.managed.json` lists, it may delete.
    """
    managed = json.loads((folder / MANAGED).read_text(encoding="utf-8"))
    committed = _segments(folder)
    if not all(isinstance(name, str) and _NAME_OF_OURS.fullmatch(name) for name in (*managed, *committed)):
        return False
    entries = list(os.scandir(folder))
    plain = all(entry.is_file(follow_symlinks=False) for entry in entries)
    return plain and {entry.name for entry in entries if _segment_of(entry.name) in committed} <= set(files)


def _is_of_its_size(folder: Path, files: Mapping[str, Checksum]) -> bool:
    """Whether no segment claims more passages than its lengths, a byte each, have room for: tantivy would count them all."""
    claimed = _segments(folder)
    return all(0 <= passages <= files[f"{segment}.fieldnorm"].bytes for segment, passages in claimed.items())


def _segments(folder: Path) -> dict[str, int]:
    """What the files of each committed segment begin with, and how many passages it claims, deleted ones too.

    Raises what reading JSON of another shape raises.
    """
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    return {segment["segment_id"].replace("-", ""): segment["max_doc"] for segment in meta["segments"]}


def _spelling(folder: Path) -> object:
    """What the words in the files are spelled by. Raises what reading JSON of another shape raises."""
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    fields = {field["name"]: field for field in meta["schema"]}
    return fields["words"]["options"]["indexing"]["tokenizer"]


def _segment_of(name: str) -> str:
    return name.partition(".")[0]


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder().add_unsigned_field("chunk", indexed=True, fast=True)
    return builder.add_text_field("words", tokenizer_name=SPELLING, index_option="freq").build()
