"""LlamaIndex's query engine (`RetrieverQueryEngine` with its default response mode), the passages being given.

Reads questions and passages from a JSON file; prints seconds and the number of answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any


def engine_over(passages: dict[str, list[str]], arguments: argparse.Namespace) -> Any:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
    from llama_index.llms.openai_like import OpenAILike

    class Given(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [NodeWithScore(node=TextNode(text=text), score=1.0) for text in passages[query_bundle.query_str]]

    model = OpenAILike(
        model=arguments.model,
        api_base=arguments.url,
        api_key=os.environ["PEER_API_KEY"],
        is_chat_model=True,
        temperature=0,
        max_tokens=arguments.max_tokens,
        context_window=arguments.window,
        timeout=3600,
        additional_kwargs={"extra_body": {"ignore_eos": True}},
    )
    return RetrieverQueryEngine.from_args(Given(), llm=model)


async def all_at_once(engine: Any, questions: list[str]) -> list[Any]:
    return await asyncio.gather(*(engine.aquery(question) for question in questions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--form", choices=["default", "best"], required=True, help="query one by one, or aquery gathered")
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--window", type=int, default=8192)
    parser.add_argument("--max-tokens", type=int, required=True)
    arguments = parser.parse_args()
    asked = json.loads(arguments.questions.read_text(encoding="utf-8"))
    engine = engine_over({one["question"]: one["passages"] for one in asked}, arguments)
    questions = [one["question"] for one in asked]
    started = time.perf_counter()
    if arguments.form == "default":
        answers = [engine.query(question) for question in questions]
    else:
        answers = asyncio.run(all_at_once(engine, questions))
    print(json.dumps({"seconds": time.perf_counter() - started, "answers": len(answers)}))


if __name__ == "__main__":
    main()
