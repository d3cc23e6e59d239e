"""Answers of a model server, as events or whole: asked for again while nothing has come, no more at once than the server bears."""

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
"""Parts of a request that help and that a server may not know, in the order in which they are given up."""

MOST_LOOKS = 5
TOO_LATE = frozenset({408, 504, 524})
"""What is answered by something between us and a server, which does not wait for a whole answer."""

SILENT = "was silent for too long"

LONGEST_EVENT = 1_000_000
"""Bytes; an event of a chat holds a few tokens."""

_NOT_UNDERSTOOD = {400, 422}


class Streams:
    """Calls for answers to one URL from any number of event loops, at most `most` at once in each.

    `timeout` and `connect` are in seconds: the longest silence in an answer, and the longest time to connect. An event loop
    has its connections only as long as it has calls.
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
        """The JSON of each event until the server's [DONE] or its end. Closing the iterator hangs up.

        Raises RefusedError or ModelError, which tells of a connection that is lost in the middle too.
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

        Nothing is heard of such an answer until it is there. So after each `timeout` vLLM's page of `metrics` is looked at, once
        for all calls: if the server has read and written nothing for anyone between two looks, it is given up, and so it is after
        MOST_LOOKS at a page that does not tell. Raises RefusedError or ModelError.
        """
        async with self._lane() as lane, lane.gate:
            call = asyncio.create_task(self._whole(lane, request))
            try:
                await self._watch(call, lane, metrics)
            finally:
                call.cancel()
                await asyncio.wait({call})
                if not call.cancelled():
                    call.exception()  # so that asyncio does not miss it where another error is on its way
            answer = call.result()
            lane.gate.went_well()
            return answer

    async def _watch(self, call: asyncio.Task[dict[str, Any]], lane: _Lane, metrics: str) -> None:
        """Until the call has ended. Raises ModelError where the server has stopped working."""
        silence = self._options["timeout"].read
        before, untold = None, 0
        while not (await asyncio.wait({call}, timeout=silence))[0]:
            tokens = await lane.tokens_so_far(metrics, silence / 2)
            untold = untold + 1 if tokens is None else 0
            if not call.done() and (untold > MOST_LOOKS or (tokens is not None and tokens == before)):
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
        """The answer of a server that does not stream. Raises ModelError where it sends something else instead."""
        with suppress(ValueError):
            answer = json.loads(await response.aread())
            if isinstance(answer, dict) and answer.get("choices"):
                return answer
        raise ModelError(f"The model server at {origin(self._url)} sent no answer, but {excerpt(response)}.")

    def _broken_off(self, reason: str) -> ModelError:
        return ModelError(
            f"The connection to {origin(self._url)} {reason} before the answer was complete. Ask again; the server's log "
            "tells more."
        )

    @asynccontextmanager
    async def _lane(self) -> AsyncIterator[_Lane]:
        """What this event loop's calls share; the last one to end closes it."""
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
        """The response. What a server refuses is tried without the parts that it may not know, from then on if that helps."""
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
        """The response as soon as it begins; failures until then are tried again."""
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
        if not is_streamed:  # then it begins when it is complete
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
    """Lets at most `limit` of one event loop's streams through at once, in the order in which they come.

    Where the server pushes back, half as many from then on; each stream that went well lets one more through, up to `most`.
    Push-backs of calls that began before the last halving count with it.
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
            if not turn.cancelled():  # it was let in at the same moment
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
        """A call that began at `started` was refused because the server is busy."""
        if started > self._halved_at:
            self.limit, self._halved_at = max(1, self.limit // 2), self.now()

    def went_well(self) -> None:
        """A stream was complete."""
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
        """What the server has read and written by now, or did `seconds` ago at most; None where it does not tell."""
        async with self._looking:
            if self.gate.now() - self._looked_at > seconds:
                try:
                    self._tokens = tokens_so_far((await self.client.get(metrics)).text)
                except (httpx.HTTPError, httpx.InvalidURL):
                    self._tokens = None
                self._looked_at = self.gate.now()
            return self._tokens


async def event_data(blocks: AsyncIterator[bytes], url: str = "") -> AsyncGenerator[bytes, None]:
    """The data of each server-sent event (WHATWG HTML, 9.2.6), of the last one too where its blank line is missing.

    Raises ModelError for an event over LONGEST_EVENT, which may never end; `url` is whose they are.
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
                f"{origin(url) if url else 'The server'} sent an event of more than {LONGEST_EVENT:,} bytes in the middle of an answer, "
                "which is no part of one. Its log tells more."
            )
    if pending.startswith(b"data:"):
        data += pending[5:].strip() + b"\n"
    if data:
        yield bytes(data[:-1])


def _event(data: bytes, url: str) -> dict[str, Any]:
    """Raises ModelError for an event that is no JSON object, or that reports an error."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise ModelError(f"{origin(url)} sent {data[:80]!r} in the middle of an answer, which is not JSON. Its log tells more.")
    if error := event.get("error") or (event.get("object") == "error" and event):
        message = error.get("message", error) if isinstance(error, dict) else error
        raise ModelError(f"{origin(url)} gave up in the middle of an answer: '{str(message)[:300]}'. Its log tells more.")
    return event
