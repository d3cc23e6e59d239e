"""How a summary looks in a notebook. All is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from rag.notebook import STYLE, place


def summary_html(summary: dict[str, Any]) -> str:
    """The sentences with their markers, those that nothing bears out underlined, then each quote with its page."""
    sentences = " ".join(_sentence(sentence) for sentence in summary["sentences"])
    quotes = "".join(
        f"<li value='{citation['marker']}'><mark>{escape(citation['quote'])}</mark><br>"
        f"<span class='where'>{escape(place(citation))}</span></li>"
        for citation in summary["citations"]
    )
    told = [summary["model"], summary["chain"], f"{summary['words']} words", f"{summary['seconds']:.1f} s", *summary["notes"]]
    foot = f"<p class='where'>{escape(' · '.join(told))}</p>"
    title = f"<p><strong>{escape(summary['title'])}</strong></p>"
    return f"{STYLE}<div class='groundtext'>{title}<p>{sentences}</p><ol>{quotes}</ol>{foot}</div>"


def _sentence(sentence: dict[str, Any]) -> str:
    text = escape(sentence["text"])
    if sentence["support"] == "none":
        return f"<span class='none' title='not borne out by the document'>{text}</span>"
    return text + "".join(f"<sup>[{marker}]</sup>" for marker in sentence["citations"])
