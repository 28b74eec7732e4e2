"""Search over the knowledge base: by words, by letters and by meaning."""
