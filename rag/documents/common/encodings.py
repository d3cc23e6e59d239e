"""Bytes to text: byte order marks, then UTF-8, then what the document declares, then what its bytes look like."""

from __future__ import annotations

import codecs
import re

from rag.documents.common.encodings_latin import latin_encodings

_MARKS = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Declared names that browsers read as a larger encoding, because pages use its additions anyway.
_WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874"}
_WIDER |= {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "ksc5601": "cp949"}
_LIKELY = ["cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "iso8859_6", "cp874", "cp866"]
_LIKELY += ["iso8859_5", "gb18030", "big5", "cp932", "euc_jp", "cp949", "iso2022_jp"]
_LATIN = frozenset({"cp1250", "cp1252", "cp1254"})
_CENTRAL_EUROPEAN = frozenset({"Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian", "Slovene"})
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_NO_TEXT = re.compile("[\\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_ESCAPE = re.compile(rb"\x1b(?:\$[@B]|\([BJ]|\$\)C|\$\(D)")
# Punctuation, the scripts of Europe and the Near East, those of India and its neighbours, Han, kana, Hangul, wide forms.
_USUAL = re.compile(
    "[\\t\\n\\r\\f\x20-\x7e\xa0-\u052f\u0531-\u05f4\u0600-\u06ff\u0900-\u0dff\u0e01-\u0fff\u10a0-\u10ff\u1e00-\u206f\u20a0-\u20bf\u2100-\u22ff"
    "\u2460-\u25ff\u3000-\u30ff\u3200-\u33ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef\U0001f300-\U0001faff\U00020000-\U0002ffff]"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_HEBREW_WORD = re.compile(rb"[\xe0-\xfa]{2,}")
_NO_HEBREW = re.compile(  # bytes that are letters only in Cyrillic or Greek, and letters for the ends of words elsewhere
    rb"[\x80\x81\x83\x8a\x8c-\x90\x9a\x9c-\x9f\xa1-\xa3\xa5\xa8\xaa\xaf\xb2-\xb5\xb8-\xba\xbc-\xdf\xfb-\xff]"
    rb"|[\xea\xed\xef\xf3\xf5](?=[\xe0-\xfa])"
)
_CYRILLIC_VOWEL = re.compile(rb"[\xe0\xe5\xe8\xee\xf3]")
_LEAST_HEBREW = 6
_NOT_ASCII = re.compile("[^\0-\x7f]")
_ASCII_BEGINNING = re.compile(rb"[\0-\x7f]*")
_SAMPLE = 8192


def decode(content: bytes, *, declared: str | None = None) -> str:
    """The text, without its byte order mark. Bytes that no encoding explains become U+FFFD; nothing is raised."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    encoding = _unmarked(content) or _escaped(content) or _strict(content, declared) or _guess(content)
    return content.decode(encoding, errors="replace")


def is_binary(content: bytes) -> bool:
    """Whether the beginning of the bytes cannot be text in any encoding that `decode` knows."""
    sample = content[:_SAMPLE]
    if sample.startswith(tuple(mark for mark, _ in _MARKS)) or _unmarked(content) or _escaped(content):
        return False
    return len(_CONTROL.findall(sample)) > 1 + 0.02 * len(sample)


def _unmarked(content: bytes) -> str | None:
    """UTF-16 and UTF-32 without a mark: no text in any other encoding has NULs.

    Most scripts of Europe have a NUL as every second byte. Others have one here and there, in spaces and line ends; of the two
    orders of bytes the wrong one gives characters from everywhere, and the right one gives those that texts are written in.
    """
    sample = content[:_SAMPLE]
    if sample.count(0) > 0.4 * len(sample):
        for encoding in ("utf-32-le", "utf-32-be"):
            if _share_of_usual(sample[: len(sample) // 4 * 4], encoding) > 0.95:
                return encoding
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) >= 0.2 * len(sample) and min(even, odd) <= 0.05 * len(sample):
        encoding = "utf-16-be" if even > odd else "utf-16-le"
        text = sample.decode(encoding, errors="replace")
        return encoding if len(_NO_TEXT.findall(text)) <= 1 + 0.02 * len(text) else None  # else numbers of 16 bits
    if not even + odd or len(content) % 2 or _is_utf8_with_nuls(sample):
        return None
    share, encoding = max((_share_of_usual(sample, name), name) for name in ("utf-16-le", "utf-16-be"))
    return encoding if share > 0.95 else None


def _is_utf8_with_nuls(sample: bytes) -> bool:
    """Whether the bytes are UTF-8 in which a few NULs stand astray."""
    if _share_of_usual(sample, "utf-8") == 0:
        return False
    return (len(_CONTROL.findall(sample)) - sample.count(0)) * 50 <= len(sample)


def _share_of_usual(sample: bytes, encoding: str) -> float:
    """The share of characters that texts are written in, 0 where the bytes break the encoding's rules."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return 0.0
    return len(_USUAL.findall(text)) / max(len(text), 1)


def _escaped(content: bytes) -> str | None:
    """ISO-2022 looks like ASCII but for its escape sequences."""
    sign = _ESCAPE.search(content)
    encoding = None if sign is None else "iso2022_kr" if sign[0] == b"\x1b$)C" else "iso2022_jp_2"
    return encoding if encoding and _explains(content, encoding) else None


def _strict(content: bytes, declared: str | None) -> str | None:
    """The first of UTF-8 and the declared encoding that explains every byte, or nearly every one in the case of UTF-8."""
    name = _known(declared)
    # Escape sequences make ISO-2022 look like ASCII, so there the declaration goes first.
    candidates = [name, "utf-8"] if b"\x1b" in content else ["utf-8", name]
    for encoding in candidates:
        if encoding and _explains(content, encoding):
            return encoding
    return "utf-8" if _is_damaged_utf8(content) else None


def _known(declared: str | None) -> str | None:
    try:
        name = codecs.lookup((declared or "").strip()).name
    except LookupError:
        return None
    # A document whose ASCII declaration could be read is not in UTF-16, whatever it says.
    return None if name.startswith(("utf-16", "utf-32")) else _WIDER.get(name, name)


def _explains(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (UnicodeError, LookupError):  # LookupError: codecs such as "hex" are no text encodings
        return False
    return True


def _is_damaged_utf8(content: bytes) -> bool:
    """A few bad bytes among many good sequences, as after a cut or a bad join; no other encoding would read better."""
    text = content.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    good = sum(1 for _ in re.finditer(r"[^\x00-\x7f\ufffd]", text))
    return bad * 10 <= good


def _guess(content: bytes) -> str:
    """The Latin code page that reads best, if one does; where several do, or none, the detector decides by statistics."""
    latin = latin_encodings(content)
    if len({content.decode(encoding, errors="replace") for encoding in latin}) == 1:
        return latin[0]
    detected = _japanese(content) or _hebrew(content) or _detected(content)
    return detected if not latin or detected in latin else latin[0]


def _japanese(content: bytes) -> str | None:
    """The encoding of Japanese in which a good part of the characters beyond ASCII are kana; in others these bytes are hardly ever used."""
    sample = _ASCII_BEGINNING.sub(b"", content, count=1)[:_SAMPLE]
    for encoding in ("euc_jp", "cp932"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeError:
            continue
        if len(_KANA.findall(text)) > 0.25 * len(_NOT_ASCII.findall(text)) > 0:
            return encoding
    return None


def _hebrew(content: bytes) -> str | None:
    """The code page of Hebrew, where no byte speaks against it, and some words would have no vowel in that of Cyrillic.

    Both have their letters at the same bytes. The five Hebrew letters for the ends of words are among the most usual ones inside
    of Cyrillic and Greek words.
    """
    sample = content[:_SAMPLE]
    words = _HEBREW_WORD.findall(sample)
    if sum(map(len, words)) < _LEAST_HEBREW or _NO_HEBREW.search(sample):
        return None
    without_vowel = sum(not _CYRILLIC_VOWEL.search(word) for word in words)
    return "cp1255" if without_vowel * 10 >= len(words) and _explains(content, "cp1255") else None


def _detected(content: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(content, cp_isolation=_LIKELY).best()
    if best is None:
        return "cp1252"
    if best.encoding not in _LATIN:
        return best.encoding
    # The detector calls the Latin code pages a tie more often than not; the language it heard decides.
    if best.language in _CENTRAL_EUROPEAN:
        return "cp1250"
    return "cp1254" if best.language == "Turkish" else "cp1252"
