"""Hold any text, whoever wrote it, against passages: which sentences do they bear out? Needs no index and no model."""

from __future__ import annotations

import rag

SOURCES = [
    "The Eiffel Tower is 330 metres tall. Construction began in January 1887.",
    "The tower was finished in March 1889 and stands on the Champ de Mars in Paris.",
]
TEXT = "The Eiffel Tower is 330 metres tall. It was finished in March 1892. Penguins breed on its roof."


def main() -> None:
    for sentence in rag.check(TEXT, sources=SOURCES):
        markers = "".join(f"[{number}]" for number in sentence.citations) or "no source"
        print(f"{sentence.support:8} {sentence.score:.2f}  {sentence.text}  {markers}")


if __name__ == "__main__":
    main()
