"""HTML pages: the main text without menus and advertisements, and its headings."""

from __future__ import annotations

import logging
import re
from typing import Any

from rag.documents.common.encodings import decode
from rag.documents.common.titles import readable_name, title_like
from rag.documents.web.meta import page_metadata
from rag.documents.web.tables import bound_spans
from rag.documents.web.tree import render
from rag.errors import DocumentError
from rag.types import Document, Heading

_Rendered = tuple[str, tuple[Heading, ...]]

_DECLARED = re.compile(rb"""<(?:meta|\?xml)\s[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_ARTICLE_TYPE = re.compile(r"article|posting|recipe|review", re.IGNORECASE)
_JSON_ARTICLE = re.compile(r'"@type"\s*:\s*\[?\s*"\w*(?:Article|Posting|Recipe|Review)"')
_MAIN = "//main | //*[@role='main']"
_BODY_SHARE = 0.5
_SHORT = 300  # characters of a page that is no article taken out of surroundings
_MOST_SPANNED = 50_000  # the extractor makes a cell for each that is spanned


def load(content: bytes, *, source: str, name: str) -> Document:
    """The page's main text, tables and lists included. Raises DocumentError when there is no text in it."""
    declared = _DECLARED.search(content[:4096])
    root = _parse(decode(content, declared=declared[1].decode("ascii") if declared else None), source=source)
    metadata = {} if root is None else page_metadata(root)  # first, for extraction takes elements out of the tree
    text, headings = ("", ()) if root is None else _main_text(root)
    if not text:
        hint = "If the page builds its text by script, save it from a browser, or print it to PDF, and index that."
        raise DocumentError(f"{source} holds no text. {hint}", status="no-text")
    title = _title(root) or next((title_like(heading.text) for heading in headings), "") or readable_name(name)
    return Document(text, source, title, media_type="text/html", headings=headings, metadata=metadata)


def fragment(page: str, *, source: str) -> _Rendered:
    """All the text of a page or of a piece of one, and its headings. Raises DocumentError where it is nested too deeply."""
    root = _parse(page, source=source)
    return ("", ()) if root is None else render(root)


def _parse(page: str, *, source: str) -> Any:
    """The page's root element; None where there is no element in it. Raises DocumentError rather than drop the rest."""
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(page.encode("utf-8", errors="replace"), parser=parser)
    except etree.ParserError:
        return None
    if any(error.type_name == "ERR_RESOURCE_LIMIT" for error in parser.error_log):
        raise DocumentError(
            f"{source} nests its elements too deeply to be read to its end. Open it in a browser, save it as text or PDF, "
            "and index that.",
            status="corrupt",
        )
    return root


def _main_text(root: Any) -> _Rendered:
    """An article without its surroundings; every other page whole, because extractors drop parts of reference pages.

    Extraction finds articles very well (F1 .97 on 91 news pages against .77 for whole pages), but loses up to half of
    generated documentation, which does not call itself an article. So pages that do are extracted, pages that mark their
    main part are taken at their word, and of the rest those that are long and mostly something else are extracted.
    """
    if _is_article(root):
        extracted = _extract(root)
        return extracted if extracted[0] else _whole(root)
    whole = _whole(root)
    if root.xpath(_MAIN):
        return whole
    if len(whole[0]) < _SHORT:
        return whole
    extracted = _extract(root)
    return extracted if 0 < len(extracted[0]) < _BODY_SHARE * len(whole[0]) else whole


def _is_article(root: Any) -> bool:
    """Whether the page's own metadata (Open Graph, schema.org) calls it an article."""
    kinds = root.xpath("//meta[@property='og:type' or @name='og:type']/@content | //*[@itemscope]/@itemtype")
    if any(_ARTICLE_TYPE.search(kind) for kind in kinds):
        return True
    return any(_JSON_ARTICLE.search(script) for script in root.xpath("//script[@type='application/ld+json']/text()"))


def _whole(root: Any) -> _Rendered:
    """The largest part marked as the main one, else the body."""
    mains = [render(main) for main in root.xpath(_MAIN)]
    best = max(mains, key=lambda rendered: len(rendered[0]), default=("", ()))
    return best if best[0] else render(root)


def _extract(root: Any) -> _Rendered:
    from trafilatura import extract

    log = logging.getLogger("trafilatura")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # it warns of each page without text; the caller is told anyway
    bound_spans(root, _MOST_SPANNED)
    found = extract(root, output_format="html", include_comments=False, include_formatting=False, favor_recall=True, fast=True)
    main = _parse(found, source="the extracted text") if found else None
    return ("", ()) if main is None else render(main)


def _title(root: Any) -> str:
    for path in ("//head/title/text()", "//title/text()", "//meta[@property='og:title']/@content"):
        for candidate in root.xpath(path):
            if title := title_like(candidate):
                return title
    return ""
