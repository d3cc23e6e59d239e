"""Normal spelling of words in every script, applied before a tokenizer for European languages splits the text.

- Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese: overlapping pairs of characters, which need no dictionary. Korean has
  spaces between words, but attaches particles to nouns.
- Arabic, Persian and Urdu: one form of each letter, no vowel signs, and the light stemming of Larkey, Ballesteros and Connell
  ("Light Stemming for Arabic Information Retrieval", 2007; light10), plus the endings of Persian plurals.
- Indic scripts: signs inside a word that the tokenizer would read as its end are removed.
- All scripts: combining accents are composed with their letters, and digits become 0 to 9.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_EAST_ASIAN = (
    r"\u3005-\u3007\u3040-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    r"\U00020000-\U0003ffff\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
)
_SOUTH_EAST_ASIAN = r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3\u17dd"
PAIRED_RUN = re.compile(f"[{_EAST_ASIAN}{_SOUTH_EAST_ASIAN}]+")
"""Characters of scripts without spaces between words, or with particles attached to words."""

_TONES = re.compile(r"[\u0e47-\u0e4e\u0ec8-\u0ece\u1037\u1039\u103a\u17c6-\u17d3\u17dd]+")

_HEBREW_POINTS = r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
INNER_SIGNS = rf"\u00ad\u0300-\u036f{_HEBREW_POINTS}\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0df3"
"""For a character class of a regular expression: marks on and between letters, which are part of a word but not of `\\w`."""

_ARABIC_MARKS = r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
_ARABIC_WORD = re.compile(
    rf"[{_ARABIC_MARKS}\u0620-\u063f\u0641-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f]+"
)
_ARABIC_MARK = re.compile(f"[{_ARABIC_MARKS}]+")
_ARABIC_LETTERS = {
    ord(variant): letter
    for letter, variants in {"ا": "آأإٱ", "ي": "ىیې", "ك": "کڪ", "ه": "ةۀہەھۃ"}.items()
    for variant in variants
}
_ARTICLES = ("ال", "بال", "كال", "فال", "لل")
_ENDINGS = ("هاي", "ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي")

_OTHER_FORMS = re.compile(r"[\ufb50-\ufdff\ufe70-\ufefc\uff66-\uff9f\uffa0-\uffdc]+")
_INDIC_BREAKS = r"\u093c\u094d\u09bc\u09cd\u0a3c\u0a4d\u0abc\u0acd\u0b3c\u0b4d\u0bcd\u0c4d\u0cbc\u0ccd\u0d3b\u0d3c\u0d4d\u0dca"
_LEFT_OUT = re.compile(rf"(?:[\u00ad\u0300-\u036f{_HEBREW_POINTS}]|[{_INDIC_BREAKS}][\u200c\u200d]*)+")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_EUROPEAN = re.compile(r"[\x00-\u00ac\u00ae-\u02ff\u2000-\u2bff]*")


def one_form(text: str) -> str:
    """The text with one form of each letter and digit, as in `spelled`, but without stemming and pairs of characters."""
    if text.isascii() or _EUROPEAN.fullmatch(text):
        return text
    text = _OTHER_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run.group()), unicodedata.normalize("NFC", text))
    text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit.group())), _LEFT_OUT.sub("", text))
    return _ARABIC_WORD.sub(lambda word: _ARABIC_MARK.sub("", word.group()).translate(_ARABIC_LETTERS), text)


def spelled(text: str) -> str:
    """The text with its words in normal spelling, separated by white space and punctuation. Offsets change."""
    if text.isascii() or _EUROPEAN.fullmatch(text):
        return text
    text = _ARABIC_WORD.sub(lambda word: _arabic_stem(word.group()), one_form(text))
    return PAIRED_RUN.sub(lambda run: f" {' '.join(pairs(run.group()))} ", text)


def pairs(run: str) -> list[str]:
    """The overlapping pairs of a run of characters, without tone marks. A single character is returned alone.

    >>> pairs("東京都"), pairs("都")
    (['東京', '京都'], ['都'])
    """
    signs = _TONES.sub("", unicodedata.normalize("NFKC", run))
    return [signs[i : i + 2] for i in range(max(1, len(signs) - 1))]


@lru_cache(maxsize=100_000)
def _arabic_stem(stem: str) -> str:
    """The stem of a word in `one_form`. At least two letters remain without an ending, three without "and" (و)."""
    if stem.startswith("و") and len(stem) > 3:
        stem = stem[1:]
    for article in _ARTICLES:
        if stem.startswith(article) and len(stem) >= len(article) + 2:
            stem = stem.removeprefix(article)
            break
    for ending in _ENDINGS:
        if len(stem) >= len(ending) + 2:
            stem = stem.removesuffix(ending)
    return stem
