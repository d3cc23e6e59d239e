"""The thread that owns llama.cpp's server: it starts the server, keeps it, and releases it at the right time.

A server that is released before its loop runs misses the stop, and waits for ever with Python's lock. No time limit
and no interrupt ends that wait. Ctrl-C during a load releases the server just then, because Python raises the interrupt
as soon as the call that loads the model returns. Python raises interrupts in the main thread only, so this thread is safe.
"""

from __future__ import annotations

import threading
import warnings
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rag.system.waiting import await_event, taken

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_TIMEOUT = 30.0
"""Seconds that `stop` waits. A ready server ends in less than a second; a loading server finishes loading first."""


class ServerThread:
    """A server in a daemon thread. The thread begins at once and ends after `stop()`.

    `start` returns the server; the thread drops the only reference to it in the end. `wait_until_ready` returns when the
    server may be released, and raises when it never may. `clean_up` runs last, also after a failed start.
    """

    def __init__(self, start: Callable[[], Any], wait_until_ready: Callable[[Any], None], clean_up: Callable[[], None]) -> None:
        self._start, self._wait_until_ready, self._clean_up = start, wait_until_ready, clean_up
        self._addresses: SimpleQueue[str | BaseException] = SimpleQueue()
        self._is_unwanted, self._has_ended = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="llama.cpp", daemon=True).start()

    def address(self) -> str:
        """The server's address, as soon as it is ready. Call this once. Raises the error of `start` or `wait_until_ready`."""
        found = taken(self._addresses)
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Release the server and wait for its end. After `timeout` seconds, warn and leave the rest to the thread."""
        self._is_unwanted.set()
        if not await_event(self._has_ended, timeout=timeout):
            message = f"llama.cpp did not stop within {timeout:g} seconds. The model stays in memory until it does."
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    def _run(self) -> None:
        try:
            server = self._start()
        except BaseException as error:  # noqa: BLE001 (the waiting caller raises it)
            self._fail(error)
            return
        try:
            self._wait_until_ready(server)
        except BaseException as error:  # noqa: BLE001 (the waiting caller raises it)
            self._fail(error)
            threading.Event().wait()  # for ever: the server must not be released
        self._addresses.put(str(server.listening_address))
        self._is_unwanted.wait()
        del server  # the last reference: llama.cpp ends its threads
        self._end()

    def _fail(self, error: BaseException) -> None:
        self._end()
        self._addresses.put(error)

    def _end(self) -> None:
        self._clean_up()
        self._has_ended.set()
