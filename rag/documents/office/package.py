"""Office Open XML packages (DOCX, PPTX, XLSX): parts, the relations between them, and what they say of themselves."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.documents.common.archives import Archive, damaged
from rag.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Relation:
    """From one part to another: `kind` is the last word of its type, the same in the strict and the transitional format."""

    kind: str
    target: str


class Package:
    """The parts of an Office Open XML file, found by relations and never by their usual names."""

    def __init__(self, content: bytes, *, source: str) -> None:
        self.archive = Archive(content, source=source)
        self.source = source
        self._relations: dict[str, dict[str, Relation]] = {}

    @property
    def main(self) -> str:
        """The name of the document, presentation or workbook part."""
        for relation in self.relations("").values():
            if relation.kind == "officeDocument" and relation.target in self.archive:
                return relation.target
        raise damaged(self.source, "its main part is missing")

    def relations(self, part: str) -> dict[str, Relation]:
        """By id, those that lead from a part ("" for the package) to another part of it."""
        if part not in self._relations:
            self._relations[part] = dict(self._read_relations(part))
        return self._relations[part]

    def related(self, part: str, kind: str) -> Iterator[str]:
        """The names of the parts of a kind that a part leads to."""
        return (relation.target for relation in self.relations(part).values() if relation.kind == kind)

    def parsed(self, part: str, kind: str) -> Any:
        """The root of the first part of a kind that a part leads to; None where there is none, or none that can be read."""
        for target in self.related(part, kind):
            try:
                return self.archive.parse(target)
            except DocumentError as error:
                if error.status != "corrupt":
                    raise
        return None

    def target(self, part: str, element: Any, attribute: str = "id") -> str:
        """The part that an attribute of an element names by its relation; "" for none, or one that is not there."""
        for name, identifier in element.attrib.items():
            if name.endswith(f"elationships}}{attribute}"):
                relation = self.relations(part).get(identifier)
                return relation.target if relation and relation.target in self.archive else ""
        return ""

    def properties(self) -> dict[str, str]:
        """What docProps/core.xml says, by local names: title, creator, subject, keywords, created …"""
        root = self.parsed("", "core-properties")
        return {} if root is None else {local(element): element.text or "" for element in root}

    def _read_relations(self, part: str) -> Iterator[tuple[str, Relation]]:
        folder, name = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations not in self.archive:
            return
        for element in self.archive.parse(relations):
            target = element.get("Target", "")
            if element.get("TargetMode") != "External" and target:
                path = posixpath.normpath(posixpath.join("/", folder, target.partition("#")[0])).lstrip("/")
                yield element.get("Id", ""), Relation(element.get("Type", "").rpartition("/")[2], path)


def local(element: Any) -> str:
    """An element's name without its namespace; "" for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Any, path: str = "", *, name: str = "val") -> str | None:
    """An attribute, whatever its namespace, of the element at `path` ("pPr/pStyle"); None where either is missing."""
    found = _at(element, path) if path else element
    if found is None:
        return None
    return next((text for key, text in found.attrib.items() if key.rpartition("}")[2] == name), None)


def _at(element: Any, path: str) -> Any:
    """The first element at a path of local names; None where a step is missing."""
    for step in path.split("/"):
        element = next((child for child in element if local(child) == step), None)
        if element is None:
            return None
    return element


def number(text: str | None, default: int = 0) -> int:
    """The whole number in an attribute; `default` for other or absurd values."""
    try:
        found = int(text or "")
    except ValueError:
        return default
    return found if abs(found) < 2**31 else default


def is_on(element: Any, path: str) -> bool:
    """Whether a switch such as <w:vanish/> is there and not switched off."""
    if _at(element, path) is None:
        return False
    return value(element, path) not in ("0", "false", "off")


def chosen(alternatives: Any) -> Any:
    """The branch of mc:AlternateContent to read: the first choice that holds anything, else the fallback."""
    return next((branch for branch in alternatives if len(branch)), ())
