"""Bytes to text: byte order marks, then UTF-8, then what the document declares, then what its bytes look like."""

from __future__ import annotations

import codecs
import re

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
_LIKELY = ["cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp874"]
_LIKELY += ["gb18030", "big5", "cp932", "euc_jp", "cp949", "iso2022_jp"]
_LATIN = frozenset({"cp1250", "cp1252", "cp1254"})
_CENTRAL_EUROPEAN = frozenset({"Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian", "Slovene"})
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAMPLE = 8192


def decode(content: bytes, *, declared: str | None = None) -> str:
    """The text, without its byte order mark. Bytes that no encoding explains become U+FFFD; nothing is raised."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    encoding = _unmarked_utf16(content) or _strict(content, declared) or _guess(content)
    return content.decode(encoding, errors="replace")


def is_binary(content: bytes) -> bool:
    """Whether the beginning of the bytes cannot be text in any encoding that `decode` knows."""
    sample = content[:_SAMPLE]
    if sample.startswith(tuple(mark for mark, _ in _MARKS)) or _unmarked_utf16(sample):
        return False
    return len(_CONTROL.findall(sample)) > 1 + 0.02 * len(sample)


def _unmarked_utf16(content: bytes) -> str | None:
    """UTF-16 text in most scripts of Europe has a NUL as every second byte."""
    sample = content[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < 0.2 * len(sample) or min(even, odd) > 0.05 * len(sample):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


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
