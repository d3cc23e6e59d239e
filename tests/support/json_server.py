"""A real HTTP server on this machine that answers JSON, for parts that talk to model servers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from rag.testing.fakes import HashEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable

    Route = Callable[[dict[str, Any]], Any]


class Status(Exception):  # noqa: N818
    """Raised by a route to answer with an HTTP error."""

    def __init__(self, code: int, body: Any = "", **headers: str) -> None:
        super().__init__(code)
        self.code, self.body, self.headers = code, body, headers


class JsonServer:
    """`routes` maps a path to a function from the request's JSON to the answer: JSON-ready values, or bytes as they are.

    A context manager. `requests` holds (path, payload, headers) of every request that came.
    """

    def __init__(self, **routes: Route) -> None:
        self.routes: dict[str, Route] = {f"/{name.replace('__', '/')}": route for name, route in routes.items()}
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> JsonServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.requests]

    def _answer(self, path: str, payload: dict[str, Any]) -> Any:
        if path not in self.routes:
            raise Status(404, {"error": {"message": f"no route {path}"}})
        return self.routes[path](payload)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                outer.requests.append((self.path, payload, dict(self.headers)))
                try:
                    self._send(200, outer._answer(self.path, payload), {})
                except Status as status:
                    self._send(status.code, status.body, status.headers)

            do_GET = do_POST  # noqa: N815

            def _send(self, code: int, body: Any, headers: dict[str, str]) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(code)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        return Handler


def embeddings_route(payload: dict[str, Any]) -> Any:
    """OpenAI's /embeddings over HashEmbedder, whose vectors are sent three times as long as they are."""
    rows = HashEmbedder().embed_passages(payload["input"])
    return {"data": [{"index": i, "embedding": [3 * x for x in row.tolist()]} for i, row in enumerate(rows)]}


def vllm_like() -> JsonServer:
    """A server that counts tokens and tells its limit as vLLM does: 256, two of them special."""

    def tokenize(payload: dict[str, Any]) -> Any:
        return {"count": HashEmbedder().count_tokens([payload["prompt"]])[0] + 2 * payload["add_special_tokens"]}

    def models(payload: dict[str, Any]) -> Any:
        return {"data": [{"id": "hash", "max_model_len": 256}]}

    return JsonServer(v1__embeddings=embeddings_route, tokenize=tokenize, v1__models=models)
