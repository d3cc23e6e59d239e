"""The code page of a text in Latin letters, judged by the places of its other bytes and by the language they would make.

Detectors by statistics call these a tie more often than not: a German text in the code page of DOS differs from one in that of
Windows in a few bytes of a hundred. Read wrongly, those bytes are signs inside of words, capitals behind small letters, or the
letters of several languages at once.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from rag.system.fitted import read_fitted

FITTED = read_fitted(Path(__file__).with_suffix(".json"))
_VALUES = FITTED.values
_DOS = tuple(_VALUES["drawn"])
_ENCODINGS: dict[str, float] = _VALUES["more"]
_ALPHABETS = tuple(map(frozenset, _VALUES["letters"].values()))
_USUAL_SIGNS = frozenset("“”„‘’–—…«»¿¡€")
_BEFORE_WORDS = frozenset("“„‘«‹¿¡‚–—£§©•€·°\xa0")
_BEHIND_WORDS = frozenset("”’“‘»›…–—€°®™²³ªº½¼´·%\xa0")
_WORDS = frozenset("àéèóòìíöåæêôÀÉÈÓÖÅÆ")  # of one letter
_HIGH = re.compile(rb"(?s)(?<=(.))[\x80-\xff](?=(.))")
_DRAWN = re.compile(rb"([\xc4\xcd\xb0-\xb2\xdb\xdc\xdf])\1{3}")  # lines and areas of tables, as DOS draws them
_DRAWING = bytes(0x20 if 0xB0 <= byte <= 0xDF else byte for byte in range(256))
_RUN = re.compile(rb"[\x80-\xff]{3,}")
_ASCII_LETTER = re.compile(rb"[A-Za-z]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_SAMPLE = 32_000
_CONTEXT = 4_000  # before the first of these bytes
_LARGEST_SHARE: float = _VALUES["largest_share"]  # of the letters; scripts of their own have more
_LARGEST_SHARE_IN_RUNS: float = _VALUES["largest_share_in_runs"]  # of these bytes, in runs of three and more
_SURE: float = _VALUES["sure"]

# What a byte says for a reading: a letter of the language or a usual sign; a letter of another; other signs in their places and not
# there; anything that cannot be.
_OWN, _FOREIGN, _SIGN, _RARE, _ABSURD = (float(_VALUES[name]) for name in ("own", "foreign", "sign", "rare", "absurd"))


def latin_encodings(content: bytes) -> list[str]:
    """The code pages that read best as a European language in Latin letters, as often as they read alike; none where none reads well."""
    sample, candidates = _sample(content), _ENCODINGS
    drawn = _DRAWN.search(sample) is not None
    if drawn:
        sample, candidates = sample.translate(_DRAWING), dict.fromkeys(_DOS, 0.0)
    bytes_in_place = Counter(found[1] + found[0] + found[2] for found in _HIGH.finditer(sample))
    count = bytes_in_place.total()
    letters, in_runs = count + len(_ASCII_LETTER.findall(sample)), sum(map(len, _RUN.findall(sample)))
    if not drawn and (count > _LARGEST_SHARE * letters or in_runs > _LARGEST_SHARE_IN_RUNS * count):
        return []
    scores = {name: round(_score(bytes_in_place, name) / max(1, count) - more, 3) for name, more in candidates.items()}
    best = max(scores.values())
    return [name for name, score in scores.items() if score == best] if best >= _SURE or (drawn and not count) else []


def _sample(content: bytes) -> bytes:
    """The part of the content with its first bytes beyond ASCII, between spaces."""
    first = _BEYOND_ASCII.search(content)
    start = max(0, first.start() - _CONTEXT) if first else 0
    return b" " + content[start : start + _SAMPLE] + b" "


def _score(bytes_in_place: Counter[bytes], encoding: str) -> float:
    letters: Counter[str] = Counter()
    score = 0.0
    table = _characters(encoding)
    for (before, middle, behind), count in bytes_in_place.items():
        character = table[middle]
        sign = _sense(table[before], character, table[behind])
        if sign is None:
            letters[character.lower()] += count
        else:
            score += sign * count
    return score + max(sum(n * (_OWN if letter in own else _FOREIGN) for letter, n in letters.items()) for own in _ALPHABETS)


def _sense(before: str, character: str, behind: str) -> float | None:
    """What a character says that is no letter or stands where it cannot; None for a letter in its place."""
    if character.isalpha() and character not in "ªº":
        if not before.isalpha() and not behind.isalpha():
            return _SIGN if character in _WORDS else _RARE
        hump = before.islower() if character.isupper() else before.isupper() and behind.isupper()
        return _ABSURD if hump else None
    if before.isalnum() and behind.isalnum() and character in "’·–—":
        return _OWN
    if before.isalpha() and behind.isalpha():
        return _ABSURD
    if (character in _BEFORE_WORDS and not before.isalnum()) or (character in _BEHIND_WORDS and not behind.isalnum()):
        return _OWN if character in _USUAL_SIGNS else _SIGN
    return _RARE if character.isprintable() and character != "\ufffd" else _ABSURD


@lru_cache(maxsize=len(_ENCODINGS))
def _characters(encoding: str) -> str:
    """The characters of all 256 bytes."""
    return bytes(range(256)).decode(encoding, errors="replace")
