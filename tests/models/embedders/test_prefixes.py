"""Questions and passages get the prefixes that the model was trained with, unless the user names others."""

from __future__ import annotations

import pytest
from json_server import JsonServer, embeddings_route
from tiny_models import save_tiny_embedder

from rag.errors import SpecError
from rag.models.embedders.http import CAUTIOUS_LIMIT, ROOM_FOR_A_SERVERS_PREFIX, HttpEmbedder
from rag.models.embedders.prefixes import prefixes_of
from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder
from rag.specs import open_embedder

WEB_SEARCH = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"


@pytest.mark.parametrize(
    ("model", "question", "passage"),
    [
        ("multilingual-e5-small-q4", "query: ", "passage: "),
        ("intfloat/e5-base-v2", "query: ", "passage: "),
        ("C:\\models\\multilingual-e5-large\\", "query: ", "passage: "),
        ("multilingual-e5-large-instruct", f"{WEB_SEARCH} ", ""),
        ("Qwen/Qwen3-Embedding-0.6B", WEB_SEARCH, ""),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("BAAI/bge-m3", "", ""),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("all-MiniLM-L6-v2", "", ""),
        ("thistle5-base", "", ""),
        ("e5-models/all-MiniLM-L6-v2", "", ""),
    ],
)
def test_a_model_is_known_by_the_family_in_its_name(model, question, passage):
    assert prefixes_of(model) == (question, passage)


def asked_of(spec):
    """The texts that a server gets (the probe, a question, a passage), and the embedder's identity."""
    with JsonServer(v1__embeddings=embeddings_route) as server:
        embedder = open_embedder(spec.replace("SERVER", f"{server.url}/v1"))
        embedder.embed_question("carp")
        embedder.embed_passages(["pond"])
        sent = [payload for path, payload, _ in server.requests if path == "/v1/embeddings"]
    return [(payload["input"][0], payload.get("input_type")) for payload in sent], embedder.identity


def test_a_servers_model_gets_the_prefixes_of_its_name():
    sent, identity = asked_of("SERVER#intfloat/multilingual-e5-small")
    assert sent[1:] == [("query: carp", None), ("passage: pond", None)]
    assert (identity.question_prefix, identity.passage_prefix) == ("query: ", "passage: ")


def test_a_server_that_adds_prefixes_learns_which_are_questions():
    sent, identity = asked_of("SERVER?input_type=query,passage#multilingual-e5-small-q4")
    assert sent[1:] == [("carp", "query"), ("pond", "passage")]
    assert identity.max_tokens == CAUTIOUS_LIMIT - 2 - ROOM_FOR_A_SERVERS_PREFIX
    assert identity != asked_of("SERVER#multilingual-e5-small-q4")[1]
    assert identity != asked_of("SERVER?input_type=document,document#multilingual-e5-small-q4")[1]


def test_an_address_can_set_prefixes_and_the_token_limit():
    sent, identity = asked_of("SERVER?question_prefix=find:%20&passage_prefix=&max_tokens=90#e5-of-ours")
    assert sent[1:] == [("find: carp", None), ("pond", None)]
    assert identity.max_tokens == 90


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("http://127.0.0.1:1/v1?input_type=query,passage", "model"),
        ("http://127.0.0.1:1/v1?input_type=query#m", "a question's kind and a passage's"),
        ("http://127.0.0.1:1/v1?input_type=,passage#m", "a question's kind and a passage's"),
        ("http://127.0.0.1:1/v1?input_types=query,passage#m", "'input_type'"),
        ("http://127.0.0.1:1/v1?max_tokens=many#m", "max_tokens .*'many'"),
        ("http://#m", "server"),
    ],
)
def test_a_mistaken_address_is_refused_before_any_request(spec, message):
    with pytest.raises(SpecError, match=message):
        open_embedder(spec)


def test_what_is_passed_as_an_argument_comes_before_the_name():
    with JsonServer(v1__embeddings=embeddings_route) as server:
        embedder = HttpEmbedder(f"{server.url}/v1", "e5-small", question_prefix="", passage_prefix="")
    assert (embedder.identity.question_prefix, embedder.identity.passage_prefix) == ("", "")


@pytest.mark.slow
def test_a_model_folder_keeps_its_prompts_or_gets_its_familys(tmp_path):
    plain = save_tiny_embedder(tmp_path / "multilingual-e5-tiny")
    own = save_tiny_embedder(tmp_path / "e5-of-ours", prompts={"query": "ask "})
    by_name, by_prompts = (open_embedder(str(folder)) for folder in (plain, own))
    assert (by_name.identity.question_prefix, by_name.identity.passage_prefix) == ("query: ", "passage: ")
    assert (by_prompts.identity.question_prefix, by_prompts.identity.passage_prefix) == ("ask ", "")
    bare = SentenceTransformersEmbedder(str(plain), question_prefix="", passage_prefix="")
    assert by_name.embed_question("fox") @ bare.embed_question("query: fox") > 0.9999
    assert by_name.embed_passages(["fox"])[0] @ bare.embed_passages(["passage: fox"])[0] > 0.9999
