"""The prefixes of questions and passages for families of models, from their authors' pages.

Without them, these models find clearly less. They apply to model folders without prompts, and to servers, which usually add
nothing to the texts.
"""

from __future__ import annotations

import re

_WEB_SEARCH = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
_SEARCH = "Represent this sentence for searching relevant passages: "
_FAMILIES = (
    (r"e5-.*instruct", f"{_WEB_SEARCH} ", ""),
    (r"e5-", "query: ", "passage: "),
    (r"qwen3-embedding", _WEB_SEARCH, ""),
    (r"nomic-embed-text", "search_query: ", "search_document: "),
    (r"bge-(?:small|base|large)-en", _SEARCH, ""),
    (r"bge-(?:small|base|large)-zh", "为这个句子生成表示以用于检索相关文章：", ""),
    (r"mxbai-embed-large", _SEARCH, ""),
    (r"snowflake-arctic-embed.*-v2", "query: ", ""),
    (r"snowflake-arctic-embed", _SEARCH, ""),
    (r"embeddinggemma", "task: search result | query: ", "title: none | text: "),
)


def prefixes_of(model: str) -> tuple[str, str]:
    """The prefixes of questions and passages for a model's name or folder; empty for an unknown name.

    >>> prefixes_of("intfloat/e5-small-v2")
    ('query: ', 'passage: ')
    """
    name = re.split(r"[/\\]", model.rstrip("/\\"))[-1].lower()
    return next(
        ((question, passage) for family, question, passage in _FAMILIES if re.search(rf"(?<![a-z0-9]){family}", name)),
        ("", ""),
    )
