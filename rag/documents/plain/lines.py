"""Line numbers as places, for documents whose text is the file's own."""

from __future__ import annotations

import re

from rag.types import Places

_LINE_FEED = re.compile("\n")


def line_places(text: str) -> Places:
    """Where each line of the text begins, counted from 1; what follows the last line feed is a line only if there is any."""
    starts = (0, *(end for feed in _LINE_FEED.finditer(text) if (end := feed.end()) < len(text)))
    return Places("line", starts, tuple(map(str, range(1, len(starts) + 1))))
