"""Remove documents from an index by name."""

from __future__ import annotations

import time
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from rag.arguments import PATH, listed
from rag.documents.common.sidecar import NOTATIONS
from rag.documents.loading.find import absolute_path, is_under
from rag.errors import UsageError
from rag.ingest.reports import RemoveReport
from rag.specs import using_index

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rag.index.index import Index


def remove(sources: Sequence[str | Path], *, index: Index | str | Path, wait: float = 2.0) -> RemoveReport:
    """Remove documents from an index, and forget failed files. The files themselves stay.

    A source is a file, a folder (all its documents) or a glob over whole absolute paths. Another writer gets `wait` seconds
    to finish. Raises IndexLockedError after that. Raises UsageError for a source that matches nothing, before anything is
    removed.

        report = rag.remove(["docs/drafts"], index="indexes/handbook")
        report.removed
    """
    sources = listed(sources, "sources", kinds=PATH, of="paths or globs")
    started = time.perf_counter()
    with using_index(index) as opened, opened.writing(patience=wait):
        documents = opened.catalog.stamps().keys()
        failures = opened.catalog.failures().keys()
        known = sorted(documents | failures)
        removed = sorted({name for source in sources for name in _fitting(source, known, opened.path)})
        for name in removed:
            if name in documents:
                opened.catalog.remove_document(name)
            for failed in failures & {name, *(name + ending for ending in NOTATIONS)}:
                opened.catalog.forget_failure(failed)
        opened.refresh()
        left, chunks = opened.catalog.counts()
        return RemoveReport(str(opened.path), tuple(removed), left, chunks, time.perf_counter() - started)


def _fitting(source: str | Path, known: Sequence[str], index: Path) -> list[str]:
    """The known names that a source matches: the same name, names in the folder, else names that match it as a glob."""
    if not str(source).strip():
        raise UsageError(
            "A source is an empty string. Name a document, a folder or a glob; `rag documents` lists the documents."
        )
    path = absolute_path(source)
    fitting = [name for name in known if name == str(source) or is_under(name, [path])]
    fitting = fitting or [name for name in known if fnmatchcase(name, str(source)) or fnmatchcase(name, path)]
    if not fitting:
        raise UsageError(
            f"The index {index} has no document {source}.{_nearest(path, known)} Nothing was removed; "
            "`rag documents` lists the documents."
        )
    return fitting


def _nearest(path: str, known: Collection[str]) -> str:
    """A hint with the closest name of a document or folder. Names are compared, since whole paths are all alike."""
    by_name = {PurePath(place).name: place for name in known for place in (*map(str, PurePath(name).parents), name)}
    matches = get_close_matches(PurePath(path).name, by_name, n=1, cutoff=0.5)
    return f" Did you mean '{by_name[matches[0]]}'?" if matches else ""
