"""The embedder over HTTP, against a real server that fails in many ways."""

from __future__ import annotations

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from json_server import JsonServer, Status, embeddings_route, vllm_like

from rag.errors import ModelError, UsageError
from rag.models.embedders.http import CAUTIOUS_LIMIT, HttpEmbedder
from rag.testing.fakes import HashEmbedder

TEXTS = ["carp", "The pond is deep.", "", "Soup is served at noon."]


def open_http(server, **options):
    return HttpEmbedder(f"{server.url}/v1", "hash", backoff=0, **options)


def failing_first(times, status, route):
    """`route`, but the first calls are answered with an error."""
    left = iter(range(times))

    def wrapped(payload):
        if next(left, None) is not None:
            raise status
        return route(payload)

    return wrapped


def test_an_overloaded_server_is_asked_again():
    busy = failing_first(2, Status(429, "slow down", Retry_After="0"), embeddings_route)
    with JsonServer(v1__embeddings=busy) as server:
        vector = open_http(server).embed_question("carp")
    np.testing.assert_allclose(vector, HashEmbedder().embed_question("carp"), atol=1e-5)


def test_a_server_that_keeps_failing_is_named_with_its_own_words():
    def broken(payload):
        raise Status(500, {"error": {"message": "out of memory"}})

    with JsonServer(v1__embeddings=broken) as server:
        with pytest.raises(ModelError, match=r"/v1/embeddings .*500.* 'out of memory'"):
            open_http(server)
        assert len(server.requests) == 5


def test_a_wrong_key_is_not_tried_again_and_is_not_shown():
    def closed(payload):
        raise Status(401, "no")

    with JsonServer(v1__embeddings=closed) as server:
        with pytest.raises(ModelError, match="RAG_API_KEY") as caught:
            open_http(server, api_key="secret-123")
        assert [headers["Authorization"] for _, _, headers in server.requests] == ["Bearer secret-123"]
    assert "secret-123" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_refused_and_not_shown():
    with pytest.raises(UsageError, match="RAG_API_KEY") as caught:
        HttpEmbedder("http://127.0.0.1:1/v1", "hash", api_key="secret\n123")
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_with_its_address():
    with JsonServer() as server:
        url = server.url
    with pytest.raises(ModelError, match=url):
        HttpEmbedder(f"{url}/v1", "hash", backoff=0)


def test_rows_are_put_in_order_by_their_index():
    def shuffled(payload):
        return {"data": embeddings_route(payload)["data"][::-1]}

    with JsonServer(v1__embeddings=shuffled) as server:
        vectors = open_http(server).embed_passages(TEXTS)
    np.testing.assert_allclose(vectors, HashEmbedder().embed_passages(TEXTS), atol=1e-5)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [0.0, 0.0]}]},
        {"data": [{"index": 0, "embedding": [math.nan, 1.0]}]},
        {"data": [{"index": 0, "embedding": "text"}]},
        {"object": "error"},
        ["unexpected"],
        None,
    ],
)
def test_an_answer_that_is_not_one_vector_a_text_is_refused(answer):
    with JsonServer(v1__embeddings=lambda payload: answer) as server, pytest.raises(ModelError, match="is an embedding model"):
        open_http(server)


def test_an_answer_that_is_not_json_is_refused():
    page = b"<html>Welcome</html>"
    with JsonServer(v1__embeddings=lambda payload: page) as server, pytest.raises(ModelError, match="Welcome"):
        open_http(server)


def test_a_dimension_that_changes_is_refused():
    sizes = iter([4, 5])

    def route(payload):
        return {"data": [{"index": 0, "embedding": [1.0] * next(sizes)}]}

    with JsonServer(v1__embeddings=route) as server:
        embedder = open_http(server)
        with pytest.raises(ModelError, match="shape"):
            embedder.embed_question("a")


def test_requests_carry_no_more_texts_than_the_batch_size():
    with JsonServer(v1__embeddings=embeddings_route) as server:
        open_http(server, batch_size=8).embed_passages([f"text {n}" for n in range(30)])
        sizes = [len(payload["input"]) for path, payload, _ in server.requests if path == "/v1/embeddings"]
    assert max(sizes) == 8
    assert sum(sizes) == 31


def test_a_failure_among_many_batches_is_raised():
    def moody(payload):
        if "bad" in payload["input"]:
            raise Status(400, {"error": {"message": "cannot read that"}})
        return embeddings_route(payload)

    with JsonServer(v1__embeddings=moody) as server:
        embedder = open_http(server, batch_size=4)
        with pytest.raises(ModelError, match=r"400.* 'cannot read that'"):
            embedder.embed_passages([*(["good"] * 50), "bad"])


def test_bytes_are_counted_where_the_server_counts_no_tokens():
    with JsonServer(v1__embeddings=embeddings_route) as server:
        embedder = open_http(server)
        assert embedder.count_tokens(["abc", "é", "鯉"]) == [3, 2, 3]
        assert embedder.identity.max_tokens == CAUTIOUS_LIMIT - 2


def test_the_servers_own_limit_holds_less_its_special_tokens():
    with vllm_like() as server:
        embedder = open_http(server)
        assert embedder.identity.max_tokens == 254
        assert embedder.count_tokens(["two words"]) == [2]
        assert open_http(server, max_tokens=100).identity.max_tokens == 100


def test_prefixes_are_sent_and_take_their_room():
    with JsonServer(v1__embeddings=embeddings_route) as server:
        embedder = open_http(server, question_prefix="query: ", passage_prefix="passage: ")
        embedder.embed_question("carp")
        embedder.embed_passages(["pond"])
        assert [payload["input"] for path, payload, _ in server.requests if path == "/v1/embeddings"][1:] == [
            ["query: carp"],
            ["passage: pond"],
        ]
    assert embedder.identity.max_tokens == CAUTIOUS_LIMIT - 2 - len("passage: ") - 1


def test_a_refused_question_left_unread_confuses_no_server():
    class Simple(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # the connection is used again

        def do_POST(self):
            if self.path != "/v1/embeddings":
                self.answer(404, b"{}")
                return
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, json.dumps(embeddings_route(payload)).encode())

        def do_GET(self):
            self.answer(404, b"{}")

        def answer(self, status, data):
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Simple) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        embedder = HttpEmbedder(f"http://127.0.0.1:{server.server_port}/v1", "hash", backoff=0)
        vector = embedder.embed_question("carp")
        embedder.close()
        server.shutdown()
    np.testing.assert_allclose(vector, HashEmbedder().embed_question("carp"), atol=1e-5)
