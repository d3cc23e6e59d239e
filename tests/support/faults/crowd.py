"""What several processes do with one index at once."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import rag
from faults import acts
from rag.ingest.sync import ChunkSizes, add_documents
from rag.types import Document

REPEATED = 25


def text_of(number, version):
    """A document of several chunks; its text tells which version it is, from the first word to the last."""
    paragraph = " ".join([f"lamp v{version} harbour d{number}"] * REPEATED)
    return "\n\n".join(f"Part {part} {paragraph} end" for part in range(3))


def write(*, index, rounds, documents, tend=False):
    """Add, change and remove documents again and again. Document 0 stays; "done" is added last.

    With `tend`, the index is compacted and repaired in between.
    """
    acts.prepare(refresh_often=True)
    sizes = ChunkSizes(acts.CHUNK_TOKENS, acts.OVERLAP_TOKENS)
    with rag.open_index(index, create=True) as opened:
        for version in range(rounds):
            for number in range(documents):
                add_documents([Document(text_of(number, version), f"d{number}", "T")], index=opened, sizes=sizes)
            for number in range(1, documents, 2):
                with opened.writing(patience=20):
                    opened.catalog.remove_document(f"d{number}")
                    opened.refresh()
            if tend:
                opened.compact(patience=20)
                opened.repair()
        add_documents([Document("the end has come", "done", "T")], index=opened, sizes=sizes)


def read(*, index, threads=2, until="done", seconds=30.0):
    """Search in all modes without pause until each has found the document `until`.

    Returns what was wrong, how many searches ran, and what verify says then.
    """
    acts.prepare()
    problems, searches, found = [], [], set()
    deadline = time.monotonic() + seconds
    with rag.open_index(index) as opened:

        def search():
            try:
                while len(found) < len(acts.MODES) and time.monotonic() < deadline:
                    for mode in acts.MODES:
                        hits = rag.search("the end of harbour lamp", index=opened, mode=mode, k=50)
                        searches.append(mode)
                        problems.extend(problem for hit in hits if (problem := wrong(hit)))
                        found.update(mode for hit in hits if hit.source == until)
            except BaseException as error:  # noqa: BLE001 (told to the parent)
                problems.append(f"{type(error).__name__}: {error}")

        workers = [threading.Thread(target=search) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        left = opened.verify() if len(found) == len(acts.MODES) else [f"the last document was seen only by {sorted(found)}"]
    return {"problems": problems[:5], "searches": len(searches), "left": left}


def wrong(hit):
    """Why a hit is not a whole piece of a whole version of its document; empty where it is."""
    if hit.source == "done":
        return ""
    versions = {word for word in hit.text.split() if word[:1] == "v" and word[1:].isdigit()}
    if len(versions) != 1:
        return f"{hit.source} from {hit.start} to {hit.end} is of versions {sorted(versions)}"
    whole = text_of(int(hit.source[1:]), int(versions.pop()[1:]))
    return "" if whole[hit.start : hit.end] == hit.text else f"{hit.source} from {hit.start} to {hit.end} is not its text"


def hold(*, index, until):
    """Be the writer until a file appears; another file tells that it is one."""
    acts.prepare()
    with rag.open_index(index) as opened, opened.writing():
        Path(f"{until}.held").touch()
        while not os.path.exists(until):  # noqa: PTH110 (as cheap as can be)
            time.sleep(0.01)


def add(*, index, patience):
    """Add a document as a second writer does; returns how long that took."""
    acts.prepare()
    started = time.monotonic()
    with rag.open_index(index) as opened, opened.writing(patience=patience):
        return time.monotonic() - started
