"""LangChain + FAISS, as its vector store guide shows: TextLoader, RecursiveCharacterTextSplitter, HuggingFaceEmbeddings, FAISS.

`search` asks a saved store one question; `import` makes such a store from passages and vectors that were embedded elsewhere;
`pages` tells which pages of PDFs it finds for questions.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from peer import Phases, index_command, model_folder, prepare_process, report


def embeddings() -> Any:
    """The float32 torch model that sentence-transformers loads by default."""
    from langchain_huggingface import HuggingFaceEmbeddings

    return HuggingFaceEmbeddings(model_name=model_folder(), model_kwargs={"device": "cpu"})


def index(arguments: argparse.Namespace) -> None:
    phases = Phases()
    from langchain_community.document_loaders import TextLoader
    from langchain_community.vectorstores import FAISS
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import AutoTokenizer

    phases.done("import")
    model = embeddings()
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    phases.done("model")
    documents = [document for file in arguments.files for document in TextLoader(file, encoding="utf-8").load()]
    phases.done("load")
    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        tokenizer, chunk_size=arguments.chunk_tokens, chunk_overlap=arguments.overlap_tokens
    )
    chunks = splitter.split_documents(documents)
    phases.done("split")
    store = FAISS.from_documents(chunks, model)
    phases.done("embed")
    store.save_local(arguments.out)
    phases.done("persist")
    report("LangChain", [chunk.page_content for chunk in chunks], phases, files=len(documents))


def search(arguments: argparse.Namespace) -> None:
    phases = Phases()
    from langchain_community.vectorstores import FAISS

    phases.done("import")
    model = embeddings()
    phases.done("model")
    # the store is a pickle that this program wrote itself
    store = FAISS.load_local(arguments.index, model, allow_dangerous_deserialization=True)
    phases.done("load")
    found = store.similarity_search_with_score(arguments.question, k=arguments.k)
    phases.done("search")
    hits = [{"distance": float(distance), **document.metadata, "text": document.page_content} for document, distance in found]
    print(json.dumps({"name": "LangChain", "hits": hits, "seconds": phases.seconds}))


def import_passages(arguments: argparse.Namespace) -> None:
    """Read an export (see index/export.py) into a store; nothing is embedded."""
    import numpy as np
    from langchain_community.vectorstores import FAISS

    export = Path(arguments.export)
    with (export / "chunks.jsonl").open(encoding="utf-8") as lines:
        passages = [json.loads(line) for line in lines]
    vectors = np.load(export / "vectors.npy")
    if len(passages) != len(vectors):
        raise SystemExit(f"{export}: {len(passages)} passages but {len(vectors)} vectors. Make the export again.")
    texts = [passage["text"] for passage in passages]
    metadata = [{"chunk": passage["chunk"], "source": passage["source"]} for passage in passages]
    store = FAISS.from_embeddings(zip(texts, vectors.tolist(), strict=True), embeddings(), metadatas=metadata)
    store.save_local(arguments.out)
    print(json.dumps({"name": "LangChain", "chunks": len(texts)}))


def find_pages(arguments: argparse.Namespace) -> None:
    """Index PDFs as its tutorial on retrieval shows (PyPDFLoader, then the splitter), and tell each question's first pages.

    Questions come as a JSON list on stdin.
    """
    from langchain_community.document_loaders import PyPDFLoader
    from langchain_community.vectorstores import FAISS
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import AutoTokenizer

    questions = json.load(sys.stdin)
    pages = [page for file in arguments.files for page in PyPDFLoader(file).load()]
    if arguments.characters:
        splitter = RecursiveCharacterTextSplitter(chunk_size=arguments.size, chunk_overlap=arguments.overlap)
    else:
        splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
            AutoTokenizer.from_pretrained(model_folder()), chunk_size=arguments.size, chunk_overlap=arguments.overlap
        )
    chunks = splitter.split_documents(pages)
    store = FAISS.from_documents(chunks, embeddings())
    found = [
        [(hit.metadata["source"], hit.metadata["page"] + 1) for hit in store.similarity_search(question, k=arguments.k)]
        for question in questions
    ]
    print(json.dumps({"name": "LangChain", "pages": len(pages), "chunks": len(chunks), "found": found}))


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    index_command(commands, index)
    asked = commands.add_parser("search", help="ask a saved store one question")
    asked.add_argument("question")
    asked.add_argument("--index", required=True, metavar="DIR")
    asked.add_argument("-k", type=int, default=10, metavar="N")
    asked.set_defaults(run=search)
    imported = commands.add_parser("import", help="make a store from chunks.jsonl and vectors.npy")
    imported.add_argument("export", metavar="EXPORT_DIR")
    imported.add_argument("--out", required=True, metavar="DIR")
    imported.set_defaults(run=import_passages)
    paged = commands.add_parser("pages", help="which pages of PDFs are found for the questions on stdin")
    paged.add_argument("files", nargs="+", metavar="PDF")
    paged.add_argument("--size", type=int, required=True, metavar="N", help="of a chunk, in tokens of the embedder")
    paged.add_argument("--overlap", type=int, required=True, metavar="N")
    paged.add_argument("--characters", action="store_true", help="both are in characters")
    paged.add_argument("-k", type=int, required=True, metavar="N")
    paged.set_defaults(run=find_pages)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
