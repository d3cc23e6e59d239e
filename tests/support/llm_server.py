"""A model server that speaks OpenAI's chat API as vLLM does, streams the answer of a test, and fails in every way a server does."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from select import select
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Tokenizer = Callable[[str], Sequence[object]]

TOKENIZERS: dict[str, Tokenizer] = {
    "words": lambda text: re.findall(r"\w+|[^\w\s]", text),
    "characters": list,
    "bytes": lambda text: text.encode("utf-8", "replace"),
}
ANSWER = ("Paris ", "is the ", "capital. ", "It is 330 metres.")
TEMPLATE_TOKENS, TOKENS_A_MESSAGE = 5, 3


@dataclass(frozen=True)
class Refused:
    """An HTTP error instead of an answer."""

    status: int
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Broken:
    """An answer that goes wrong after `pieces` of its pieces.

    `how` is "reset" (the connection), "end" (without a last event), "silence", "error" (an event), or bytes to send instead.
    """

    how: str | bytes
    pieces: int = 2


class LlmServer:
    """A context manager. Every attribute can be changed while it runs.

    `faults` are used up by the calls for an answer, one each; None among them is an answer without fault. `tokenizes`,
    `tells_window` and `tells_usage` False leave out what other servers do not tell. `refuses` are fields of a request that
    are answered with status 400. A prompt over the window is always refused, as vLLM does, and noted in `overflows`.
    While `goes_on` is not set, answers wait; every 10 ms of that and of a silence it calls `while_waiting`. `hung_up` is set
    as soon as a caller has left before the end of its answer.
    """

    def __init__(self, answer: Sequence[str] = ANSWER, *, window: int = 4096, tokens: str = "words") -> None:
        self.answer, self.window, self.tokens = answer, window, tokens
        self.models: list[dict[str, Any]] = [{"id": "double", "owned_by": "vllm"}]
        self.tokenizes = self.tells_window = self.tells_usage = True
        self.refuses: set[str] = set()
        self.key: str | None = None
        self.cached_tokens: int | None = None
        self.finish_reason = "stop"
        self.faults: list[Refused | Broken | None] = []
        self.routes: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.overflows: list[int] = []
        self.running = self.most_running = 0
        self.hung_up = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.while_waiting: Callable[[], None] = lambda: None
        self._counting = threading.Condition()
        self._closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> LlmServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.goes_on.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def chats(self) -> list[dict[str, Any]]:
        """The calls for an answer."""
        return [payload for path, payload, _ in self.requests if path == "/v1/chat/completions"]

    def wait_until_running(self, calls: int) -> None:
        """Until so many calls for an answer run at once. Raises TimeoutError after a minute."""
        with self._counting:
            if not self._counting.wait_for(lambda: self.running >= calls, 60):
                raise TimeoutError(f"{self.running} of {calls} calls run")

    def count(self, messages: Sequence[dict[str, str]]) -> int:
        """Tokens of a prompt, those of the template included."""
        tokenizer = TOKENIZERS[self.tokens]
        return TEMPLATE_TOKENS + sum(TOKENS_A_MESSAGE + len(tokenizer(message["content"])) for message in messages)

    def _plain(self, path: str, payload: dict[str, Any]) -> Any:
        """What is answered at once: JSON-ready values, bytes as they are, or a refusal."""
        if path in self.routes:
            return self.routes[path](payload)
        if path == "/v1/models":
            window = {"max_model_len": self.window} if self.tells_window else {}
            return {"object": "list", "data": [{**window, **model} for model in self.models]}
        if path == "/version":
            return {"version": "0.32.0"}
        if path == "/tokenize" and self.tokenizes:
            return {"count": self.count(payload["messages"]), "tokens": []}
        return Refused(404, {"detail": "Not Found"})

    def refusal(self, payload: dict[str, Any]) -> Refused | None:
        """Why there is no answer."""
        if unknown := self.refuses & payload.keys():
            return _bad_request(f"unknown fields {sorted(unknown)}")
        tokens = self.count(payload["messages"])
        if tokens + payload["max_tokens"] > self.window:
            self.overflows.append(tokens)
            return _bad_request(
                f"This model's maximum context length is {self.window} tokens. However, you requested {payload['max_tokens']} "
                f"output tokens and your prompt contains {tokens} input tokens."
            )
        return None

    def pieces(self, payload: dict[str, Any]) -> list[str]:
        """The answer, up to `max_tokens` words; stop strings end it."""
        pieces, room = [], payload["max_tokens"]
        for piece in self.answer:
            room -= len(piece.split())
            if room < 0:
                break
            pieces.append(piece)
        text = "".join(pieces)
        cut = min((text.find(stop) for stop in payload.get("stop", []) if stop in text), default=None)
        return pieces if cut is None else [text[:cut]]


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 256


def _bad_request(message: str) -> Refused:
    return Refused(400, {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}})


@contextmanager
def _noting_who_hangs_up(server: LlmServer) -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        server.hung_up.set()


def _handler(server: LlmServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a small write waits 40 ms for the answer to the one before

        def do_POST(self) -> None:
            payload = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            server.requests.append((self.path, payload, dict(self.headers)))
            self.close_connection = True  # so that no idle connection keeps a thread
            with _noting_who_hangs_up(server):
                if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
                    self._send(Refused(401, {"error": {"message": f"wrong key {self.headers.get('Authorization')}"}}))
                elif self.path == "/v1/chat/completions" and self.path not in server.routes:
                    self._chat(payload)
                else:
                    self._send(server._plain(self.path, payload))

        do_GET = do_POST  # noqa: N815

        def _chat(self, payload: dict[str, Any]) -> None:
            with server._counting:
                fault = server.faults.pop(0) if server.faults else None
                server.running += 1
                server.most_running = max(server.running, server.most_running)
                server._counting.notify_all()
            try:
                refusal = fault if isinstance(fault, Refused) else server.refusal(payload)
                if refusal:
                    if self._wait():
                        self._send(refusal)
                else:
                    answer = self._stream if payload.get("stream") else self._whole
                    answer(payload, fault if isinstance(fault, Broken) else None)
            finally:
                with server._counting:
                    server.running -= 1

        def _stream(self, payload: dict[str, Any], fault: Broken | None) -> None:
            self._head(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})
            self._event(_delta(role="assistant", content=""))
            pieces = server.pieces(payload)
            for number, piece in enumerate(pieces):
                if fault and number == fault.pieces:
                    self._break(fault)
                    return
                if not self._wait():
                    return
                self._event(_delta(content=piece))
            self._event(_delta(finish_reason=server.finish_reason))
            if server.tells_usage:
                self._event({"choices": [], "usage": _usage(server, payload, pieces)})
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")

        def _whole(self, payload: dict[str, Any], fault: Broken | None) -> None:
            """Nothing until all of it is there. A fault breaks the connection off, or is sent instead of it."""
            if fault:
                if fault.how == "silence":
                    self._break(fault)
                elif isinstance(fault.how, bytes):
                    self._send(fault.how)
                return
            if self._wait():
                pieces = server.pieces(payload)
                message = {"role": "assistant", "content": "".join(pieces), "reasoning": None}
                choice = {"index": 0, "message": message, "finish_reason": server.finish_reason}
                told = {"usage": _usage(server, payload, pieces)} if server.tells_usage else {}
                self._send({"object": "chat.completion", "choices": [choice], **told})

        def _break(self, fault: Broken) -> None:
            if fault.how == "silence":
                while not server._closing.wait(0.01) and not self._is_hung_up():
                    server.while_waiting()
            elif fault.how == "end":
                self._chunk(b"")
            elif fault.how == "error":
                self._event({"error": {"message": "the engine is dead", "type": "InternalServerError", "code": 500}})
            elif isinstance(fault.how, bytes):
                self._chunk(fault.how)
                self._chunk(b"")

        def _wait(self) -> bool:
            """Until the test lets the answer go on; False where the caller has hung up or the server closes."""
            while not server.goes_on.wait(0.01):
                if self._is_hung_up():
                    return False
                server.while_waiting()
            return not server._closing.is_set()

        def _is_hung_up(self) -> bool:
            readable, _, _ = select([self.connection], [], [], 0)
            gone = bool(readable) and not self.connection.recv(1)
            if gone:
                server.hung_up.set()
            return gone

        def _event(self, event: dict[str, Any]) -> None:
            self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

        def _send(self, answer: Any) -> None:
            code, body, headers = (
                (answer.status, answer.body, answer.headers) if isinstance(answer, Refused) else (200, answer, {})
            )
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self._head(code, {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers})
            self.wfile.write(data)

        def _head(self, code: int, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {"Connection": "close", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    return Handler


def _delta(finish_reason: str | None = None, **delta: str) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _usage(server: LlmServer, payload: dict[str, Any], pieces: Sequence[str]) -> dict[str, Any]:
    details = None if server.cached_tokens is None else {"cached_tokens": server.cached_tokens}
    written = sum(len(piece.split()) for piece in pieces)
    return {
        "prompt_tokens": server.count(payload["messages"]),
        "completion_tokens": written,
        "prompt_tokens_details": details,
    }
