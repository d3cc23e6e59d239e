"""LangChain's retrieval chain (`create_retrieval_chain` over `create_stuff_documents_chain`), the passages being given.

Its instructions are ours, so that the prompts of all contestants are of the same length: those of its documentation are shorter.
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


def chain_over(passages: dict[str, list[str]], instructions: str, arguments: argparse.Namespace) -> Any:
    from langchain_classic.chains import create_retrieval_chain
    from langchain_classic.chains.combine_documents import create_stuff_documents_chain
    from langchain_core.documents import Document
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(
        model=arguments.model,
        base_url=arguments.url,
        api_key=os.environ["PEER_API_KEY"],
        temperature=0,
        max_tokens=arguments.max_tokens,
        timeout=3600,
        extra_body={"ignore_eos": True},
    )
    system = instructions.replace("{", "{{").replace("}", "}}") + "\n\n{context}"
    prompt = ChatPromptTemplate.from_messages([("system", system), ("human", "{input}")])
    found = RunnableLambda(lambda asked: [Document(page_content=text) for text in passages[asked["input"]]])
    return create_retrieval_chain(found, create_stuff_documents_chain(model, prompt))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--form", choices=["default", "best"], required=True, help="invoke one by one, or abatch")
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--max-tokens", type=int, required=True)
    arguments = parser.parse_args()
    asked = json.loads(arguments.questions.read_text(encoding="utf-8"))
    chain = chain_over({one["question"]: one["passages"] for one in asked}, asked[0]["instructions"], arguments)
    inputs = [{"input": one["question"]} for one in asked]
    started = time.perf_counter()
    answers = [chain.invoke(one) for one in inputs] if arguments.form == "default" else asyncio.run(chain.abatch(inputs))
    print(json.dumps({"seconds": time.perf_counter() - started, "answers": len(answers)}))


if __name__ == "__main__":
    main()
