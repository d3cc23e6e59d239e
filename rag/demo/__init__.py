"""The packaged example documents, and the questions that `rag demo` asks about them."""
