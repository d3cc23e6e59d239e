"""One question, three ways to search: by meaning (dense), by words (keyword), and both put together (hybrid).

No document says "dormitory", so the search by words finds nothing; by meaning, the bunkhouse is found.
"""

from __future__ import annotations

from pathlib import Path

import rag

EXAMPLE_DOCUMENTS = Path(rag.__file__).parent / "demo" / "documents"
QUESTION = "Is there a dormitory?"


def main() -> None:
    with rag.open_index("indexes/search-modes", create=True) as index:
        rag.sync([EXAMPLE_DOCUMENTS], index=index)
        for mode in ("dense", "keyword", "hybrid"):
            print(f"{mode}:")
            hits = rag.search(QUESTION, index=index, k=2, mode=mode)
            for hit in hits:
                print(f"  {hit.rank}. {hit.score:.2f}  {Path(hit.source).name} · {hit.heading or 'no heading'}")
            if not hits:
                print("  nothing")

        print("only PDF:")
        for hit in rag.search(QUESTION, index=index, k=1, where={"media_type": "application/pdf"}):
            print(f"  {hit.rank}. {hit.score:.2f}  {Path(hit.source).name}, pages {hit.pages}")


if __name__ == "__main__":
    main()
