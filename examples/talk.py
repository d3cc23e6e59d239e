"""A conversation that is kept: follow-ups are made whole, and a second chat of the same name goes on where the first ended.

Without a model ("extractive"), follow-ups get the topic of the question before them; a larger model rewrites them itself.
"""

from __future__ import annotations

from pathlib import Path

import rag

EXAMPLE_DOCUMENTS = Path(rag.__file__).parent / "demo" / "documents"


def main() -> None:
    with rag.open_index("indexes/talk", create=True) as index:
        rag.sync([EXAMPLE_DOCUMENTS], index=index)
        with rag.Chat(index=index, llm="extractive", session="visitors") as chat:
            for text in ("hello", "How tall is the tower?", "How many steps does it have?"):
                show(text, chat.ask(text))

        with rag.Chat(index=index, llm="extractive", session="visitors") as chat:
            print(f"{len(chat.history)} turns so far")
            show("What did it cost to build?", chat.ask("What did it cost to build?"))
            chat.clear()


def show(text: str, answer: rag.Answer) -> None:
    print(f"> {text}")
    if answer.question != text:
        print(f"  looked for: {answer.question}")
    print(f"  {answer.text}")


if __name__ == "__main__":
    main()
