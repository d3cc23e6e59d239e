"""Vector files and FAISS search, rebuilt from the catalog when needed."""
