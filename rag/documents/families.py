"""The families of formats that can be read, each with its loader and the suffixes that a folder's files are chosen by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """A family of formats: the module that holds its `load`, and the suffixes that a folder's files are chosen by.

    `binary` files are told by their content alone; `passwords` says that `load` takes some.
    """

    module: str
    suffixes: tuple[str, ...]
    binary: bool = False
    passwords: bool = False


_CODE = (
    ".py .pyi .pyx .c .h .cc .cpp .cxx .hh .hpp .cs .java .kt .kts .scala .groovy .js .mjs .cjs .jsx .ts .mts"
    " .cts .tsx .vue .svelte .go .rs .rb .php .pl .pm .swift .m .mm .r .jl .lua .dart .ex .exs .erl .hs .ml"
    " .mli .fs .clj .cljs .lisp .el .scm .nim .zig .v .vhdl .f90 .f95 .f .pas .adb .ads .cu .sql .sh .bash .zsh"
    " .fish .ps1 .bat .tcl .awk .cmake .gradle .tf .proto .graphql"
)

FAMILIES = {
    "pdf": Family("rag.documents.pdf.read", (".pdf",), binary=True, passwords=True),
    "docx": Family("rag.documents.office.docx", (".docx", ".docm", ".dotx", ".dotm"), binary=True),
    "pptx": Family("rag.documents.office.pptx", (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), binary=True),
    "xlsx": Family("rag.documents.office.xlsx", (".xlsx", ".xlsm", ".xltx", ".xltm"), binary=True),
    "odf": Family("rag.documents.office.odf", (".odt", ".ods", ".odp", ".ott", ".ots", ".otp"), binary=True),
    "epub": Family("rag.documents.web.epub", (".epub",), binary=True),
    "html": Family("rag.documents.web.html", (".html", ".htm", ".xhtml")),
    "markdown": Family("rag.documents.plain.markdown", (".md", ".markdown", ".mdown", ".mkd")),
    "rst": Family("rag.documents.plain.rst", (".rst", ".rest")),
    "asciidoc": Family("rag.documents.plain.asciidoc", (".adoc", ".asciidoc")),
    "text": Family("rag.documents.plain.text", (".txt", ".text", ".org")),
    "csv": Family("rag.documents.plain.delimited", (".csv", ".tsv", ".tab")),
    "json": Family("rag.documents.plain.json_text", (".json", ".jsonl", ".ndjson")),
    "notebook": Family("rag.documents.plain.notebooks", (".ipynb",)),
    "mail": Family("rag.documents.mail", (".eml", ".mbox"), passwords=True),
    "subtitles": Family("rag.documents.plain.subtitles", (".vtt", ".srt")),
    "code": Family("rag.documents.plain.source_code", tuple(_CODE.split())),
}
SUFFIXES = {suffix: name for name, family in FAMILIES.items() for suffix in family.suffixes}
EXAMPLE_SUFFIXES = tuple(family.suffixes[0] for family in FAMILIES.values())
