"""Calls to a model server: retries while they can help, and plain error messages."""

from __future__ import annotations

import json
import random
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from httpx import USE_CLIENT_DEFAULT

from rag.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds. If a server asks for a longer wait, the call fails at once."""

LONGEST_LOOK = 30.0
"""Seconds for a quick request, such as the list of models."""

BUSY = frozenset({429, 503})
_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})


class CallError(ModelError):
    """A call that failed. `again` says whether a retry may help; `wait` is the wait in seconds that the server asks for."""

    def __init__(self, message: str, *, again: bool, wait: float = 0.0) -> None:
        super().__init__(message)
        self.again, self.wait = again, wait


class RefusedError(CallError):
    """The server answered with an error, or with an invalid response. `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int, wait: float = 0.0) -> None:
        super().__init__(message, again=status in _WORTH_RETRYING and wait <= LONGEST_WAIT, wait=wait)
        self.status = status


class Attempts:
    """The attempts of one call. Each attempt runs under `with attempts:`, which records its failure.

    After a failure, `seconds_before_next` returns the wait:

        attempts = Attempts(url, backoff=0.25)
        while True:
            with attempts:
                return ask()
            time.sleep(attempts.seconds_before_next())

    Errors of httpx become CallErrors. All other errors are raised at once.
    """

    def __init__(self, url: str, *, backoff: float) -> None:
        self._url, self._backoff = url, backoff
        self._number = 0
        self._failure: CallError | None = None

    def __enter__(self) -> None:
        self._number += 1
        self._failure = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            error = unreachable(self._url, error, attempt=self._number)
        if isinstance(error, CallError):
            self._failure = error
        return self._failure is not None

    @property
    def was_busy(self) -> bool:
        """Whether the server was too busy for the last attempt (status 429 or 503)."""
        return isinstance(self._failure, RefusedError) and self._failure.status in BUSY

    def seconds_before_next(self) -> float:
        """The wait after a failed attempt. Raises the failure if a retry cannot help.

        The wait doubles each time. It is shortened at random by up to half, so that clients do not return all at once.
        """
        assert self._failure is not None
        if self._number >= ATTEMPTS or not self._failure.again:
            raise self._failure
        grown = self._backoff * 2.0 ** (self._number - 1) * random.uniform(0.5, 1)
        return min(max(grown, self._failure.wait), LONGEST_WAIT)


class Server:
    """An HTTP server that speaks JSON. Several threads may call it, also after `close()`.

    `timeout` is in seconds for one attempt (at most LONGEST_LOOK for `get`). `backoff` is the wait before the second attempt
    in seconds; it doubles each time.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeout: float = 120.0, backoff: float = 0.25) -> None:
        self.base_url = base_url.rstrip("/")
        self.backoff = backoff
        self._options = client_options(base_url, api_key=api_key, timeout=timeout)
        usual: httpx.Timeout = self._options["timeout"]
        self._look = httpx.Timeout(min(timeout, LONGEST_LOOK), connect=usual.connect, pool=None)
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    @property
    def root(self) -> str:
        """`base_url` without /v1, for paths that are not part of OpenAI's API."""
        return self.base_url.removesuffix("/v1")

    def get(self, path: str) -> Any:
        """The JSON at `base_url` + `path`. `path` may be a whole URL. Raises RefusedError or ModelError."""
        return self._call("GET", path, None)

    def post(self, path: str, payload: Mapping[str, Any]) -> Any:
        """The JSON answer to `payload`. `path` may be a whole URL. Raises RefusedError or ModelError."""
        return self._call("POST", path, payload)

    def close(self) -> None:
        """Drop the connections."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def _call(self, method: str, path: str, payload: Mapping[str, Any] | None) -> Any:
        url = path if "://" in path else self.base_url + path
        with self._lock:
            client = self._client = self._client or httpx.Client(**self._options)
        timeout = self._look if payload is None else USE_CLIENT_DEFAULT
        attempts = Attempts(url, backoff=self.backoff)
        while True:
            with attempts:
                response = client.request(method, url, json=payload, timeout=timeout)
                if not response.is_success:
                    raise refusal(response)
                return _json(response)
            time.sleep(attempts.seconds_before_next())


def most_connections() -> int:
    """The most connections of this process: a third of its open files. Systems often allow only 256 or 1,024 files."""
    try:
        import resource
    except ImportError:
        return 512
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 512 if files == resource.RLIM_INFINITY else max(8, files // 3)


def client_options(base_url: str, *, api_key: str | None, timeout: float, connect: float = 10.0) -> dict[str, Any]:
    """The arguments for httpx clients of a server. `timeout` and `connect` are in seconds."""
    is_encrypted = base_url.lower().startswith("https:")
    return {
        "headers": {"Authorization": f"Bearer {_checked(api_key)}"} if api_key else {},
        "timeout": httpx.Timeout(timeout, connect=min(timeout, connect), pool=None),
        "trust_env": not _is_this_machine(base_url),  # a proxy cannot reach this machine's own servers
        "verify": httpx.create_ssl_context() if is_encrypted else False,  # reading certificates takes long
    }


def unreachable(url: str, error: httpx.HTTPError | httpx.InvalidURL, *, attempt: int = 1) -> CallError:
    """The error for a call without an answer. A call that timed out twice is not retried."""
    if not isinstance(error, httpx.TransportError) or isinstance(error, httpx.UnsupportedProtocol):
        return CallError(f"The request to {shown(url)} failed: {error}. Check the address.", again=False)
    slow = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout)
    reason = "took too long to answer" if isinstance(error, httpx.TimeoutException) else f"cannot be reached ({error})"
    return CallError(
        f"The model server at {origin(url)} {reason}. Check that it runs and the address.", again=not slow or attempt == 1
    )


def refusal(response: httpx.Response) -> RefusedError:
    """The error for a response that was read, with the server's own words and advice."""
    wait = _asked_wait(response.headers.get("Retry-After", ""))
    advice = {
        401: "Give its key with RAG_API_KEY.",
        403: "Check RAG_API_KEY and what the key allows.",
        404: "Check the address (usually ending in /v1) and the model's name.",
        429: "It is overloaded or a quota is used up: try again later.",
    }.get(response.status_code, "See its log.")
    if wait > LONGEST_WAIT:
        advice = f"It asks to wait {wait:.0f} seconds: try again then."
    return RefusedError(
        f"{shown(str(response.url))} refused with status {response.status_code}: {excerpt(response)}. {advice}",
        status=response.status_code,
        wait=wait,
    )


def excerpt(response: httpx.Response) -> str:
    """The beginning of the server's error message, or of the body. The API key is removed."""
    text = " ".join(response.text.split())
    try:
        error = response.json().get("error")
        text = str(error.get("message", text)) if isinstance(error, dict) else text
    except (ValueError, AttributeError, RecursionError):
        pass
    key = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
    text = text.replace(key, "…") if key else text
    return f"'{text[:300]}'" if text else "an empty body"


def shown(url: str) -> str:
    """The address without a user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(shown(url))
    return f"{parts.scheme}://{parts.netloc}"


def _is_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _asked_wait(retry_after: str) -> float:
    """The seconds of a Retry-After header, which is a number or a date; 0 if it is neither."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0


def _checked(api_key: str) -> str:
    """The key without surrounding white space. An invalid key is refused here, since httpx would show it in its error."""
    key = api_key.strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError("The API key has characters that an HTTP header cannot contain. Check RAG_API_KEY.")
    return key


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(
            f"{shown(str(response.url))} answered with {excerpt(response)}, which is not JSON. Check that the address is an "
            "API's, usually ending in /v1.",
            status=response.status_code,
        ) from error
