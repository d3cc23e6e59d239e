"""An answer as JSON for another program, which can prove each quote: it is the document's text from `start` to `end`.

The llm `extractive` is no model: it picks the sentences of the documents that fit best.
"""

from __future__ import annotations

import json
from pathlib import Path

import rag

EXAMPLE_DOCUMENTS = Path(rag.__file__).parent / "demo" / "documents"


def main() -> None:
    with rag.open_index("indexes/cited-json", create=True) as index:
        rag.sync([EXAMPLE_DOCUMENTS], index=index)
        answer = rag.ask("How long is the causeway?", index=index, llm="extractive")

    for citation in answer.citations:
        assert rag.load(citation.source).text[citation.start : citation.end] == citation.quote
    print(json.dumps(answer.to_dict(), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
