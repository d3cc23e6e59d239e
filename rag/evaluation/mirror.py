"""Data → an index to measure: that of a collection, kept up to its corpus, or the user's own."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.evaluation.data.collection import documents, is_collection
from rag.index.index import Index
from rag.ingest.prepare import hash_text
from rag.ingest.sync import add_documents
from rag.specs import open_index
from rag.system.files import cache_folder, expanded

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rag.evaluation.data.questions import Question
    from rag.protocols import Progress
    from rag.types import Document


class Silent:
    """Progress that nobody watches."""

    def expect(self, unit: str, count: int) -> None:
        """Ignore it."""

    def advance(self, unit: str, count: int = 1) -> None:
        """Ignore it."""


def data_at(data: Path | str) -> Path:
    """The collection or the file of questions. Raises UsageError where there is none."""
    path = expanded(data)
    if not path.exists():
        raise UsageError(f"There is no {path}. Name a folder with corpus.jsonl, or a file of questions in JSON lines.")
    return path


def own_index_of(data: Path, embedder: str | None) -> Path:
    """Where the index of a collection is kept: in the cache folder, one for each embedder."""
    digest = blake2b(f"{data.resolve()}\n{embedder or 'minilm'}".encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return cache_folder() / "evaluation" / f"{data.resolve().name}-{digest}"


@contextmanager
def index_for(
    data: Path, index: Index | str | Path | None, *, embedder: str | None = None, api_key: str | None = None, progress: Progress
) -> Iterator[Index]:
    """The index to measure, closed afterwards unless it was open; a collection's corpus is in it.

    Without `index`, a collection has its own in the cache folder. Raises UsageError for questions without an index.
    """
    has_corpus = is_collection(data)
    if index is None and not has_corpus:
        raise UsageError(f"{data} holds questions only. Name the index of the documents that they are about (--index).")
    if isinstance(index, Index):
        opened: AbstractContextManager[Index] = nullcontext(index)
    else:
        opened = open_index(index or own_index_of(data, embedder), create=has_corpus, embedder=embedder, api_key=api_key)
    with opened as one:
        if has_corpus:
            mirror(data, index=one, is_own=index is None, progress=progress)
        elif not len(one):
            raise UsageError(f"The index {one.path} holds no documents. Fill it with `rag index`.")
        yield one


def mirror(folder: Path, *, index: Index, is_own: bool, progress: Progress) -> int:
    """Make the index hold a collection's corpus, a document a line. Returns how many documents were new or changed.

    What is unchanged is not embedded again, and what a stopped run has added stays. Documents that are not in the corpus are
    removed from an index that is the collection's own; another one is refused with UsageError, and left as it was.
    """
    stamps, names, changed = index.catalog.stamps(), set(), set()
    for document in documents(folder):
        names.add(document.source)
        known = stamps.get(document.source)
        if known is None or known.content_hash != _content_of(document):
            changed.add(document.source)
    if not names:
        raise UsageError(f'{folder} has a corpus without a text. Write a document a line: {{"_id": …, "text": …}}')
    others = sorted(stamps.keys() - names)
    if others and not is_own:
        raise UsageError(
            f"The index {index.path} holds {len(others)} documents that are not in {folder}, such as {others[0]}. Name a new folder "
            "with --index, or leave it out."
        )
    if changed:
        progress.expect("indexing", len(changed))
        add_documents(_counted((one for one in documents(folder) if one.source in changed), progress), index=index)
    if others:
        with index.writing():
            for source in others:
                index.catalog.remove_document(source)
            index.refresh()
    return len(changed)


class Names:
    """The documents of an index by the names that people write: the end of a path, with or without the suffix.

    A collection's documents have ids, which are no paths and are written out in full.
    """

    def __init__(self, index: Index, data: Path) -> None:
        self.known = index.catalog.stamps().keys()
        self._by_name: dict[str, list[str]] = {}
        for source in () if is_collection(data) else self.known:
            for name in {Path(source).name, Path(source).stem}:
                self._by_name.setdefault(name, []).append(source)

    def source(self, name: str) -> str:
        """As the index calls it; what is not there stays as it is written. Raises UsageError where several documents fit."""
        fitting = [source for source in self._by_name.get(Path(name).name, []) if _ends_with(source, name)]
        if name in self.known or not fitting:
            return name
        if len(fitting) > 1:
            raise UsageError(f"The source '{name}' may be {fitting[0]} or {fitting[1]}. Write more of its path.")
        return fitting[0]

    def questions(self, read: Sequence[Question]) -> list[Question]:
        """The same with each expected source as the index calls it."""
        return [
            replace(question, expected=tuple(replace(one, source=self.source(one.source)) for one in question.expected))
            for question in read
        ]

    def unknown(self, questions: Sequence[Question]) -> list[str]:
        """Expected sources that no document is called by, each once."""
        expected = (one.source for question in questions for one in question.expected)
        return [source for source in dict.fromkeys(expected) if source not in self.known]


def embedder_of(index: Index) -> str | None:
    """The name of the embedder; None while there are no vectors."""
    identity = index.catalog.embedder_identity
    return identity.name if identity else None


def is_indexed(question: Question, known: Container[str]) -> bool:
    """Whether a document that should be found is there at all."""
    return any(one.source in known for one in question.expected if one.level > 0)


def _ends_with(source: str, name: str) -> bool:
    """Whether the path of a source ends in `name`, which may leave the suffix out."""
    ends, path = Path(name).parts, Path(source)
    return ends in (path.parts[-len(ends) :], path.with_suffix("").parts[-len(ends) :])


def _content_of(document: Document) -> str:
    """What `add_documents` keeps to tell whether a document has changed."""
    return hash_text(f"{document.title}\0{document.text}").hex()


def _counted(found: Iterable[Document], progress: Progress) -> Iterator[Document]:
    for document in found:
        yield document
        progress.advance("indexing")
