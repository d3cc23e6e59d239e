"""LangChain's `load_summarize_chain`, as its documentation calls it, over documents that are cut into chunks already.

Reads a JSON list of {"chunks": [text…], "question": text or ""}; prints seconds and what came of each document, an error too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

QUESTION = {
    "map": 'Write a concise summary of what the following says about this question: {question}\n\n\n"{{text}}"\n\n\nCONCISE SUMMARY:',
    "refine": (
        "Your job is to produce a final summary that answers this question: {question}\n"
        "We have provided an existing summary up to a certain point: {{existing_answer}}\n"
        "We have the opportunity to refine the existing summary (only if needed) with some more context below.\n"
        "------------\n{{text}}\n------------\n"
        "Given the new context, refine the original summary. If the context isn't useful, return the original summary."
    ),
}
"""LangChain's own prompts with a question in them, for documents that come with one."""


def chain_for(question: str, model: Any, arguments: argparse.Namespace) -> Any:
    from langchain_classic.chains.summarize import load_summarize_chain
    from langchain_core.prompts import PromptTemplate

    prompts: dict[str, Any] = {}
    if question:
        asked = {name: PromptTemplate.from_template(text.format(question=question)) for name, text in QUESTION.items()}
        prompts = {
            "map_reduce": {"map_prompt": asked["map"], "combine_prompt": asked["map"]},
            "refine": {"question_prompt": asked["map"], "refine_prompt": asked["refine"]},
        }[arguments.chain]
    return load_summarize_chain(model, chain_type=arguments.chain, **prompts)


def chat_model(arguments: argparse.Namespace) -> Any:
    from langchain_openai import ChatOpenAI
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
    return ChatOpenAI(
        model=arguments.model,
        base_url=arguments.url,
        api_key=os.environ["PEER_API_KEY"],
        temperature=0,
        max_tokens=arguments.max_tokens,
        timeout=3600,
        custom_get_token_ids=lambda text: tokenizer.encode(text).ids,
        extra_body={"ignore_eos": True} if arguments.ignore_eos else None,
    )


async def all_at_once(chains: list[Any], inputs: list[Any]) -> list[Any]:
    return await asyncio.gather(*map(in_time, chains, inputs), return_exceptions=True)


async def in_time(chain: Any, asked: Any) -> Any:
    return await chain.ainvoke(asked)


def one_by_one(chains: list[Any], inputs: list[Any], form: str) -> list[Any]:
    outcomes: list[Any] = []
    for chain, asked in zip(chains, inputs, strict=True):
        try:
            outcomes.append(chain.invoke(asked) if form == "invoke" else asyncio.run(chain.ainvoke(asked)))
        except Exception as error:  # noqa: BLE001 (told for each document)
            outcomes.append(error)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    parser.add_argument("--chain", choices=["map_reduce", "refine"], required=True)
    parser.add_argument("--form", choices=["invoke", "ainvoke", "gather"], required=True, help="gather: all documents at once")
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--max-tokens", type=int, required=True)
    parser.add_argument("--ignore-eos", action="store_true")
    arguments = parser.parse_args()
    from langchain_core.documents import Document

    told = json.loads(arguments.documents.read_text(encoding="utf-8"))
    model = chat_model(arguments)
    chains = [chain_for(one["question"], model, arguments) for one in told]
    inputs = [{"input_documents": [Document(page_content=text) for text in one["chunks"]]} for one in told]
    started = time.perf_counter()
    together = arguments.form == "gather"
    outcomes = asyncio.run(all_at_once(chains, inputs)) if together else one_by_one(chains, inputs, arguments.form)
    seconds = time.perf_counter() - started
    texts = ["" if isinstance(one, BaseException) else one["output_text"] for one in outcomes]
    errors = [str(one)[:300] for one in outcomes if isinstance(one, BaseException)]
    print(json.dumps({"seconds": seconds, "texts": texts, "errors": errors}))


if __name__ == "__main__":
    main()
