"""A GGUF model behind llama.cpp's own server, which batches requests and keeps the prompts that it has read.

It listens on a socket in a folder that only this user can enter, behind a random key, so that nobody else on the machine
can use the model. Requests go over that socket: a call is cancelled by hanging up, and no thread of ours waits for it.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

BATCH = 256
"""Prompt tokens that are read between two looks at whether the caller has hung up."""

PROMPT_CACHE_MIB = 512
LONGEST_SOCKET_PATH = 100
"""Systems allow 104 to 108 bytes for the path of a socket."""

WAIT_POLICY = "OMP_WAIT_POLICY"


class LlamaServer:
    """A loaded model and the way to talk to it. Raises ModelError where llama.cpp cannot load the file."""

    def __init__(self, path: Path, *, window: int, threads: int, parallel: int) -> None:
        import httpx

        self._name = path.stem
        self._key = secrets.token_urlsafe(32)
        folder = tempfile.TemporaryDirectory(prefix="rag-", ignore_cleanup_errors=True)  # only this user can enter it
        address = _address(folder.name)
        try:
            held = [_start(path, address, self._key, window=window, threads=threads, parallel=parallel)]
        except ModelError:
            folder.cleanup()
            raise
        self.stop = weakref.finalize(self, _stop, held, folder)  # at the latest when the program ends
        self._socket = address if address.endswith(".sock") else None
        self._url = "http://llama.cpp" if self._socket else str(held[0].listening_address)
        # The server hangs up on idle connections; a fresh one costs less than a millisecond and never meets that.
        # No TLS here, and so no certificates to read.
        transport = httpx.HTTPTransport(uds=self._socket, verify=False, limits=httpx.Limits(max_keepalive_connections=0))
        self._client = httpx.Client(transport=transport, **self._options)
        self.window = int(self.call("GET", "/props")["default_generation_settings"]["n_ctx"])
        self._wait_for_its_loop()

    def _wait_for_its_loop(self) -> None:
        """Return once the server takes tasks. A server that is stopped earlier misses the stop and hangs.

        It hangs in C++ while it holds Python's lock, so that no time limit of ours could end the wait.
        """
        self._client.get("/metrics").raise_for_status()  # only the loop itself answers this

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the server answers. Raises ModelError where it refuses."""
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
        """A client of the running event loop; whoever asks closes it."""
        import httpx

        return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=self._socket, verify=False), **self._options)

    async def send(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> httpx.Response:
        """The response as soon as it begins; whoever asks closes it. Raises ModelError where the server refuses."""
        response = await client.send(client.build_request("POST", path, content=json.dumps(body)), stream=True)
        if response.is_error:
            raise refusal(self._name, await response.aread())
        return response

    @property
    def _options(self) -> dict[str, Any]:
        # No timeout: a call may wait long for its turn, and a server in this process cannot go missing.
        return {"base_url": self._url, "headers": {"Authorization": f"Bearer {self._key}"}, "timeout": None, "trust_env": False}


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
    parameters.sse_ping_interval = 1  # seconds; a call that waits takes so long to see that the server is closing
    parameters.verbosity = -1  # at 0 it prints errors, which reach the caller as exceptions anyway
    parameters.ui = parameters.endpoint_slots = parameters.warmup = parameters.fit_params = False
    parameters.endpoint_metrics = True
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelError(
            f"llama.cpp cannot load {path}. The file is damaged, of a kind that it does not know, or too large for the memory."
        ) from error


def _stop(held: list[Any], folder: tempfile.TemporaryDirectory[str]) -> None:
    held.clear()  # the last reference: llama.cpp ends its threads
    folder.cleanup()


def _import_xllamacpp() -> ModuleType:
    """Import it with OpenMP threads that sleep while they wait.

    OpenMP reads the policy once, when it is loaded. Threads that spin made generation 25 times slower as soon as another
    process used the same cores.
    """
    before = os.environ.get(WAIT_POLICY)
    os.environ[WAIT_POLICY] = before or "passive"
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError(f"xllamacpp is installed but cannot be loaded: {error}. Install what it misses.") from error
    finally:
        if before is None:
            del os.environ[WAIT_POLICY]
    return xllamacpp  # type: ignore[no-any-return]


def _address(folder: str) -> str:
    """A socket in the folder; on systems without such sockets, the loopback network, guarded by the key alone."""
    path = str(Path(folder) / "llama.sock")
    return path if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else "127.0.0.1"


def refusal(name: str, body: bytes) -> ModelError:
    """What llama.cpp's error means for the caller."""
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
