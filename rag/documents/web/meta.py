"""What a web page's head says of it: author, date, language and keywords."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rag.documents.common.metadata import flatten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AUTHORS = ("author", "article:author", "citation_author", "dc.creator", "dcterms.creator", "parsely-author")
_DATES = (
    *("article:published_time", "datepublished", "citation_publication_date", "dcterms.issued", "dc.date.issued"),
    *("dcterms.date", "dc.date", "date", "pubdate", "publish-date", "parsely-pub-date"),
)
_KEYWORDS = ("keywords", "news_keywords", "article:tag", "citation_keywords", "dc.subject")
_LANGUAGES = ("content-language", "dc.language", "dcterms.language", "og:locale")

_DATE = re.compile(r"[12]\d{3}-[01]\d(?:-[0-3]\d(?:[T ]\d\d:\d\d\S*)?)?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)
_ADDRESS = re.compile(r"\w+://|@|www\.", re.IGNORECASE)
_BETWEEN_KEYWORDS = re.compile(r"[,;]")
_LARGEST_SCRIPT = 200_000


def page_metadata(root: Any) -> dict[str, Any]:
    """`author`, `date`, `language` and `keywords` from the page's <meta> elements and its schema.org data."""
    meta = _meta(root)
    values: dict[str, Any] = {
        "author": _authors(meta),
        "date": next((date for name in _DATES for text in meta.get(name, []) if (date := _date(text))), ""),
        "language": _language(root, meta),
        "keywords": next((words for name in _KEYWORDS if (words := _keywords(meta.get(name, [])))), []),
    }
    if not values["author"] or not values["date"]:
        for node in _schema_nodes(root):
            values["author"] = values["author"] or _names(node.get("author"))
            values["date"] = values["date"] or _date(node.get("datePublished"))
    if len(values["author"]) == 1:
        values["author"] = values["author"][0]
    return flatten(values)[0]


def _meta(root: Any) -> dict[str, list[str]]:
    """The contents of the elements <meta> by lower-case name."""
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = " ".join(element.get("content", "").split())
        names = (element.get(attribute) for attribute in ("name", "property", "itemprop", "http-equiv"))
        for name in {name.lower() for name in names if name} if content else ():
            found.setdefault(name, []).append(content)
    return found


def _authors(meta: Mapping[str, list[str]]) -> list[str]:
    """The names under the first key that has any. The address of a profile is not a name."""
    for key in _AUTHORS:
        if names := [name for name in meta.get(key, []) if not _ADDRESS.search(name)]:
            return list(dict.fromkeys(names))
    return []


def _date(text: Any) -> str:
    """A date in ISO 8601 unchanged; "" for other text, and for the year 1 of an unset field."""
    return text if isinstance(text, str) and _DATE.fullmatch(text) else ""


def _language(root: Any, meta: Mapping[str, list[str]]) -> str:
    values = [root.get("lang") or "", *(text for name in _LANGUAGES for text in meta.get(name, []))]
    return next((code.strip().replace("_", "-") for code in values if _LANGUAGE.fullmatch(code.strip())), "")


def _keywords(contents: list[str]) -> list[str]:
    words = (word.strip() for content in contents for word in _BETWEEN_KEYWORDS.split(content))
    return list(dict.fromkeys(word for word in words if word))


def _schema_nodes(root: Any) -> Iterator[dict[str, Any]]:
    """The schema.org objects at the top of the page's JSON-LD."""
    for script in root.xpath("//script[@type='application/ld+json']/text()"):
        if len(script) > _LARGEST_SCRIPT:
            continue
        try:
            data = json.loads(script, strict=False)
        except (ValueError, RecursionError):  # pages get it wrong often, and lose nothing but this
            continue
        graph = data.get("@graph", data) if isinstance(data, dict) else data
        yield from (node for node in (graph if isinstance(graph, list) else [graph]) if isinstance(node, dict))


def _names(author: Any) -> list[str]:
    people = author if isinstance(author, list) else [author]
    names = (person.get("name") if isinstance(person, dict) else person for person in people)
    return [name.strip() for name in names if isinstance(name, str) and name.strip() and not _ADDRESS.search(name)]
