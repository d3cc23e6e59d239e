"""Taking documents out of an index by name."""

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
    """Take documents out of an index, and forget failed files. The files themselves are left alone.

    A source is a file, a folder (all that was indexed of it) or a glob over whole absolute paths. Raises UsageError for a
    source that fits nothing in the index, before anything is removed. Another writer is given `wait` seconds to end.
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
    """The known names that a source stands for: its own, those in the folder, else those that fit it as a glob."""
    if not str(source).strip():
        raise UsageError(
            "A source is an empty string. Name a document, a folder or a glob; `rag documents` lists what there is."
        )
    path = absolute_path(source)
    fitting = [name for name in known if name == str(source) or is_under(name, [path])]
    fitting = fitting or [name for name in known if fnmatchcase(name, str(source)) or fnmatchcase(name, path)]
    if not fitting:
        raise UsageError(
            f"The index {index} has no document {source}.{_nearest(path, known)} Nothing was removed; "
            "`rag documents` lists what there is."
        )
    return fitting


def _nearest(path: str, known: Collection[str]) -> str:
    """The document or folder whose name is closest; whole paths would all be close to each other."""
    by_name = {PurePath(place).name: place for name in known for place in (*map(str, PurePath(name).parents), name)}
    matches = get_close_matches(PurePath(path).name, by_name, n=1, cutoff=0.5)
    return f" Did you mean '{by_name[matches[0]]}'?" if matches else ""
