"""The family of formats of a file: by its content, and by its suffix where content alone does not decide."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from rag.documents.common.archives import METHODS, OLE, old_office
from rag.documents.common.encodings import is_binary
from rag.documents.families import FAMILIES, SUFFIXES
from rag.errors import DocumentError

_HEAD = 4096
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_MARKS = b"\xef\xbb\xbf\xff\xfe"
_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_REFUSED = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"{\\rtf", "rich text (RTF)"),
    (b"%!PS", "PostScript"),
)

_JSON = re.compile(rb"""\s*(?:\{\s*["}]|\[\s*(?:["{\[\]\-\d]|true|false|null))""")
_NOTEBOOK = re.compile(rb'"nbformat"\s*:\s*\d')
_SUBTITLES = re.compile(rb"WEBVTT(?=\s|\Z)|\s*\d+[ \t]*\r?\n\d\d:\d\d:\d\d[,.]\d{3}[ \t]+-->")
_MAILBOX = re.compile(rb"From \S+[ \t].*\d{4}[^\n]*\n(?:>?[\w-]+:)")
_MAIL = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}(?:\r?\n|\Z)")
_MAIL_HEADERS = re.compile(
    rb"^(from|to|cc|date|subject|message-id|received|return-path|delivered-to|mime-version|reply-to)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_TWO_DELIMITERS = re.compile(rb"[^\t;,\n]*([\t;,])[^\n]*?\1[^\n]*")

_LARGEST_TYPES = 1 << 20
_MAIN_PART = re.compile(
    rb"application/vnd\.(?:openxmlformats-officedocument|ms)[.-](\w+)\.\w+(?:\.macroEnabled(?:Template)?)?\.main\+xml"
)
_MAIN_KINDS = {b"wordprocessingml": "docx", b"presentationml": "pptx", b"spreadsheetml": "xlsx"}
_MAIN_KINDS |= {b"word": "docx", b"powerpoint": "pptx", b"excel": "xlsx"}
_MAIN_NAMES = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
_MAIN_NAMES |= {"META-INF/container.xml": "epub"}
_ODF = re.compile(rb"application/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation)(?:-template|-master)?\s*")


def family_of(content: bytes, *, source: str, suffix: str) -> str:
    """The name of the family. Raises DocumentError for other formats, damaged files, and files that ask for a password."""
    bare = _bare(content[:_HEAD])
    hinted = SUFFIXES.get(suffix)
    if content[:_HEAD].lstrip().startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(_ZIP):
        return _in_zip(content, hinted, source=source)
    if content.startswith(OLE):
        raise old_office(content, source=source)
    if hinted != "code" and _HTML.match(bare):
        return "html"
    if hinted == "pdf":  # junk may precede the signature, and a damaged file should be called damaged
        return "pdf"
    if hinted and FAMILIES[hinted].binary:
        what = f"{source} is called {suffix}, and does not begin as such a file does"
        raise DocumentError(f"{what}. Check that it was saved or downloaded completely.", status="corrupt")
    if kind := next((kind for signature, kind in _REFUSED if content.startswith(signature)), None):
        raise unsupported(source, f"is {kind}")
    if is_binary(content):
        raise unsupported(source, "is not text, and of no known format")
    return _of_text(bare, content, hinted)


def unsupported(source: str, what: str) -> DocumentError:
    """The error that says what the source is, and what could be read instead."""
    known = ", ".join(FAMILIES)
    return DocumentError(
        f"{source} {what}. Formats that can be read: {known}. Convert it to one of them.", status="unsupported"
    )


def _bare(head: bytes) -> bytes:
    """Without NULs and byte order mark, the ASCII of a tag looks the same in UTF-8, UTF-16 and UTF-32."""
    return head.replace(b"\0", b"").lstrip(_MARKS)


def _of_text(bare: bytes, content: bytes, hinted: str | None) -> str:
    """The family of a text: suffixes that say little (".txt", ".json", none) give way to what it looks like."""
    if hinted not in (None, "text", "json"):
        return hinted
    if _JSON.match(bare):
        return "notebook" if _NOTEBOOK.search(content.replace(b"\0", b"")) else "json"
    if hinted == "json":
        return hinted
    if _SUBTITLES.match(bare):
        return "subtitles"
    if _is_mail(bare):
        return "mail"
    if hinted is None and bare.startswith(b"#!"):
        return "code"
    return "csv" if hinted is None and _is_table(bare) else "text"


def _is_mail(bare: bytes) -> bool:
    """Whether the text opens with the headers of a message, at least two of them such as every message has."""
    if _MAILBOX.match(bare):
        return True
    headers = _MAIL.match(bare) or (len(bare) > _HEAD // 2 and re.match(rb"(?:Received|Return-Path|Delivered-To):", bare))
    return bool(headers) and len({name.lower() for name in _MAIL_HEADERS.findall(bare)}) >= 2


def _is_table(bare: bytes) -> bool:
    """Whether at least three lines, and all but the one that the sample cuts, have the same two or more delimiters."""
    lines = bare.split(b"\n")[:20]
    lines = [line for line in (lines[:-1] if len(lines) > 1 else lines) if line.strip()]
    first = _TWO_DELIMITERS.fullmatch(lines[0].rstrip(b"\r")) if lines else None
    return first is not None and len(lines) > 2 and len({line.count(first[1]) for line in lines}) == 1


def _in_zip(content: bytes, hinted: str | None, *, source: str) -> str:
    """The family of an archive, by its parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            family = _family_in(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        if hinted and FAMILIES[hinted].binary:
            return hinted  # the loader says what is wrong, or gets around it
        raise DocumentError(
            f"{source} is a damaged ZIP archive ({error}). Get it again, and unpack it.", status="corrupt"
        ) from error
    if family:
        return family
    if hinted == "odf" and b"content.xml" in content:
        return hinted
    raise unsupported(source, "is a ZIP archive, and no document of a known kind")


def _family_in(archive: zipfile.ZipFile) -> str | None:
    names = set(archive.namelist())
    if "mimetype" in names:
        kind = _beginning_of(archive, "mimetype", 200)
        if kind.strip() == b"application/epub+zip":
            return "epub"
        if _ODF.fullmatch(kind):
            return "odf"
    if "[Content_Types].xml" in names:
        main = _MAIN_PART.search(_beginning_of(archive, "[Content_Types].xml", _LARGEST_TYPES))
        if main and (family := _MAIN_KINDS.get(main[1])):
            return family
    return next((family for name, family in _MAIN_NAMES.items() if name in names), None)


def _beginning_of(archive: zipfile.ZipFile, name: str, length: int) -> bytes:
    if archive.getinfo(name).compress_type not in METHODS:
        raise zipfile.BadZipFile(f"{name} is packed in a way that documents do not use")
    with archive.open(name) as entry:
        return entry.read(length)
