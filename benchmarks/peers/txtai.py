"""txtai, as its "Chunking your data for RAG" notebook shows: a pipeline streams chunks into Embeddings(content=True).

The notebook's `late` chunker embeds every text once more to find its borders. `sentence` is used instead: of the chunkers with
an overlap it is the one that keeps the text as written (`token` decodes lower-cased word pieces), and it costs the least.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from peer import Phases, index_command, model_folder, prepare_process, report


def index(arguments: argparse.Namespace) -> None:
    phases = Phases()
    from transformers import AutoTokenizer
    from txtai import Embeddings
    from txtai.pipeline import Segmentation

    phases.done("import")
    segment = Segmentation(
        chunker="sentence",
        tokenizer=AutoTokenizer.from_pretrained(model_folder()),
        chunk_size=arguments.chunk_tokens,
        chunk_overlap=arguments.overlap_tokens,
    )
    embeddings = Embeddings(path=model_folder(), content=True)
    phases.done("model")
    texts: list[str] = []

    def stream() -> Iterator[tuple[str, str]]:
        for file in arguments.files:
            for chunk in segment(Path(file).read_text(encoding="utf-8")):
                texts.append(chunk)
                yield file, chunk

    embeddings.index(stream())
    phases.done("load, split and embed")
    embeddings.save(arguments.out)
    phases.done("persist")
    report("txtai", texts, phases, files=len(arguments.files))


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__)
    index_command(parser.add_subparsers(required=True), index)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
