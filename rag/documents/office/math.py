"""Equations of office files as readable lines: "x^2/(1+y)", "∑_(n=1)^∞ a_n", "√(b^2-4ac)"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rag.documents.office.package import is_on, local, value

if TYPE_CHECKING:
    from collections.abc import Callable

_SIMPLE = re.compile(r"\d[\d.,]*|.[\u0300-\u036f]*|\([^()]*\)")
_UNREAD = frozenset({"rPr", "ctrlPr", "annotation-xml"})
_STARMATH = re.compile(r"\s+")


def linear(element: Any) -> str:
    """An element of Office Math (m:oMath and what is in it) as one line, in the manner of Unicode's plain-text mathematics."""
    name = local(element)
    if name == "t":
        return element.text or ""
    if name in _UNREAD or name.endswith("Pr"):
        return ""
    if written := _WRITTEN.get(name):
        return written(element)
    return "".join([linear(child) for child in element])


def starmath(root: Any) -> str:
    """A MathML document of LibreOffice as the line that its author typed; else the text of its elements."""
    typed = root.find(".//{*}annotation")
    text = "".join(root.itertext()) if typed is None else typed.text or ""
    return _STARMATH.sub(" ", text).strip()


def _part(element: Any, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return "" if found is None else linear(found).strip()


def _group(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) else f"({text})"


def _scripts(element: Any) -> str:
    below, above = _part(element, "sub"), _part(element, "sup")
    return (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")


def _fraction(element: Any) -> str:
    bar = "¦" if value(element, "fPr/type") == "noBar" else "/"
    return f"{_group(_part(element, 'num'))}{bar}{_group(_part(element, 'den'))}"


def _script(element: Any) -> str:
    return f"{_group(_part(element, 'e'))}{_scripts(element)}"


def _prescript(element: Any) -> str:
    return f"{_scripts(element)}{_group(_part(element, 'e'))}"


def _root(element: Any) -> str:
    degree = "" if is_on(element, "radPr/degHide") else _part(element, "deg")
    return f"√{f'[{degree}]' if degree else ''}({_part(element, 'e')})"


def _large_operator(element: Any) -> str:
    operator = value(element, "naryPr/chr")
    return f"{'∫' if operator is None else operator}{_scripts(element)} {_part(element, 'e')}"


def _delimited(element: Any) -> str:
    marks = {name: value(element, f"dPr/{name}") for name in ("begChr", "sepChr", "endChr")}
    begin, between, end = (
        default if marks[name] is None else marks[name] for name, default in zip(marks, ("(", "|", ")"), strict=True)
    )
    return f"{begin}{str(between).join([linear(part).strip() for part in element.iterfind('{*}e')])}{end}"


def _function(element: Any) -> str:
    name, argument = _part(element, "fName"), _part(element, "e")
    return f" {name}{argument}" if argument.startswith(("(", "[", "{")) else f" {name} {argument}"


def _limit(mark: str) -> Callable[[Any], str]:
    return lambda element: f"{_part(element, 'e')}{mark}{_group(_part(element, 'lim'))}"


def _matrix(element: Any) -> str:
    rows = [", ".join([linear(cell).strip() for cell in row.iterfind("{*}e")]) for row in element.iterfind("{*}mr")]
    return f"[{'; '.join(rows)}]"


def _equations(element: Any) -> str:
    return "; ".join([linear(line).strip() for line in element.iterfind("{*}e")])


def _accented(element: Any) -> str:
    return f"{_group(_part(element, 'e'))}{value(element, 'accPr/chr') or chr(0x302)}"


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "f": _fraction,
    **dict.fromkeys(("sSub", "sSup", "sSubSup"), _script),
    "sPre": _prescript,
    "rad": _root,
    "nary": _large_operator,
    "d": _delimited,
    "func": _function,
    "limLow": _limit("_"),
    "limUpp": _limit("^"),
    "m": _matrix,
    "eqArr": _equations,
    "acc": _accented,
}
