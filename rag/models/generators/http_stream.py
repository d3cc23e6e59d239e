"""Answers of a model server, as events or whole, with retries and no more concurrency than the server can take."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

from rag.errors import ModelError
from rag.models.generators.http_served import tokens_so_far
from rag.models.servers import (
    Attempts,
    RefusedError,
    client_options,
    excerpt,
    origin,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

LEFT_OUT_WHERE_REFUSED = ("structured_outputs", "stream_options")
"""Optional parts of a request that a server may refuse, in the order in which they are dropped."""

MOST_LOOKS = 5
TOO_LATE = frozenset({408, 504, 524})
"""Statuses of a proxy that does not wait for a whole answer."""

SILENT = "was silent for too long"

LONGEST_EVENT = 1_000_000
"""Bytes. A normal event has a few tokens."""

_NOT_UNDERSTOOD = {400, 422}


class Streams:
    """Calls to one URL from any number of event loops, at most `most` at once in each.

    `timeout` is the longest silence in an answer, and `connect` the longest time to connect, in seconds. An event loop keeps
    its connections while it has calls.
    """

    def __init__(self, url: str, *, api_key: str | None, timeout: float, connect: float, backoff: float, most: int) -> None:
        self._url = url
        self._backoff = backoff
        self._most = most
        self._options = {
            **client_options(url, api_key=api_key, timeout=timeout, connect=connect),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=most),
        }
        self._lanes: dict[asyncio.AbstractEventLoop, _Lane] = {}
        self._refused: frozenset[str] = frozenset()

    async def events(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON of each event until the server's [DONE] or the end. Closing the iterator hangs up.

        Raises RefusedError or ModelError, also when the connection is lost in the middle.
        """
        async with self._lane() as lane, lane.gate:
            response = await self._understood(lane, request)
            try:
                async with aclosing(response), aclosing(event_data(response.aiter_bytes(), self._url)) as received:
                    if "json" in response.headers.get("Content-Type", ""):
                        yield await self._in_one_piece(response)
                        lane.gate.went_well()
                        return
                    async for data in received:
                        if data == b"[DONE]":
                            break
                        yield _event(data, self._url)
            except httpx.HTTPError as error:
                reason = SILENT if isinstance(error, httpx.TimeoutException) else f"was lost ({error})"
                raise self._broken_off(reason) from error
            lane.gate.went_well()

    async def whole(self, request: Mapping[str, Any], *, metrics: str) -> dict[str, Any]:
        """The JSON of an answer that comes in one piece. Cancelling it hangs up.

        Such an answer gives no sign of life before it is complete. So after each `timeout`, vLLM's page of `metrics` is read
        once for all calls. The call fails if the server read and wrote no tokens between two looks, or after MOST_LOOKS
        without usable metrics. Raises RefusedError or ModelError.
        """
        async with self._lane() as lane, lane.gate:
            call = asyncio.create_task(self._whole(lane, request))
            try:
                await self._watch(call, lane, metrics)
            finally:
                call.cancel()
                await asyncio.wait({call})
                if not call.cancelled():
                    call.exception()  # retrieved, so that asyncio does not complain while another error is raised
            answer = call.result()
            lane.gate.went_well()
            return answer

    async def _watch(self, call: asyncio.Task[dict[str, Any]], lane: _Lane, metrics: str) -> None:
        """Wait until the call ends. Raises ModelError if the server stopped working."""
        silence = self._options["timeout"].read
        before, unknown = None, 0
        while not (await asyncio.wait({call}, timeout=silence))[0]:
            tokens = await lane.tokens_so_far(metrics, silence / 2)
            unknown = unknown + 1 if tokens is None else 0
            if not call.done() and (unknown > MOST_LOOKS or (tokens is not None and tokens == before)):
                raise self._broken_off(SILENT)
            before = tokens

    async def _whole(self, lane: _Lane, request: Mapping[str, Any]) -> dict[str, Any]:
        response = await self._understood(lane, request)
        async with aclosing(response):
            try:
                return _event(await response.aread(), self._url)
            except httpx.HTTPError as error:
                raise self._broken_off(f"was lost ({error})") from error

    async def _in_one_piece(self, response: httpx.Response) -> dict[str, Any]:
        """The answer of a server that does not stream. Raises ModelError if it sends something else."""
        with suppress(ValueError):
            answer = json.loads(await response.aread())
            if isinstance(answer, dict) and answer.get("choices"):
                return answer
        raise ModelError(f"The model server at {origin(self._url)} sent no answer, but {excerpt(response)}.")

    def _broken_off(self, reason: str) -> ModelError:
        return ModelError(
            f"The connection to {origin(self._url)} {reason} before the answer was complete. Ask again, and see the "
            "server's log."
        )

    @asynccontextmanager
    async def _lane(self) -> AsyncIterator[_Lane]:
        """The connections and gate of this event loop. The last call to end closes them."""
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(loop)
        if lane is None:
            lane = self._lanes[loop] = _Lane(httpx.AsyncClient(**self._options), Gate(self._most))
        lane.calls += 1
        try:
            yield lane
        finally:
            lane.calls -= 1
            if not lane.calls:
                del self._lanes[loop]
                await lane.client.aclose()

    async def _understood(self, lane: _Lane, request: Mapping[str, Any]) -> httpx.Response:
        """The response. A refused request is retried without its optional parts, and if that helps, later ones omit them too."""
        left_out = self._refused
        first_refusal: RefusedError | None = None
        while True:
            try:
                response = await self._begun(lane, {name: request[name] for name in request if name not in left_out})
            except RefusedError as refused:
                first_refusal = first_refusal or refused
                more = next((name for name in LEFT_OUT_WHERE_REFUSED if name in request and name not in left_out), None)
                if refused.status not in _NOT_UNDERSTOOD or more is None:
                    raise first_refusal from None
                left_out |= {more}
            else:
                self._refused |= left_out
                return response

    async def _begun(self, lane: _Lane, request: Mapping[str, Any]) -> httpx.Response:
        """The response as soon as it begins. Earlier failures are retried."""
        attempts = Attempts(self._url, backoff=self._backoff)
        while True:
            started = lane.gate.now()
            with attempts:
                return await self._attempted(lane, request)
            if attempts.was_busy:
                lane.gate.push_back(started)
            await asyncio.sleep(attempts.seconds_before_next())

    async def _attempted(self, lane: _Lane, request: Mapping[str, Any]) -> httpx.Response:
        timeout, is_streamed = self._options["timeout"], bool(request.get("stream"))
        if not is_streamed:  # a whole answer begins when it is complete
            timeout = httpx.Timeout(**{**timeout.as_dict(), "read": None})
        asked = lane.client.build_request("POST", self._url, json=request, timeout=timeout)
        response = await lane.client.send(asked, stream=True)
        if response.is_success:
            return response
        async with aclosing(response):
            await response.aread()
        failure = refusal(response)
        failure.again = failure.again and (is_streamed or response.status_code not in TOO_LATE)
        raise failure


class Gate:
    """At most `limit` streams of one event loop run at once, in the order of their arrival.

    When the server is too busy, the limit is halved. Each stream that ends well raises it by one, up to `most`. Refusals of
    calls that began before the last halving do not halve it again.
    """

    def __init__(self, most: int) -> None:
        self._most = self.limit = most
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._halved_at = float("-inf")

    async def __aenter__(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was admitted at the same moment
                self._inside -= 1
                self._admit()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        self._admit()

    @staticmethod
    def now() -> float:
        """The event loop's time."""
        return asyncio.get_running_loop().time()

    def push_back(self, started: float) -> None:
        """Lower the limit, since the server was too busy for a call that began at `started`."""
        if started > self._halved_at:
            self.limit, self._halved_at = max(1, self.limit // 2), self.now()

    def went_well(self) -> None:
        """Raise the limit after a complete stream."""
        self.limit = min(self.limit + 1, self._most)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._inside < self.limit:
            turn = self._waiting.popleft()
            if not turn.cancelled():
                self._inside += 1
                turn.set_result(None)


class _Lane:
    def __init__(self, client: httpx.AsyncClient, gate: Gate) -> None:
        self.client, self.gate, self.calls = client, gate, 0
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._tokens: float | None = None

    async def tokens_so_far(self, metrics: str, seconds: float) -> float | None:
        """The tokens that the server has read and written, at most `seconds` old; None if it does not report them."""
        async with self._looking:
            if self.gate.now() - self._looked_at > seconds:
                try:
                    self._tokens = tokens_so_far((await self.client.get(metrics)).text)
                except (httpx.HTTPError, httpx.InvalidURL):
                    self._tokens = None
                self._looked_at = self.gate.now()
            return self._tokens


async def event_data(blocks: AsyncIterator[bytes], url: str = "") -> AsyncGenerator[bytes, None]:
    """The data of each server-sent event (WHATWG HTML, 9.2.6). The last event may lack its blank line.

    Raises ModelError for an event over LONGEST_EVENT, which may never end. `url` is the server, for the message.
    """
    pending, data = bytearray(), bytearray()
    async for block in blocks:
        *lines, rest = block.split(b"\n")
        for line in lines:
            whole, pending = bytes(pending + line).removesuffix(b"\r"), bytearray()
            if whole.startswith(b"data:"):
                data += whole[5:].removeprefix(b" ") + b"\n"
            elif not whole and data:
                yield bytes(data[:-1])
                data = bytearray()
        pending += rest
        if len(pending) + len(data) > LONGEST_EVENT:
            raise ModelError(
                f"{origin(url) if url else 'The server'} sent an event of more than {LONGEST_EVENT:,} bytes in the middle of an "
                "answer, which is not valid there. See its log."
            )
    if pending.startswith(b"data:"):
        data += pending[5:].strip() + b"\n"
    if data:
        yield bytes(data[:-1])


def _event(data: bytes, url: str) -> dict[str, Any]:
    """The JSON of an event. Raises ModelError if it is not a JSON object, or reports an error."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise ModelError(f"{origin(url)} sent {data[:80]!r} in the middle of an answer, which is not JSON. See its log.")
    if error := event.get("error") or (event.get("object") == "error" and event):
        message = error.get("message", error) if isinstance(error, dict) else error
        raise ModelError(f"{origin(url)} gave up in the middle of an answer: '{str(message)[:300]}'. See its log.")
    return event
