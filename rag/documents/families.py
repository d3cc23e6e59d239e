"""The families of formats that can be read, and the suffixes that a folder's files are chosen by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from rag.system.plugins import plugins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.types import Document


@dataclass(frozen=True, slots=True)
class Family:
    """A family of formats, and the suffixes that a folder's files are chosen by.

    `binary` files are recognised by their content alone. `passwords` says that `load` takes some. `nests` says that files of
    other families may lie inside: `load` then takes `load_part`, which reads them (see `LoadPart`).
    """

    suffixes: tuple[str, ...]
    binary: bool = False
    passwords: bool = False
    nests: bool = False


class LoadPart(Protocol):
    """Reads a file of any family that lies inside of another file."""

    def __call__(self, content: bytes, *, source: str, name_hint: str | None = None, passwords: Sequence[str] = ()) -> Document:
        """The document in `content`. Raises DocumentError."""
        ...


_CODE = (
    ".py .pyi .pyx .c .h .cc .cpp .cxx .hh .hpp .cs .java .kt .kts .scala .groovy .js .mjs .cjs .jsx .ts .mts"
    " .cts .tsx .vue .svelte .go .rs .rb .php .pl .pm .swift .m .mm .r .jl .lua .dart .ex .exs .erl .hs .ml"
    " .mli .fs .clj .cljs .lisp .el .scm .nim .zig .v .vhdl .f90 .f95 .f .pas .adb .ads .cu .sql .sh .bash .zsh"
    " .fish .ps1 .bat .tcl .awk .cmake .gradle .tf .proto .graphql"
)

FAMILIES = {
    "pdf": Family((".pdf",), binary=True, passwords=True),
    "docx": Family((".docx", ".docm", ".dotx", ".dotm"), binary=True, nests=True),
    "pptx": Family((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), binary=True),
    "xlsx": Family((".xlsx", ".xlsm", ".xltx", ".xltm"), binary=True),
    "odf": Family((".odt", ".ods", ".odp", ".ott", ".ots", ".otp"), binary=True),
    "epub": Family((".epub",), binary=True),
    "html": Family((".html", ".htm", ".xhtml")),
    "markdown": Family((".md", ".markdown", ".mdown", ".mkd")),
    "rst": Family((".rst", ".rest")),
    "asciidoc": Family((".adoc", ".asciidoc")),
    "text": Family((".txt", ".text", ".org")),
    "csv": Family((".csv", ".tsv", ".tab")),
    "json": Family((".json", ".jsonl", ".ndjson")),
    "notebook": Family((".ipynb",)),
    "mail": Family((".eml", ".mbox"), passwords=True, nests=True),
    "subtitles": Family((".vtt", ".srt")),
    "code": Family(tuple(_CODE.split())),
}
SUFFIXES = {suffix: name for name, family in FAMILIES.items() for suffix in family.suffixes}
EXAMPLE_SUFFIXES = tuple(family.suffixes[0] for family in FAMILIES.values())


class OtherLoader(Protocol):
    """A loader of another package, from the entry points `groundtext.loaders`; see `rag.testing.LoaderContract`."""

    @property
    def suffixes(self) -> Sequence[str]:
        """The suffixes that it reads, in lower case with their dots. Those of FAMILIES are never given to it."""
        ...

    def load(self, content: bytes, *, source: str, name: str) -> Document:
        """The document in the bytes of a file. Raises DocumentError."""
        ...


@cache
def other_loaders() -> dict[str, OtherLoader]:
    """Loaders of other packages by the suffixes that they read. Raises PluginError."""
    loaders: list[OtherLoader] = plugins("loaders")
    return {suffix: loader for loader in loaders for suffix in loader.suffixes if suffix not in SUFFIXES}


def is_supported(path: str | Path) -> bool:
    """Whether indexing a folder takes the file, by its suffix alone. A file named on its own is judged by its content."""
    suffix = PurePath(path).suffix.lower()
    return suffix in SUFFIXES or (bool(suffix) and suffix in other_loaders())
