"""Calls to a model server: retried while that can help, and told plainly when it cannot."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from rag.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

ATTEMPTS = 5
_LONGEST_WAIT = 30.0
_WORTH_RETRYING = {408, 425, 429, 500, 502, 503, 504}


class RefusedError(ModelError):
    """The server answered, but not with what was asked for; `status` is its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """An HTTP server that speaks JSON. Calls may come from several threads.

    `timeout` is in seconds and holds for one attempt; `backoff` is the wait before the second attempt, doubled each time.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeout: float = 120.0, backoff: float = 0.25) -> None:
        self.base_url = base_url.rstrip("/")
        self.backoff = backoff
        loopback = urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1"}
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {_checked(api_key)}"} if api_key else {},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            trust_env=not loopback,  # a proxy cannot reach this machine's own servers
        )

    def get(self, path: str) -> Any:
        """The JSON at `base_url` + `path`. Raises RefusedError or ModelError."""
        return self._call("GET", self.base_url + path, None)

    def post(self, path: str, payload: Mapping[str, Any]) -> Any:
        """The JSON answer to `payload`. `path` may be a whole URL. Raises RefusedError or ModelError."""
        return self._call("POST", path if "://" in path else self.base_url + path, payload)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _call(self, method: str, url: str, payload: Mapping[str, Any] | None) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._client.request(method, url, json=payload)
            except httpx.TransportError as error:
                failure, wait = self._unreachable(url, error), None
                if isinstance(error, httpx.ReadTimeout) and attempt > 1:
                    break  # a server this slow is not helped by more work
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ModelError(f"The request to {url} failed: {error}. Check the address.") from error
            else:
                if response.is_success:
                    return _json(response)
                failure = _refusal(response)
                if response.status_code not in _WORTH_RETRYING:
                    raise failure
                wait = response.headers.get("Retry-After")
            if attempt < ATTEMPTS:
                self._pause(attempt, wait)
        raise failure

    def _pause(self, attempt: int, retry_after: str | None) -> None:
        asked = float(retry_after) if retry_after and retry_after.strip().isdigit() else 0.0
        time.sleep(min(max(asked, self.backoff * 2 ** (attempt - 1)), _LONGEST_WAIT))

    def _unreachable(self, url: str, error: httpx.TransportError) -> ModelError:
        parts = urlsplit(url)
        reason = "took too long to answer" if isinstance(error, httpx.TimeoutException) else f"cannot be reached ({error})"
        return ModelError(f"The model server at {parts.scheme}://{parts.netloc} {reason}. Check that it runs and the address.")


def _checked(api_key: str) -> str:
    """The key without white space around it. It is refused here because the client's own error would show it."""
    key = api_key.strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError("The API key holds characters that no HTTP header can carry. Check RAG_API_KEY.")
    return key


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{response.url} answered with {_excerpt(response)}, which is not JSON. Check that the address is an API's, "
            "usually ending in /v1.",
            status=response.status_code,
        ) from error


def _refusal(response: httpx.Response) -> RefusedError:
    advice = {
        401: "Give its key with RAG_API_KEY.",
        403: "Check RAG_API_KEY and what the key allows.",
        404: "Check the address (usually ending in /v1) and the model's name.",
        429: "It is overloaded or a quota is used up: try again later.",
    }.get(response.status_code, "Its log tells more.")
    return RefusedError(
        f"{response.url} refused with status {response.status_code}: {_excerpt(response)}. {advice}",
        status=response.status_code,
    )


def _excerpt(response: httpx.Response) -> str:
    """The beginning of the server's words, or of its own account of the error."""
    text = " ".join(response.text.split())
    try:
        error = response.json().get("error")
        text = str(error.get("message", text)) if isinstance(error, dict) else text
    except (ValueError, AttributeError):
        pass
    return f"'{text[:200]}'" if text else "an empty body"
