"""Slides, each written on its own, as one document with a page for each."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rag.documents.common.archives import damaged, without_text
from rag.documents.common.titles import named, title_like
from rag.types import Document, Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.documents.common.writer import Writer

_BETWEEN_SLIDES = "\n\n"


def slides_document(
    slides: Sequence[Writer | None], *, source: str, name: str, title: str | None, media_type: str, metadata: dict[str, Any]
) -> Document:
    """A slide that is None could not be read. Raises DocumentError: `corrupt` if that is so for all, `no-text` if none says a word."""
    texts = [slide.text if slide else "" for slide in slides]
    if not any(slides):
        raise damaged(source, "none of its slides can be read")
    if not any(texts):
        raise without_text(source)
    starts = tuple(accumulate((len(text) + len(_BETWEEN_SLIDES) for text in texts[:-1]), initial=0))
    headings = tuple(
        replace(heading, start=start + heading.start)
        for start, slide in zip(starts, slides, strict=True)
        for heading in (slide.headings if slide else ())
    )
    return Document(
        text=_BETWEEN_SLIDES.join(texts),
        source=source,
        title=named(name, title_like(title) or next((title_like(heading.text) for heading in headings), "")),
        media_type=media_type,
        page_starts=starts,
        page_statuses=tuple(_status(slide, text) for slide, text in zip(slides, texts, strict=True)),
        headings=headings,
        metadata=metadata,
        places=Places("slide", starts, tuple(str(place) for place in range(1, len(starts) + 1))),
    )


def _status(slide: Writer | None, text: str) -> str:
    if slide is None:
        return "failed"
    return "ok" if text else "no-text"
