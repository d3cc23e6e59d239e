"""What `rag ask` begins before its turn comes: a graph is loaded outside of Python's lock, meanwhile a server is asked."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.protocols import Searchable

MOST_CHARACTERS = 2000
"""Of a longer question only so much is embedded ahead: it is not what the search will ask for, but the graph is loaded."""

_HTTPX_COMMAND = "httpx._main"


@contextmanager
def embedding_ahead(question: str, index: Searchable) -> Iterator[None]:
    """Meanwhile a thread loads the packaged embedder and embeds the question; the search then finds that done.

    Nothing that goes wrong there is told: it goes wrong again where the search needs it. Who leaves early, by an error or
    Ctrl-C, waits at the end of the process for the step at hand, 0.2 s at most: so the packaged embedder alone is loaded, and
    only where its graph is made already. Others may take seconds, or ask a server.
    """
    if not question.strip() or getattr(index, "embedder_spec", "") != "minilm":
        yield
        return
    from rag.system.waiting import as_completed

    left = threading.Event()
    thread = ThreadPoolExecutor(1, "embedding ahead")
    try:
        next(as_completed([thread.submit(_import_embedder)]))
        thread.submit(_embed, question, index, left)
        yield
    finally:
        left.set()
        thread.shutdown(wait=False, cancel_futures=True)


def _import_embedder() -> None:
    """All that loading imports. The main thread waits for it and imports nothing meanwhile.

    Ctrl-C would make an ImportError of OpenVINO's own start, and where two threads import, it can leave Python's lock of
    imports closed to all but the main one.
    """
    import tokenizers  # noqa: F401

    import rag.models.embedders.openvino  # noqa: F401
    from rag.models.embedders.openvino_graph import load_openvino
    from rag.system.files import cache_folder

    load_openvino()
    cache_folder()


def _embed(question: str, index: Searchable, left: threading.Event) -> None:
    from rag.models.embedders.openvino_graph import stored_graph
    from rag.models.pretrained import packaged_minilm

    if not len(index) or stored_graph(packaged_minilm()) is None or left.is_set():
        return
    embedder = index.embedder
    if not left.is_set():
        embedder.embed_question(question[:MOST_CHARACTERS])


def import_httpx() -> None:
    """Import httpx without the command of its own that it brings: with rich and pygments, that takes as long as all the rest.

    And with what it imports itself once it runs in an event loop, where all else waits for it.
    """
    modules = cast("dict[str, Any]", sys.modules)
    if "httpx" in modules or _HTTPX_COMMAND in modules:
        return
    modules[_HTTPX_COMMAND] = None  # httpx then does without it
    try:
        import httpx  # noqa: F401
    finally:
        del modules[_HTTPX_COMMAND]
    from anyio import connect_tcp  # noqa: F401
