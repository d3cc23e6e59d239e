"""What a child of the nursery does. Arguments and results are JSON-ready; the embedder needs no model."""

from __future__ import annotations

import os
import sys
import time
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import rag
from rag import documents, specs
from rag.documents.loading import worker, workers
from rag.errors import IndexStoreError
from rag.index.catalog.integrity import check_catalog
from rag.index.vectors import layout
from rag.ingest import sync as ingest
from rag.testing import fakes
from rag.text import words
from rag.types import Document

MODES = ("hybrid", "dense", "keyword")
WINDOW_CHUNKS = 4
CHUNK_TOKENS, OVERLAP_TOKENS = 60, 8
QUESTIONS = ("harbour lamp 3", "keeper storm report", "winter")
DIMENSION = 64


class LoggingEmbedder(fakes.HashEmbedder):
    """Appends a line to a file for each text that it is about to embed, so that work can be counted after a kill."""

    def __init__(self, log=None):
        super().__init__(dimension=DIMENSION)
        self._log = log

    def embed_passages(self, texts, *, on_progress=None):
        if self._log:
            with closing_file(os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)) as log:
                os.write(log, b"embedded\n" * len(texts))
        return super().embed_passages(texts, on_progress=on_progress)


class closing_file:  # noqa: N801 (reads like contextlib.closing)
    """Closes a descriptor."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def __enter__(self):
        return self._descriptor

    def __exit__(self, *_):
        os.close(self._descriptor)


def warm_up():
    """Import all that the acts need; afterwards the process must still have one thread, or it could not be forked."""
    import faiss  # noqa: F401
    import filelock  # noqa: F401
    import rich.progress  # noqa: F401
    import tantivy  # noqa: F401

    import rag.cli
    import rag.cli.terminal

    fakes._direction = lru_cache(None)(fakes._direction)
    embedder = LoggingEmbedder()
    rag.split(Document("# A\n\nwords " * 50, "a.md", "A"), embedder=embedder)
    words.stems("warm")
    for name in (".txt", ".md"):
        documents.load_bytes(b"# A\n\nwords", source=f"a{name}")
    assert len(list(Path("/proc/self/task").iterdir())) == 1


def rehearse():
    """Index and search something, and tell about it, so that everything is imported."""
    with TemporaryDirectory() as folder:
        Path(folder, "sources").mkdir()
        Path(folder, "sources", "a.txt").write_text("words", encoding="utf-8")
        sync(index=f"{folder}/index", folder=f"{folder}/sources")
        look(index=f"{folder}/index")
        command(arguments=["search", "words", "--index", f"{folder}/index", "--json"])


def load_here(sources, **_):
    """`load_all` without processes of its own."""
    for source in sources:
        yield workers.loaded(source, worker.load_file(source))


def prepare(*, log=None, own_workers=False, refresh_often=False, small_layouts=False):
    """From here on, `minilm` is the embedder without a model, and files are loaded in this process.

    With `refresh_often`, what is derived is brought up to the catalog after every window, as in a long run. With
    `small_layouts`, a few dozen vectors are laid out as many thousands would be.
    """
    specs.open_embedder = lambda *_, **__: LoggingEmbedder(log)
    assert ingest.WINDOW_CHUNKS
    ingest.WINDOW_CHUNKS = WINDOW_CHUNKS
    assert ingest.SECONDS_BETWEEN_REFRESHES
    if refresh_often:
        ingest.SECONDS_BETWEEN_REFRESHES = 0
    if not own_workers:
        ingest.load_all = load_here
    assert layout.QUANTISED_FROM < layout.LISTS_FROM
    if small_layouts:
        layout.QUANTISED_FROM, layout.LISTS_FROM = 12, 24


def sync(*, index, folder, **how):
    """Make the index mirror the folder; returns the report. For `how` see `prepare`."""
    prepare(**how)
    sizes = ingest.ChunkSizes(CHUNK_TOKENS, OVERLAP_TOKENS)
    with rag.open_index(index, create=True) as opened:
        return rag.sync([folder], index=opened, sizes=sizes, jobs=1).to_dict()


def sync_and_close_the_folder(*, index, folder, at_text):
    """`sync`, and when text number `at_text` is to be embedded, nobody may write to the index folder any more."""
    seen = []

    class Closing(LoggingEmbedder):
        def embed_passages(self, texts, *, on_progress=None):
            seen.extend(texts)
            if len(seen) >= at_text:
                for path in (index, *map(str, Path(index).iterdir())):
                    Path(path).chmod(0o555 if Path(path).is_dir() else 0o444)
            return super().embed_passages(texts, on_progress=on_progress)

    prepare()
    specs.open_embedder = lambda *_, **__: Closing()
    with rag.open_index(index, create=True) as opened:
        return rag.sync([folder], index=opened, sizes=ingest.ChunkSizes(CHUNK_TOKENS, OVERLAP_TOKENS), jobs=1).to_dict()


def adopt(*, index):
    """What a first run does before its first document."""
    prepare()
    with rag.open_index(index, create=True) as opened:
        opened.adopt_embedder(chunks={"chunk_tokens": CHUNK_TOKENS, "overlap_tokens": OVERLAP_TOKENS})


def look(*, index, questions=QUESTIONS, **how):
    """Open, check the catalog, search as a reader does, verify; returns all of that and what the index holds."""
    prepare(**how)
    started = time.perf_counter()
    with rag.open_index(index) as opened:
        opened.catalog.counts()
        opening = time.perf_counter() - started
        at_once = check_catalog(opened.catalog)
        found = answers(opened, questions)
        searched = time.perf_counter() - started
        return {
            "at_once": at_once,
            "after": opened.verify() or opened.verify(),
            "searches": found,
            "documents": holdings(opened),
            "generation": opened.catalog.generation,
            "failed": sorted(opened.catalog.failures()),
            "opening": opening,
            "reopening": searched,
        }


def repair(*, index, **how):
    """What was wrong, and what is wrong after `repair()`."""
    prepare(**how)
    with rag.open_index(index) as opened:
        try:
            first = opened.verify()
        except IndexStoreError as error:
            first = [str(error)]
        return [first, opened.repair()]


def compact(*, index, **how):
    """Give back the room of what was removed."""
    prepare(**how)
    with rag.open_index(index) as opened:
        opened.compact()


def search(*, index, questions=QUESTIONS, **how):
    """Only search, in all modes."""
    prepare(**how)
    with rag.open_index(index) as opened:
        return answers(opened, questions)


def search_both(*, first, second):
    """Search two indexes that are open at once, turn by turn."""
    prepare()
    with rag.open_index(first) as one, rag.open_index(second) as other:
        return {
            f"{mode}: {question}": [answers(opened, [question])[f"{mode}: {question}"] for opened in (one, other)]
            for mode in MODES
            for question in QUESTIONS
        }


def use(*, index, **how):
    """All that a reader can do with an index, which need not be sound: look at it, search it, check it."""
    prepare(**how)
    with rag.open_index(index) as opened:
        sources = [row.source for row in opened.catalog.documents()]
        texts = {source: opened.catalog.document(source).text for source in sources}
        assert isinstance(opened.catalog.failures(), dict)
        return {"texts": texts, "searches": answers(opened, QUESTIONS), "problems": opened.verify()}


def answers(opened, questions):
    """For each mode and question: every hit as (source, start, end, text, score), best first."""
    return {
        f"{mode}: {question}": [
            (hit.source, hit.start, hit.end, hit.text, hit.score)
            for hit in rag.search(question, index=opened, mode=mode, k=1000)
        ]
        for mode in MODES
        for question in questions
    }


def holdings(opened):
    """Title, text and chunks (start, end, text, heading) by source; `complete` tells whether they are all its chunks."""
    held = {}
    for row in opened.catalog.documents():
        document = opened.catalog.document(row.source)
        chunks = chunks_of(opened, row.source)
        sizes = ingest.ChunkSizes(CHUNK_TOKENS, OVERLAP_TOKENS)
        expected = rag.split(document, embedder=LoggingEmbedder(), sizes=sizes)
        complete = [chunk[:3] for chunk in chunks] == [[c.start, c.end, c.text] for c in expected]
        held[row.source] = {"title": document.title, "text": document.text, "chunks": chunks, "complete": complete}
    return held


def chunks_of(opened, source):
    """Start, end, text and heading of each chunk of a document, in the order of its text."""
    columns = 'start, "end", chunks.text, heading'
    query = f"SELECT {columns} FROM chunks JOIN documents ON documents.id = document_id WHERE source = ? ORDER BY start"
    return [list(row) for row in opened.catalog.rows(query, (source,))]


def forget(*, index, source):
    """Remove one document."""
    prepare()
    with rag.open_index(index) as opened, opened.writing():
        opened.catalog.remove_document(source)
        opened.refresh()


def command(*, arguments, **how):
    """`rag …` as the terminal runs it; returns the exit code."""
    prepare(**how)
    from rag.cli import main

    sys.argv = ["rag", *arguments]
    try:
        main(arguments, prog_name="rag")
    except SystemExit as end:
        return end.code or 0
    return 0


def count_points(*, of, arguments):
    """The names of the points that another act passes, in order."""
    from faults import points

    names = points.watch()
    globals()[of](**arguments)
    return list(names)
