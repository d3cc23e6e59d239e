"""HTML of answers, hits and summaries for notebooks, with all text escaped. Also `printable`, for terminals."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from rag.text.counts import counted

STYLE = (
    "<style>.groundtext{font-family:system-ui,sans-serif;line-height:1.5;max-width:46em}"
    ".groundtext mark{background:#fff3bf;color:inherit;padding:0 .15em;border-radius:.2em}"
    ".groundtext .where{opacity:.7;font-size:.85em}.groundtext li{margin:.45em 0}"
    ".groundtext .none{text-decoration:underline wavy #e03131 1px;text-underline-offset:.2em}"
    ".groundtext sup{opacity:.75}</style>"
)
SHOWN_CHARACTERS = 320
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and characters that change the direction of writing."""


def printable(text: str) -> str:
    """The text on one line without control characters, so that a document cannot control the terminal."""
    return CONTROL.sub("", " ".join(text.split()))


def answer_html(answer: dict[str, Any]) -> str:
    """The answer's sentences with their markers, then each citation with its page and its quote highlighted."""
    if not answer["answerable"]:
        body = f"<p><strong>{escape(answer['answer'])}</strong></p>"
        if answer["hits"]:
            body += "<p>Nearest passages:</p>" + hits_html(answer["hits"][:3])
        return _frame(body)
    sentences = " ".join(_sentence(sentence) for sentence in answer["sentences"])
    citations = "".join(
        f"<li value='{citation['marker']}'><mark>{escape(citation['quote'])}</mark><br>{_where(citation)}</li>"
        for citation in answer["citations"]
    )
    foot = f"<p class='where'>{escape(answer['model'])} · evidence {answer['evidence']:.2f} · {answer['seconds']:.1f} s</p>"
    return _frame(f"<p>{sentences}</p><ol>{citations}</ol>{foot}")


def hits_html(hits: list[dict[str, Any]], *, question: str = "") -> str:
    """The passages, best first, each with its place and score."""
    title = f"<p><strong>{escape(question)}</strong></p>" if question else ""
    return _frame(f"{title}<ol>{''.join(map(_hit, hits))}</ol>")


def _hit(hit: dict[str, Any]) -> str:
    score = f"<span class='where'>{hit['score']:.3f}</span>"
    return f"<li value='{hit['rank']}'>{_where(hit)} {score}<br>{escape(_shortened(hit['text']))}</li>"


def place(item: dict[str, Any]) -> str:
    """Source and place in words, as in "report.pdf, p. 3–4" or "talk.pptx, slide 3"."""
    if item.get("place"):
        return f"{item['source']}, {item['place']}"
    pages = item.get("pages")
    if not pages:
        return str(item["source"])
    first, last = pages
    return f"{item['source']}, p. {first}" if first == last else f"{item['source']}, p. {first}–{last}"


def _sentence(sentence: dict[str, Any]) -> str:
    markers = "".join(f"<sup>[{marker}]</sup>" for marker in sentence["citations"])
    text = escape(sentence["text"])
    if sentence["support"] == "none":
        text = f"<span class='none' title='not supported by the sources'>{text}</span>"
    return text + markers


def _where(item: dict[str, Any]) -> str:
    heading = f" · {escape(item['heading'])}" if item.get("heading") else ""
    return f"<span class='where'>{escape(place(item))}{heading}</span>"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _frame(body: str) -> str:
    return f"{STYLE}<div class='groundtext'>{body}</div>"


def summary_html(summary: dict[str, Any]) -> str:
    """The sentences with their markers, unsupported ones underlined, then each quote with its page."""
    sentences = " ".join(_sentence(sentence) for sentence in summary["sentences"])
    quotes = "".join(
        f"<li value='{citation['marker']}'><mark>{escape(citation['quote'])}</mark><br>"
        f"<span class='where'>{escape(place(citation))}</span></li>"
        for citation in summary["citations"]
    )
    words, seconds = counted(summary["words"], "word"), f"{summary['seconds']:.1f} s"
    facts = [summary["model"], summary["chain"], words, seconds, *summary["notes"]]
    foot = f"<p class='where'>{escape(' · '.join(facts))}</p>"
    title = f"<p><strong>{escape(summary['title'])}</strong></p>"
    return _frame(f"{title}<p>{sentences}</p><ol>{quotes}</ol>{foot}")
