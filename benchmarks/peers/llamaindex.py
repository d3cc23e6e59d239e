"""LlamaIndex + FAISS, as its "Faiss Vector Store" page shows: SimpleDirectoryReader, SentenceSplitter, VectorStoreIndex."""

from __future__ import annotations

import argparse

from peer import DIMENSION, Phases, index_command, model_folder, prepare_process, report


def index(arguments: argparse.Namespace) -> None:
    phases = Phases()
    import faiss
    from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.faiss import FaissVectorStore
    from transformers import AutoTokenizer

    phases.done("import")
    model = HuggingFaceEmbedding(model_name=model_folder(), device="cpu")
    # tokenize, not encode: encode would count [CLS] and [SEP] for every piece
    tokenize = AutoTokenizer.from_pretrained(model_folder()).tokenize
    phases.done("model")

    # Without metadata the splitter has the whole chunk for text, and only text is embedded, as in the other libraries:
    # by default each chunk would lose room to its file's path and be embedded with it.
    reader = SimpleDirectoryReader(input_files=arguments.files, filename_as_id=True, file_metadata=lambda path: {})
    documents = reader.load_data()
    phases.done("load")
    splitter = SentenceSplitter(chunk_size=arguments.chunk_tokens, chunk_overlap=arguments.overlap_tokens, tokenizer=tokenize)
    nodes = splitter.get_nodes_from_documents(documents)
    phases.done("split")

    storage = StorageContext.from_defaults(vector_store=FaissVectorStore(faiss_index=faiss.IndexFlatL2(DIMENSION)))
    built = VectorStoreIndex(nodes, storage_context=storage, embed_model=model)
    phases.done("embed")
    built.storage_context.persist(persist_dir=arguments.out)
    phases.done("persist")
    report("LlamaIndex", [node.get_content() for node in nodes], phases, files=len(documents))


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__)
    index_command(parser.add_subparsers(required=True), index)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
