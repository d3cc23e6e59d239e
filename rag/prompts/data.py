"""Text of others, spelled so that a prompt can hold it as data.

It cannot close the delimiters it stands between, and no tokenizer takes a part of it for a control token of a chat
template. What nobody can see (control characters, signs that turn the direction of writing, characters without width,
tags) is left out. Look-alikes count as what they look like: each suspicious place is compared in its compatibility form
(Unicode NFKD) without marks, so `＜/ＳＯＵＲＣＥ＞` closes nothing either.

Only the prompt is spelled in this way. Quotes and their offsets are those of the document's own text.
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
"""Persian, Indic scripts and emoji need one or two in a row; more of them hide something."""

SPACE = re.compile(r"\s*")
WINDOW = 100
"""Characters after a suspicious sign that are looked at; control tokens and delimiters are shorter."""

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
    """A passage as templates see it: numbered, and safe in all its texts. `title`, `heading` and `source` are one line."""

    number: int
    title: str
    heading: str
    source: str
    text: str

    @classmethod
    def of(cls, passage: Passage) -> Source:
        """The passage, spelled as data."""
        title, heading, source = (as_line(text) for text in (passage.title, passage.heading, passage.source))
        return cls(passage.number, title, heading, source, as_data(passage.text))


def as_line(text: str) -> str:
    """Data on one line of at most LONGEST_TITLE characters, which also fits between double quotation marks."""
    line = " ".join(as_data(text).split()).replace('"', "'").replace("＂", "'")
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"


@lru_cache(maxsize=256)
def as_data(text: str) -> str:
    """Text that can neither close its delimiters nor be read as a control token; again applied, it stays as it is."""
    text = JOINERS.sub("", INVISIBLE.sub("", LINE_BREAK.sub("\n", text)))
    return SUSPICIOUS.sub(lambda match: _spelled(text, match.start()), text)


def _spelled(text: str, position: int) -> str:
    """The sign at `position`, or another in its place where a delimiter or a control token begins or ends with it."""
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
    """The compatibility form in lower case, with letters and signs of other scripts as those of ASCII that they look like."""
    return _compatible(text).casefold().translate(LOOK_ALIKES)
