"""The contract of both rerankers, and the particular behaviour of each."""

from __future__ import annotations

import random

import pytest
from json_server import JsonServer, Status
from tiny_models import save_tiny_cross_encoder, save_tiny_embedder

from rag.errors import ModelError
from rag.models.rerankers.http import HttpReranker
from rag.testing import RerankerContract


def rerank_route(payload):
    """Scores by the share of the question's words in a passage, in another order than the request's."""
    words = set(payload["query"].lower().split())
    results = [
        {"index": i, "relevance_score": len(words & set(text.lower().split())) / len(words)}
        for i, text in enumerate(payload["documents"])
    ]
    random.Random(1).shuffle(results)
    return {"results": results}


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    from rag.models.rerankers.cross_encoder import CrossEncoderReranker

    folder = save_tiny_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")
    reranker = CrossEncoderReranker(str(folder), device="cpu")
    yield reranker
    reranker.close()


@pytest.fixture(scope="module", params=["http", pytest.param("cross-encoder", marks=pytest.mark.slow)])
def reranker(request):
    if request.param == "cross-encoder":
        yield request.getfixturevalue("cross_encoder")
        return
    with JsonServer(rerank=rerank_route) as server:
        opened = HttpReranker(server.url, "words", batch_size=3, backoff=0)
        yield opened
        opened.close()


class TestContract(RerankerContract):
    """Over the fixture `reranker`."""


@pytest.mark.slow
def test_a_long_passage_is_read_to_its_end(cross_encoder):
    head = "word " * 300
    scores = {round(cross_encoder.scores("word", [head + tail * 60])[0], 6) for tail in ("a ", "b ", "c ", "x y z ", "4711 ")}
    assert len(scores) > 1


@pytest.mark.slow
def test_a_question_that_leaves_no_room_is_refused(cross_encoder):
    with pytest.raises(ModelError, match=r"question .*128"):
        cross_encoder.scores("word " * 200, ["a"])


@pytest.mark.slow
def test_models_that_are_no_rerankers_are_refused(tmp_path):
    from rag.models.rerankers.cross_encoder import CrossEncoderReranker

    with pytest.raises(ModelError, match="3 scores"):
        CrossEncoderReranker(str(save_tiny_cross_encoder(tmp_path / "classes", labels=3)), device="cpu")
    with pytest.raises(ModelError, match="BertModel"):
        CrossEncoderReranker(str(save_tiny_embedder(tmp_path / "embedder")), device="cpu")
    with pytest.raises(ModelError, match="is not a folder"):
        CrossEncoderReranker(str(tmp_path / "nothing"))


def test_higher_is_better_and_the_request_is_as_servers_expect():
    with JsonServer(rerank=rerank_route) as server:
        scores = HttpReranker(server.url, "words", api_key="k").scores("carp pond", ["a carp pond", "a carp", "soup"])
        path, payload, headers = server.requests[0]
    assert scores == [1.0, 0.5, 0.0]
    assert (path, headers["Authorization"]) == ("/rerank", "Bearer k")
    assert payload == {"model": "words", "query": "carp pond", "documents": ["a carp pond", "a carp", "soup"]}


def test_a_server_that_serves_only_v1_rerank_is_found_once():
    with JsonServer(v1__rerank=rerank_route) as server:
        reranker = HttpReranker(server.url, "words", backoff=0)
        assert reranker.scores("carp", ["carp", "soup"]) == reranker.scores("carp", ["carp", "soup"]) == [1.0, 0.0]
        assert HttpReranker(f"{server.url}/v1", "words").scores("carp", ["soup"]) == [0.0]
        assert server.paths() == ["/rerank", "/v1/rerank", "/v1/rerank", "/v1/rerank"]


def test_a_server_without_rerank_is_told_with_its_address():
    with JsonServer() as server, pytest.raises(ModelError, match=rf"{server.url}/v1/rerank .*404"):
        HttpReranker(server.url, "words", backoff=0).scores("carp", ["soup"])


def test_many_passages_go_in_several_requests():
    with JsonServer(rerank=rerank_route) as server:
        scores = HttpReranker(server.url, "words", batch_size=4).scores("carp", ["carp", "soup"] * 5)
        assert [len(payload["documents"]) for _, payload, _ in server.requests] == [4, 4, 2]
    assert scores == [1.0, 0.0] * 5


@pytest.mark.parametrize(
    "results",
    [
        [],
        [{"index": 0, "relevance_score": 1.0}],
        [{"index": 0, "relevance_score": 1.0}, {"index": 2, "relevance_score": 1.0}],
        [{"index": i, "relevance_score": 1.0} for i in range(3)],
        [{"index": 0, "relevance_score": 1.0}, {"index": 1, "relevance_score": float("nan")}],
        [{"index": 0}, {"index": 1}],
        "none",
    ],
)
def test_an_answer_that_is_not_one_score_a_passage_is_refused(results):
    with JsonServer(rerank=lambda payload: {"results": results}) as server:
        reranker = HttpReranker(server.url, "words", backoff=0)
        with pytest.raises(ModelError, match="2 passages"):
            reranker.scores("carp", ["carp", "soup"])


def test_a_busy_server_is_asked_again():
    answers = iter([Status(503, "loading")])

    def busy(payload):
        if status := next(answers, None):
            raise status
        return rerank_route(payload)

    with JsonServer(rerank=busy) as server:
        assert HttpReranker(server.url, "words", backoff=0).scores("carp", ["carp"]) == [1.0]
