"""What a message's headers say, in whatever way they are encoded."""

from __future__ import annotations

import binascii
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from rag.documents.common.encodings import decode

if TYPE_CHECKING:
    from email.message import Message


_PARTS_ASKED = 20
_SAMPLE = 4096


def said(message: Message, name: str, *, text: str | None = None) -> str:
    """A header's text on one line, "" where there is none; or `text` where it is taken out of one already."""
    if text is None:
        text = next((value for key, value in message.raw_items() if key.lower() == name and isinstance(value, str)), "")
    raw = b" ".join(text.encode("utf-8", "surrogateescape").split())
    return " ".join(_decoded(_read(raw, message)).split())


def _read(raw: bytes, message: Message) -> str:
    """A header, which some programs write without encoding it: as UTF-8, as the message's text, or as both look together."""
    if raw.isascii():
        return decode(raw)
    text = next((part for part in islice(message.walk(), _PARTS_ASKED) if part.get_content_maintype() == "text"), message)
    if (charset := charset_of(text)) not in (None, "us-ascii"):
        return decode(raw, declared=charset)
    said_below = text.get_payload(decode=True)
    sample = said_below[:_SAMPLE] if isinstance(said_below, bytes) and text.get_content_maintype() == "text" else b""
    return decode(raw + b"\n" + sample).partition("\n")[0]


def charset_of(part: Message) -> str | None:
    """The charset that a part names; None for none, and for what is no name."""
    try:
        return part.get_content_charset()
    except (LookupError, ValueError):
        return None


def names_of(message: Message) -> dict[str, Any]:
    """Who wrote to whom and when, as metadata; the date in ISO 8601."""
    return {name: said(message, name) for name in ("from", "to", "cc")} | {"date": iso_date(said(message, "date"))}


def iso_date(text: str) -> str:
    """A date of a header in ISO 8601; as it stands where it is none."""
    try:
        return parsedate_to_datetime(text).isoformat()
    except (TypeError, ValueError, IndexError, OverflowError):
        return text


def _decoded(text: str) -> str:
    """The text with its encoded words (RFC 2047) decoded; as it stands where these break the rules."""
    try:
        return "".join(
            piece
            if isinstance(piece, str)
            else decode(piece, declared=charset)
            if charset
            else piece.decode("raw-unicode-escape")
            for piece, charset in decode_header(text)
        )
    except (HeaderParseError, binascii.Error, ValueError):
        return text
