"""Work that `rag ask` starts early: a thread loads the embedder while the rest of the command imports and asks a server.

Loading the graph releases Python's lock, so both go on at the same time.
"""

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
"""A longer question is cut before it is embedded ahead. The search embeds it whole, with the graph loaded already."""

_HTTPX_COMMAND = "httpx._main"


@contextmanager
def embedding_ahead(question: str, index: Searchable) -> Iterator[None]:
    """Load the packaged embedder and embed the question in a thread, so that the search finds its vector.

    Errors of the thread are not shown, since the search raises them again. After an error or Ctrl-C, the process waits for
    the thread's current step, 0.2 s at most. So only the packaged embedder is loaded, and only if its graph exists: others
    may take seconds, or ask a server.
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
    """Import everything that loading needs. The main thread waits and imports nothing meanwhile.

    Ctrl-C while OpenVINO starts would become an ImportError. While two threads import, it can leave Python's import lock
    closed to all threads but the main one.
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
    """Import httpx without its own command, whose imports (rich, pygments) take as long as all the rest.

    Also import anyio's connections now. httpx would import them inside the event loop, where everything else would wait.
    """
    modules = cast("dict[str, Any]", sys.modules)
    if "httpx" in modules or _HTTPX_COMMAND in modules:
        return
    modules[_HTTPX_COMMAND] = None  # httpx works without it
    try:
        import httpx  # noqa: F401
    finally:
        del modules[_HTTPX_COMMAND]
    from anyio import connect_tcp  # noqa: F401
