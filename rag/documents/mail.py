"""E-mail (.eml, .mbox): who wrote what to whom and when, and the attachments that can be read."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import parsedate_to_datetime
from itertools import islice
from mimetypes import MimeTypes
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import tidy
from rag.documents.common.composition import Composition
from rag.documents.common.encodings import decode
from rag.documents.common.metadata import flatten
from rag.documents.common.titles import readable_name, shortened
from rag.documents.detect import family_of
from rag.errors import DocumentError, MissingExtraError
from rag.types import Document

if TYPE_CHECKING:
    from email.message import Message

    from rag.documents.families import LoadPart

_BEGINNING = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\d{4}[^\n]*\n(?=>?[!-9;-~]+:)")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_FLOWED = re.compile(r"(?<!^--) \n(?=[^\n>])", re.MULTILINE)
_DEEPEST = 5
_LARGEST_ATTACHMENT = 64 << 20
_MOST_PARTS = 1000
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_NOT_OPENED = _SIGNATURES | {"application/pgp-encrypted"}  # the latter says a version, and the part beside it is the message
_PGP = b"-----BEGIN PGP MESSAGE-----"
_SUFFIXES = MimeTypes(filenames=())
_REASONS = {"encrypted": "encrypted", "no-text": "no text", "corrupt": "damaged", "too-large": "too large"}
"""Why an attachment is not read, by the status of its error."""


def load(
    content: bytes, *, source: str, name: str, load_part: LoadPart, passwords: Sequence[str] = (), depth: int = 0
) -> Document:
    """One message, or those of a mailbox, each with its headers, its text, and its attachments below their names.

    Headers of a single message are its metadata as well. Places are the numbers of a mailbox's messages, and the names of
    attachments with the places inside them. `load_part` reads attachments, on which `passwords` are tried; `depth` is the
    number of messages that this one is attached to. Raises DocumentError where there is no text.
    """
    if b"\0" in content[:200]:
        content = decode(content).encode("utf-8", errors="replace")
    try:
        messages = [message_from_bytes(one, policy=compat32) for one in _split(content.removeprefix(b"\xef\xbb\xbf"))]
        reader = _Reader(Composition(), load_part, passwords, depth)
        for number, message in enumerate(messages, start=1):
            reader.message(message, label="message" if len(messages) == 1 else str(number), level=1)
    except RecursionError as error:
        raise DocumentError(f"{source} is nested too deeply to be read.", status="corrupt") from error
    written = reader.written
    if not written.length:
        raise DocumentError(f"{source} holds no text. Leave it out, or check that it was saved completely.", status="no-text")
    headings, single = tuple(written.headings), len(messages) == 1
    title = (shortened(said(messages[0], "subject")) if single else "") or readable_name(name)
    metadata = flatten(names_of(messages[0]))[0] if single else {"messages": len(messages)}
    places = written.places("" if single else "message")
    media_type = "message/rfc822" if single else "application/mbox"
    return Document(written.text, source, title, media_type, headings=headings, metadata=metadata, places=places)


def _split(content: bytes) -> list[bytes]:
    """The messages of a mailbox, each after a line "From …", or the only message."""
    beginnings = list(_BEGINNING.finditer(content))
    if not beginnings or beginnings[0].start() > 0:
        return [content]
    ends = [*(beginning.start() for beginning in beginnings[1:]), len(content)]
    return [_QUOTED_FROM.sub(rb"\1", content[beginning.end() : end]) for beginning, end in zip(beginnings, ends, strict=True)]


@dataclass(slots=True)
class _Parts:
    """What a message is made of: texts to show, and parts to open."""

    texts: list[str] = field(default_factory=list)
    attached: list[Message] = field(default_factory=list)
    left_out: int = 0


@dataclass(slots=True)
class _Reader:
    """Writes messages, and what is attached to them, into one text."""

    written: Composition
    load_part: LoadPart
    passwords: Sequence[str]
    depth: int
    parts: int = 0

    def message(self, message: Message, *, label: str, level: int) -> None:
        """One message: its subject as a heading, who and when, the text, then what is attached."""
        self.written.place(label)
        self.written.head(tidy(said(message, "subject")), level=level)
        head = [f"{name.title()}: {tidy(text)}" for name in ("from", "to", "cc", "date") if (text := said(message, name))]
        self.written.write("\n".join(head), gap=1 if said(message, "subject") else 2)
        parts = _Parts()
        self._collect(message, parts, level=0)
        for text in parts.texts:
            self.written.write(text, gap=2)
        for number, part in enumerate(parts.attached, start=1):
            self._attachment(part, number, label=label, level=level + 1)
        if parts.left_out:
            self.written.write(
                f"[Parts that are not read, for there are too many or they lie too deep: {parts.left_out}]", gap=2
            )

    def _collect(self, part: Message, parts: _Parts, *, level: int) -> None:
        kind, inner = part.get_content_type(), _inside(part)
        self.parts += 1
        if self.parts > _MOST_PARTS or level > 4 * _DEEPEST:
            parts.left_out += 1
            return
        if inner and kind == "multipart/alternative":
            self._choose(inner, parts, level=level)
        elif inner and kind.startswith("multipart/"):
            for one in inner:
                self._collect(one, parts, level=level + 1)
        elif _is_shown(part):
            parts.texts.append(_text_of(part, kind))
        elif part.get_filename() or part.get_payload():
            parts.attached.append(part)

    def _choose(self, versions: list[Message], parts: _Parts, *, level: int) -> None:
        """The plain version of a text where it says anything, else the last that does, a known kind first; what any attaches."""
        read = []
        for version in versions:
            read.append(_Parts())
            self._collect(version, read[-1], level=level + 1)
            parts.attached += read[-1].attached
            parts.left_out += read[-1].left_out
        telling = [i for i, one in enumerate(read) if any(text.strip() for text in one.texts)]
        plain = [i for i in telling if versions[i].get_content_type() == "text/plain"]
        known = [i for i in telling if versions[i].get_content_type() == "text/html" or _inside(versions[i])]
        if chosen := (plain[:1] or known[-1:] or telling[-1:]):
            parts.texts += read[chosen[0]].texts

    def _attachment(self, part: Message, number: int, *, label: str, level: int) -> None:
        """What is attached, below its name; where it cannot be read, its name and why."""
        name, kind, inner = _name_of(part), part.get_content_type(), _inside(part)
        called = name or f"attachment {number}"
        label = ", ".join(filter(None, ("" if label == "message" else label, called)))
        if kind == "message/rfc822" and inner:
            if self.depth < _DEEPEST:
                self.depth += 1
                self.message(inner[0], label=label, level=level)
                self.depth -= 1
                return
            reason = "too deep"
        else:
            opened = self._opened(part, name or f"attachment{_SUFFIXES.guess_extension(kind) or ''}")
            if isinstance(opened, Document):
                self.written.place(label)
                self.written.head(name or called.capitalize(), level=level)
                self.written.embed(opened, label=label, level=level)
                return
            reason = opened
        self.written.place(label)
        because = f" ({reason})" if reason else ""
        self.written.write(f"[Attachment, not read: {name or kind}{because}]", gap=2)

    def _opened(self, part: Message, name: str) -> Document | str:
        """The document in an attachment, or why it cannot be read, "" for a format that is none of ours.

        That costs the attachment and not the message.
        """
        content = part.get_payload(decode=True)
        is_named = bool(part.get_filename())
        if not isinstance(content, bytes) or part.get_content_type() in _NOT_OPENED or not (is_named or _may_be_text(part)):
            return ""
        if not content.strip():
            return "empty"
        if len(content) > _LARGEST_ATTACHMENT:
            return "too large"
        if content.lstrip().startswith(_PGP):
            return "encrypted"
        try:
            if family_of(content, source=name, suffix=PurePath(name).suffix.lower()) != "mail":
                return self.load_part(content, source=name, name_hint=name, passwords=self.passwords)
            if self.depth < _DEEPEST:
                return load(
                    content,
                    source=name,
                    name=name,
                    load_part=self.load_part,
                    passwords=self.passwords,
                    depth=self.depth + 1,
                )
        except DocumentError as error:
            return _REASONS.get(error.status, "")
        except MissingExtraError:
            return ""
        except MemoryError:
            return "too large"
        except Exception:  # noqa: BLE001 (whatever a parser stumbles over)
            return "damaged"
        return "too deep"


def _name_of(part: Message) -> str:
    """The name of the file, or the subject of an attached message; "" where there is neither."""
    name = " ".join(tidy(said(part, "", text=part.get_filename() or "")).split())
    inner = _inside(part) if part.get_content_type() == "message/rfc822" else []
    return name or (shortened(tidy(said(inner[0], "subject"))) if inner else "")


def _may_be_text(part: Message) -> bool:
    """Whether a part without a name may be a document."""
    return part.get_content_maintype() not in ("image", "audio", "video", "font")


def _inside(part: Message) -> list[Message]:
    """The parts of a part that has some."""
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []


def _is_shown(part: Message) -> bool:
    """Whether a part is text of the message; so is one that should have parts, and whose boundary never comes."""
    if part.get_content_maintype() == "multipart":
        return isinstance(part.get_payload(), str)
    return part.get_content_maintype() == "text" and not _is_attached(part)


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def _text_of(part: Message, kind: str) -> str:
    """The words of a part that is text."""
    content = part.get_payload(decode=True)
    text = decode(content if isinstance(content, bytes) else b"", declared=charset_of(part))
    if kind == "text/html":
        from rag.documents.web.html import fragment

        try:
            return fragment(text, source="the message")[0]
        except DocumentError:
            return "[HTML, not read: it is nested too deeply]"
    text = text.replace("\r\n", "\n")
    if str(part.get_param("format", "")).lower() == "flowed":  # RFC 3676
        text = _FLOWED.sub("" if str(part.get_param("delsp", "")).lower() == "yes" else " ", text)
    return tidy(text)


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
    """The charset that a part names; None if it names none, or an unknown one."""
    try:
        return part.get_content_charset()
    except (LookupError, ValueError):
        return None


def names_of(message: Message) -> dict[str, Any]:
    """Who wrote to whom and when, as metadata; the date in ISO 8601."""
    return {name: said(message, name) for name in ("from", "to", "cc")} | {"date": iso_date(said(message, "date"))}


def iso_date(text: str) -> str:
    """A header's date in ISO 8601; other text unchanged."""
    try:
        return parsedate_to_datetime(text).isoformat()
    except (TypeError, ValueError, IndexError, OverflowError):
        return text


def _decoded(text: str) -> str:
    """The text with its encoded words (RFC 2047) decoded; unchanged if they break the rules."""
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
