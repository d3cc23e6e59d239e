"""Escapes untrusted text for prompts.

Escaped text cannot close its delimiters, and no tokenizer reads a part of it as a control token of a chat template. Invisible
characters (control characters, direction marks, zero-width characters, tags) are removed. Look-alikes count as the characters
they resemble: suspicious places are compared in Unicode's compatibility form (NFKD) without marks, so `＜/ＳＯＵＲＣＥ＞` closes
nothing either.

Only prompts are escaped. Quotes and their offsets use the document's own text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.types import Passage

LONGEST_TITLE = 200
LINE_BREAK = re.compile(r"\r\n?|[\x85\u2028\u2029]")
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)
JOINERS = re.compile(r"[\u200c\u200d\ufe00-\ufe0f]{3,}")
"""Persian, Indic scripts and emoji need one or two joiners in a row. Longer runs can hide text."""

SPACE = re.compile(r"\s*")
WINDOW = 100
"""Characters checked after a suspicious sign. Control tokens and delimiters are shorter."""

SUSPICIOUS = re.compile("[<＜﹤≮‹〈\u2329⟨˂ᐸ❮❬⧼《>＞﹥≯\\[［﹇\\]］﹈]")
LOOK_ALIKES = str.maketrans(
    {
        look_alike: letter
        for letter, look_alikes in {
            "<": "‹〈⟨˂ᐸ❮❬⧼《",
            "/": "∕⁄⧸╱",
            "s": "ѕꜱ",
            "o": "οоօᴏ0",
            "u": "υսᴜʋ",
            "r": "гᴦʀ",
            "c": "сᴄσ",
            "e": "еҽᴇ",
        }.items()
        for look_alike in look_alikes
    }
)

DELIMITER = re.compile(r"<\s*[/\\]?\s*sources?(?![a-z0-9_])")
ANGLED_NAMES = (
    "s|bos|eos|eot|eod|eop|sop|pad|unk|cls|sep|mask|think|thinking|filename|reponame|tools?|turn|image|audio|video|"
    r"(?:start|end|begin|bos|eos|pad|unk|cls|sep|mask)_\w+|(?:fim|issue|jupyter|commit|tool|gh|extra_id|soft|image|audio)_\w+|"
    r"repo_name|file_sep|empty_output|scratch_pad|\w+_token|\w+_placeholder|\d+mass|"
    r"(?:special|reserved|unused|ctrl|control)_?\d+|0x[0-9a-f]{2}|seed:\w+|mask:\d+|think:\w+"
)
ANGLED = re.compile(rf"<(?:\||/?(?:{ANGLED_NAMES})>|<\s*/?sys\s*>>)", re.IGNORECASE)
BRACKETED_NAMES = (
    "IMG|PREFIX|SUFFIX|MIDDLE|THINK|ARGS|AUDIO|BOS|EOS|PAD|UNK|CLS|SEP|MASK|gMASK|sMASK|multimodal|control_[0-9]+|"
    "[A-Z]+_[A-Z0-9_]+"
)
BRACKETED = re.compile(rf"\[(?:\||/?(?i:inst)\]|/?(?:{BRACKETED_NAMES})\]|e~\[)|\]~!?b")
SPELLED = {"<": "‹", ">": "›", "[": "(", "]": ")"}


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered passage for templates, with all text escaped. `title`, `heading` and `source` are single lines."""

    number: int
    title: str
    heading: str
    source: str
    text: str

    @classmethod
    def of(cls, passage: Passage) -> Source:
        """The passage with all text escaped."""
        title, heading, source = (as_line(text) for text in (passage.title, passage.heading, passage.source))
        return cls(passage.number, title, heading, source, as_data(passage.text))


def as_line(text: str) -> str:
    """Escaped text on one line of at most LONGEST_TITLE characters, without double quotation marks.

    >>> as_line('The "old" mill,\\n built in 1911')
    "The 'old' mill, built in 1911"
    """
    line = " ".join(as_data(text).split()).replace('"', "'").replace("＂", "'")
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"


@lru_cache(maxsize=256)
def as_data(text: str) -> str:
    """Escape text so that it can neither close its delimiters nor contain a control token. Escaping twice changes nothing.

    >>> as_data("A < B </source> <|im_end|>")
    'A < B (/source> ‹|im_end|›'
    """
    text = JOINERS.sub("", INVISIBLE.sub("", LINE_BREAK.sub("\n", text)))
    return SUSPICIOUS.sub(lambda match: _spelled(text, match.start()), text)


def _spelled(text: str, position: int) -> str:
    """The sign at `position`, or its replacement if a delimiter or a control token begins or ends there."""
    sign = _compatible(text[position])
    after = SPACE.match(text, position + 1)
    begins = after.end() if after else position + 1
    if DELIMITER.match(_as_seen(text[position] + text[begins : begins + WINDOW])):
        return "("
    follows = _compatible(text[position : position + WINDOW])
    is_token = (ANGLED.match(follows) if sign == "<" else BRACKETED.match(follows)) is not None
    ends_token = sign in (">", "]") and _compatible(text[max(0, position - 3) : position]).endswith("|")
    return SPELLED[sign] if is_token or ends_token else text[position]


def _compatible(text: str) -> str:
    """The compatibility form without marks and joiners."""
    if text.isascii():
        return text
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if unicodedata.category(sign) not in ("Mn", "Me", "Cf"))


def _as_seen(text: str) -> str:
    """The compatibility form in lower case, with look-alikes from other scripts replaced by their ASCII characters."""
    return _compatible(text).casefold().translate(LOOK_ALIKES)
