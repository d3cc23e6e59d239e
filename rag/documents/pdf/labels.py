"""The numbers that are printed on a PDF's pages ("iv", "A-3"), where they are not those that one gets by counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import visible
from rag.types import Places

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 40


def page_labels(document: Any, pages: int) -> list[str]:
    """The label of each page as pdfium reads it, on one line; empty where there is none."""
    return [" ".join(visible(_label(document, number)).split())[:_LONGEST] for number in range(pages)]


def label_places(labels: Sequence[str], page_starts: Sequence[int]) -> Places | None:
    """Places named as the pages are; None where every page is labelled with its own number, or not at all."""
    plain = [str(number) for number in range(1, len(page_starts) + 1)]
    named = [label or number for label, number in zip(labels, plain, strict=True)]
    return Places("page", tuple(page_starts), tuple(named)) if named != plain else None


def _label(document: Any, number: int) -> str:
    try:
        return str(document.get_page_label(number))
    except UnicodeDecodeError:
        return ""
