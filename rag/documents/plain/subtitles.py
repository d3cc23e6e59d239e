"""Subtitles (WebVTT and SubRip): a line for each cue, with its time."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from rag.documents.common.characters import tidy
from rag.documents.common.composition import Composition
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain.text import read
from rag.errors import DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMES = re.compile(r"[ \t]*(?:(\d+):)?(\d{1,2}):(\d\d)[.,]\d{1,3}[ \t]+-->")
_BLOCKS = re.compile(r"\n[ \t]*\n")
_NOTES = re.compile(r"\s*(?:(?:NOTE|STYLE|REGION|WEBVTT)\b|\d*\s*\Z)")
_VOICE = re.compile(r"<v(?:\.[^ \t<>]*)?[ \t]+([^<>]+)>")
_TAG = re.compile(r"</?[A-Za-z\d:.][^<>]*>|</?>|\{\\[^{}]*\}")
_TITLE = re.compile(r"WEBVTT[ \t]+(?:-[ \t]*)?(\S.*)")


def load(content: bytes, *, source: str, name: str) -> Document:
    """The cues in their order, without marks; a voice's name goes before what it says where another spoke before.

    Places are the times at which cues begin. Raises DocumentError where there is no cue.
    """
    text = read(content, source=source)
    written, said, speaker = Composition(), [""], ""
    for time, cue in _cues(text):
        voice, lines = _spoken(cue)
        # Captions that roll show a line once more; whoever says the same word twice has a cue of one line for each.
        rolls = len(lines) > 1 or len(said) > 1
        if new := [line for line in lines if not (rolls and line in said)]:
            written.place(time)
            written.write(f"{voice}: {' '.join(new)}" if voice and voice != speaker else " ".join(new))
            speaker = voice
        said = lines or said
    if not written.length:
        raise DocumentError(f"{source} holds no subtitles. Check that it was saved completely.", status="no-text")
    stated = _TITLE.match(text)
    title = title_like(stated[1] if stated else "") or readable_name(name)
    media_type = "text/vtt" if text.startswith("WEBVTT") else "application/x-subrip"
    return Document(written.text, source, title, media_type=media_type, places=written.places(""))


def _cues(text: str) -> Iterator[tuple[str, str]]:
    """The time at which each cue begins, as "0:01:05", and its text."""
    time = ""
    for block in _BLOCKS.split(text):
        lines = block.strip("\n").split("\n")
        at = next((number for number, line in enumerate(lines[:3]) if _TIMES.match(line)), None)
        if at is not None and (times := _TIMES.match(lines[at])):
            hours, minutes, seconds = (int(part or 0) for part in times.groups())
            time = f"{hours}:{minutes:02}:{seconds:02}"
            yield time, "\n".join(lines[at + 1 :])
        elif time and not _NOTES.match(block):  # a cue with an empty line in it
            yield time, "\n".join(lines)


def _spoken(cue: str) -> tuple[str, list[str]]:
    """Who speaks ("" where it is not said), and the lines."""
    voices = _VOICE.findall(cue)
    if len(voices) > 1:
        cue = _VOICE.sub(r"\1: ", cue)
    lines = [_plain(line) for line in cue.split("\n")]
    return _plain(voices[0]) if len(voices) == 1 else "", [line for line in lines if line]


def _plain(line: str) -> str:
    return " ".join(tidy(html.unescape(_TAG.sub("", line))).split())
