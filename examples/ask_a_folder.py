"""Index a folder of documents and ask it a question. The second run finds the index as it was and only asks.

python examples/ask_a_folder.py [FOLDER [QUESTION]]
"""

from __future__ import annotations

import sys
from pathlib import Path

import rag

EXAMPLE_DOCUMENTS = Path(rag.__file__).parent / "demo" / "documents"


def main(folder: str | Path = EXAMPLE_DOCUMENTS, question: str = "What is the station cat called?") -> None:
    with rag.open_index("indexes/ask-a-folder", create=True) as index:
        report = rag.sync([folder], index=index)
        for failure in report.failed:
            print(f"not read: {failure.message}")
        print(f"{report.documents} documents, {report.added} of them new")

        answer = rag.ask(question, index=index, llm="local")
        if not answer.answerable:
            print(answer.text)
        for sentence in answer.sentences:
            print(sentence.cited_text if sentence.support == "full" else f"{sentence.cited_text} (support: {sentence.support})")
        for citation in answer.citations:
            print(f"  [{citation.marker}] {Path(citation.source).name}, pages {citation.pages}: “{citation.quote}”")


if __name__ == "__main__":
    main(*sys.argv[1:3])
