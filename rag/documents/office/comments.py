"""What people noted beside the text of office files, as "[Comment by Ann: …]"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.documents.office.charts import drawn_text
from rag.documents.office.package import local, value
from rag.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.documents.office.package import Package

_AUTHORS_SHOWN = 100
_THREADED = "[Threaded comment]"
"""What Excel writes into the old kind of note for programs that know only that kind."""


def remark(author: str, text: str, *, cell: str = "") -> str:
    """The comment on one line, with its author and its cell where they are known; "" for one that says nothing."""
    words, who = " ".join(text.split()), " ".join(author.split())[:_AUTHORS_SHOWN]
    if not words:
        return ""
    return f"[Comment{f' on {cell}' if cell else ''}{f' by {who}' if who else ''}: {words}]"


def slide_comments(package: Package, slide: str) -> Iterator[str]:
    """The comments on a slide and the replies to them, in both ways in which PowerPoint keeps them."""
    authors = {
        one.get("id", ""): one.get("name", "")
        for kind in ("commentAuthors", "authors")
        for root in _parts(package, package.main, kind)
        for one in root
    }
    for root in _parts(package, slide, "comments"):
        for comment in root.iter("{*}cm", "{*}reply"):
            body = next((part for part in comment if local(part) in ("text", "txBody")), None)
            if body is not None:
                yield remark(authors.get(comment.get("authorId", ""), ""), body.text or drawn_text(body))


def cell_comments(package: Package, sheet: str) -> Iterator[tuple[str, str]]:
    """The cells of a sheet that have notes or threads of comments, such as "B2", and what these say."""
    persons = {
        one.get("id", ""): one.get("displayName", "") for root in _parts(package, package.main, "person") for one in root
    }
    threads: dict[str, list[str]] = {}
    for root in _parts(package, sheet, "threadedComment"):
        for comment in root.iterfind("{*}threadedComment"):
            cell, author = comment.get("ref", ""), persons.get(comment.get("personId", ""), "")
            threads.setdefault(cell, []).append(remark(author, comment.findtext("{*}text") or "", cell=cell))
    for root in _parts(package, sheet, "comments"):
        authors = [author.text or "" for author in root.iterfind("{*}authors/{*}author")]
        for note in root.iterfind("{*}commentList/{*}comment"):
            if (cell := note.get("ref", "")) not in threads:
                yield cell, _note(note, authors, cell)
    yield from ((cell, text) for cell, texts in threads.items() for text in texts)


def _note(note: Any, authors: list[str], cell: str) -> str:
    """A note, without its author's name where Excel put that in front, and what it wrote for threads that are lost."""
    text = "".join([run.text or "" for run in note.iterfind("{*}text//{*}t")])
    place = value(note, name="authorId") or ""
    author = authors[int(place)] if place.isdecimal() and int(place) < len(authors) else ""
    if text.startswith(_THREADED):
        return remark("", text.partition("Comment:")[2], cell=cell)
    return remark(author, text.removeprefix(f"{author}:") if author else text, cell=cell)


def _parts(package: Package, part: str, kind: str) -> Iterator[Any]:
    """The roots of the parts of a kind; without those that are broken, for a file can do without its comments."""
    for target in package.related(part, kind):
        try:
            if target in package.archive:
                yield package.archive.parse(target)
        except DocumentError as error:
            if error.status != "corrupt":
                raise
