"""A GGUF model behind llama.cpp's own server, which batches requests and caches prompts.

The server listens on a socket in a folder of this user, behind a random key, so that nobody else on the machine can use the
model. Hanging up cancels a call, and no thread of this package waits for it.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.models.generators.llama_thread import ServerThread

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

BATCH = 256
"""Prompt tokens between two checks whether the caller hung up."""

PROMPT_CACHE_MIB = 512
LONGEST_SOCKET_PATH = 100
"""Systems allow 104 to 108 bytes for the path of a socket."""

WAIT_POLICY = "OMP_WAIT_POLICY"


class LlamaServer:
    """A loaded model, and calls to it. Raises ModelError if llama.cpp cannot load the file."""

    def __init__(self, path: Path, *, window: int, threads: int, parallel: int) -> None:
        import httpx

        self._name = path.stem
        self._key = secrets.token_urlsafe(32)
        folder = tempfile.TemporaryDirectory(prefix="rag-", ignore_cleanup_errors=True)  # only this user can enter it
        place = _place(folder.name)
        self._socket = place if place.endswith(".sock") else None
        start = partial(_start, path, place, self._key, window=window, threads=threads, parallel=parallel)
        thread = ServerThread(start, partial(_wait_for_its_loop, self._socket, self._key), folder.cleanup)
        self.stop = weakref.finalize(self, thread.stop)  # runs at the latest when the program ends
        try:
            self._url = _url(self._socket, thread.address())
            # The server drops idle connections. A fresh one takes less than a millisecond and avoids that.
            limits = httpx.Limits(max_keepalive_connections=0)
            # No TLS, so no certificates to read.
            transport = httpx.HTTPTransport(uds=self._socket, verify=False, limits=limits)
            self._client = httpx.Client(transport=transport, **_options(self._url, self._key))
            self.window = int(self.call("GET", "/props")["default_generation_settings"]["n_ctx"])
        except BaseException:  # an interrupt may come here too
            self.stop()
            raise

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The server's JSON answer. Raises ModelError if it refuses the request."""
        import httpx

        try:
            response = self._client.request(method, path, content=json.dumps(body) if body else None)
        except httpx.HTTPError as error:
            raise ModelError(f"{self._name} was closed while it was in use.") from error
        if response.is_error:
            raise refusal(self._name, response.content)
        answer: dict[str, Any] = response.json()
        return answer

    def client(self) -> httpx.AsyncClient:
        """A client for the running event loop. The caller closes it."""
        import httpx

        transport = httpx.AsyncHTTPTransport(uds=self._socket, verify=False)
        return httpx.AsyncClient(transport=transport, **_options(self._url, self._key))

    async def send(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> httpx.Response:
        """The response as soon as it begins. The caller closes it. Raises ModelError if the server refuses the request."""
        response = await client.send(client.build_request("POST", path, content=json.dumps(body)), stream=True)
        if response.is_error:
            raise refusal(self._name, await response.aread())
        return response


def _url(socket: str | None, address: str) -> str:
    """The address of requests. Over a socket, any host name will do."""
    return "http://llama.cpp" if socket else address


def _options(url: str, key: str) -> dict[str, Any]:
    # No timeout: a call may wait long for its turn, and a server in this process cannot disappear.
    return {"base_url": url, "headers": {"Authorization": f"Bearer {key}"}, "timeout": None, "trust_env": False}


def _wait_for_its_loop(socket: str | None, key: str, server: Any) -> None:
    """Return when the server's loop runs. Raises ModelError if it does not start."""
    import httpx

    transport = httpx.HTTPTransport(uds=socket, verify=False)
    try:
        with httpx.Client(transport=transport, **_options(_url(socket, str(server.listening_address)), key)) as client:
            client.get("/metrics").raise_for_status()  # only the loop itself answers this
    except httpx.HTTPError as error:
        raise ModelError(f"llama.cpp does not answer: {error}") from error


def _start(path: Path, address: str, key: str, *, window: int, threads: int, parallel: int) -> Any:
    xllamacpp = _import_xllamacpp()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = window * parallel
    parameters.n_parallel = parallel
    parameters.n_batch = parameters.n_ubatch = BATCH
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.hostnames = [address]
    parameters.api_keys = [key]
    parameters.sse_ping_interval = 1  # seconds until a waiting call notices that the server is closing
    parameters.verbosity = -1  # 0 would print errors, which are raised as exceptions anyway
    parameters.ui = parameters.endpoint_slots = parameters.warmup = parameters.fit_params = False
    parameters.endpoint_metrics = True
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelError(
            f"llama.cpp cannot load {path}. The file is damaged, of an unknown kind, or too large for the memory."
        ) from error


def _import_xllamacpp() -> ModuleType:
    """Import xllamacpp with OpenMP threads that sleep while they wait.

    OpenMP reads the policy once, when it is loaded. With spinning threads, generation is 25 times slower as soon as another
    process uses the same cores.
    """
    before = os.environ.get(WAIT_POLICY)
    os.environ[WAIT_POLICY] = before or "passive"
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError(f"xllamacpp is installed but cannot be loaded: {error}. Install the missing library.") from error
    finally:
        if before is None:
            del os.environ[WAIT_POLICY]
    return xllamacpp  # type: ignore[no-any-return]


def _place(folder: str) -> str:
    """A socket in the folder. On systems without such sockets, the loopback address, protected by the key alone."""
    path = str(Path(folder) / "llama.sock")
    return path if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else "127.0.0.1"


def refusal(name: str, body: bytes) -> ModelError:
    """The ModelError for an error of llama.cpp."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    error = answer.get("error", answer)
    if error.get("type") == "exceed_context_size_error":
        return ModelError(
            f"The prompt has {error['n_prompt_tokens']} tokens and {name} reads {error['n_ctx']}. Give it less text, or use a "
            "model with a larger window (--llm)."
        )
    return ModelError(f"{name} refused the prompt: {error.get('message') or body.decode(errors='replace')}")
