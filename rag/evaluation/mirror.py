"""Test data → the index to measure: one that mirrors a collection's corpus, or the user's own."""

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
    """Progress that shows nothing."""

    def expect(self, unit: str, count: int) -> None:
        """Ignore it."""

    def advance(self, unit: str, count: int = 1) -> None:
        """Ignore it."""


def data_at(data: Path | str) -> Path:
    """The path of the collection or the file of questions. Raises UsageError if it does not exist."""
    path = expanded(data)
    if not path.exists():
        raise UsageError(f"There is no {path}. Name a folder with corpus.jsonl, or a file of JSON lines with questions.")
    return path


def own_index_of(data: Path, embedder: str | None) -> Path:
    """The folder of a collection's own index: in the cache folder, a separate one for each embedder."""
    digest = blake2b(f"{data.resolve()}\n{embedder or 'minilm'}".encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return cache_folder() / "evaluation" / f"{data.resolve().name}-{digest}"


@contextmanager
def index_for(
    data: Path, index: Index | str | Path | None, *, embedder: str | None = None, api_key: str | None = None, progress: Progress
) -> Iterator[Index]:
    """Open the index to measure, with the corpus of a collection indexed. An open index is not closed afterwards.

    Without `index`, a collection gets its own in the cache folder. Raises UsageError for questions without an index.
    """
    has_corpus = is_collection(data)
    if index is None and not has_corpus:
        raise UsageError(f"{data} holds questions only. Name the index of the documents that they are about (--index).")
    if isinstance(index, Index):
        opened: AbstractContextManager[Index] = nullcontext(index)
    else:
        opened = open_index(index or own_index_of(data, embedder), create=has_corpus, embedder=embedder, api_key=api_key)
    with opened as measured:
        if has_corpus:
            mirror(data, index=measured, is_own=index is None, progress=progress)
        elif not len(measured):
            raise UsageError(f"The index {measured.path} holds no documents. Fill it with `rag index`.")
        yield measured


def mirror(folder: Path, *, index: Index, is_own: bool, progress: Progress) -> int:
    """Index a collection's corpus, in which each line is a document. Returns the number of new and changed documents.

    Unchanged documents are not embedded again, and a stopped run keeps the documents that it added. Documents outside the
    corpus are removed if the index is the collection's own (`is_own`). Otherwise they raise UsageError, and nothing changes.
    """
    stamps, names, changed = index.catalog.stamps(), set(), set()
    for document in documents(folder):
        names.add(document.source)
        known = stamps.get(document.source)
        if known is None or known.content_hash != _content_of(document):
            changed.add(document.source)
    if not names:
        raise UsageError(f'{folder} has a corpus without text. Write one document in each line: {{"_id": …, "text": …}}')
    others = sorted(stamps.keys() - names)
    if others and not is_own:
        raise UsageError(
            f"The index {index.path} holds {len(others)} documents that are not in {folder}, such as {others[0]}. Name a new folder "
            "with --index, or leave that option out."
        )
    if changed:
        progress.expect("indexing", len(changed))
        add_documents(
            _counted((document for document in documents(folder) if document.source in changed), progress), index=index
        )
    if others:
        with index.writing():
            for source in others:
                index.catalog.remove_document(source)
            index.refresh()
    return len(changed)


class Names:
    """Finds the documents of an index by the names that people write: the end of a path, with or without the suffix.

    The documents of a collection have ids, not paths; ids must match in full.
    """

    def __init__(self, index: Index, data: Path) -> None:
        self.known = index.catalog.stamps().keys()
        self._by_name: dict[str, list[str]] = {}
        for source in () if is_collection(data) else self.known:
            for name in {Path(source).name, Path(source).stem}:
                self._by_name.setdefault(name, []).append(source)

    def source(self, name: str) -> str:
        """The source in the index; an unknown name is returned unchanged. Raises UsageError if several documents match."""
        matches = [source for source in self._by_name.get(Path(name).name, []) if _ends_with(source, name)]
        if name in self.known or not matches:
            return name
        if len(matches) > 1:
            raise UsageError(f"The source '{name}' may be {matches[0]} or {matches[1]}. Write more of its path.")
        return matches[0]

    def questions(self, read: Sequence[Question]) -> list[Question]:
        """The questions, with each expected source as in the index."""
        found = []
        for question in read:
            expected = tuple(replace(entry, source=self.source(entry.source)) for entry in question.expected)
            found.append(replace(question, expected=expected))
        return found

    def unknown(self, questions: Sequence[Question]) -> list[str]:
        """Expected sources that match no document, each once."""
        expected = (entry.source for question in questions for entry in question.expected)
        return [source for source in dict.fromkeys(expected) if source not in self.known]


def embedder_of(index: Index) -> str | None:
    """The name of the index's embedder; None if the index has no vectors."""
    identity = index.catalog.embedder_identity
    return identity.name if identity else None


def is_indexed(question: Question, known: Container[str]) -> bool:
    """Whether the index has an expected document."""
    return any(entry.source in known for entry in question.expected if entry.level > 0)


def _ends_with(source: str, name: str) -> bool:
    """Whether the path of a source ends with `name`, which may lack the suffix."""
    ends, path = Path(name).parts, Path(source)
    return ends in (path.parts[-len(ends) :], path.with_suffix("").parts[-len(ends) :])


def _content_of(document: Document) -> str:
    """The content hash that `add_documents` stores to find changed documents."""
    return hash_text(f"{document.title}\0{document.text}").hex()


def _counted(found: Iterable[Document], progress: Progress) -> Iterator[Document]:
    for document in found:
        yield document
        progress.advance("indexing")
