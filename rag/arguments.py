"""Arguments of the Python functions and their options: kinds, ranges and help, checked before any work begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from inspect import Parameter, cleandoc
from inspect import signature as inspect_signature
from math import isfinite
from typing import Any, TypeVar

from rag.errors import UsageError, nearest

PATH = (str, os.PathLike)
MOST_SHOWN = 60


def require(fits: object, value: object, name: str, wanted: str) -> None:
    """Raise UsageError that says what `name` must be, and what it is, unless `fits` is true."""
    if not fits:
        shown = repr(value)
        shown = shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"
        raise UsageError(f"{name} must be {wanted}, not {shown} ({type(value).__name__}).")


def require_text(value: object, name: str, wanted: str = "a text") -> None:
    """Raise UsageError unless it is a string."""
    require(isinstance(value, str), value, name, wanted)


def require_path(value: object, name: str, wanted: str = "a path") -> None:
    """Raise UsageError unless it can be the path of a file or folder."""
    require(isinstance(value, PATH), value, name, wanted)


def require_count(value: object, name: str, *, least: int = 1) -> None:
    """Raise UsageError unless it is a whole number of at least `least`."""
    require(is_whole(value), value, name, f"a whole number, at least {least}")
    if isinstance(value, int) and value < least:
        raise UsageError(f"{name} must be at least {least}, not {value}.")


def are_pairs(value: object) -> bool:
    """Whether it maps texts to texts."""
    return isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair)


def are_texts(value: object) -> bool:
    """Whether it is a list or tuple of texts."""
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def require_call(value: object, name: str) -> None:
    """Raise UsageError unless it is None or can be called."""
    require(value is None or callable(value), value, name, "a function")


def listed(values: Iterable[Any], name: str, *, kinds: type | tuple[type, ...] = str, of: str = "texts") -> list[Any]:
    """The values as a list. Raises UsageError where they are one text instead of several, or one of them is of another kind."""
    if isinstance(values, (*PATH, bytes)) or not isinstance(values, Iterable):
        require(
            False, values, name, f"a list of {of}, such as [{values!r}]" if isinstance(values, kinds) else f"a list of {of}"
        )
    found = list(values)
    for number, value in enumerate(found, 1):
        require(isinstance(value, kinds), value, f"Number {number} of {name}", f"one of the {of}")
    return found


def is_whole(value: object) -> bool:
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


# Options: fields of a frozen dataclass, each with one line of help and its range


@dataclass(frozen=True, slots=True)
class Option:
    """What checks, help pages, recipes and commands know about a field of options.

    `least` and `most` are the ends of its range, `over` an end that is left out. `choices` are its only values. Where the
    annotation is not one of KINDS, `kind` is the class of its values, or `method` names one of their methods; `form` says
    how to make such a value.
    """

    help: str
    least: float | None = None
    over: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    kind: type | None = None
    method: str = ""
    form: str = ""
    metavar: str = ""

    @property
    def range(self) -> str:
        """The range in words, such as "over 0 and at most 1"; empty where every value will do."""
        ends = (("at least", self.least), ("over", self.over), ("at most", self.most))
        return " and ".join(f"{words} {end}" for words, end in ends if end is not None)

    def allows(self, value: float) -> bool:
        """Whether a number is finite and in the range."""
        return (
            isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.over is None or value > self.over)
            and (self.most is None or value <= self.most)
        )


def option(default: Any, help: str, **about: Any) -> Any:
    """A field of a dataclass of options; `about` are further fields of `Option`."""
    return field(default=default, metadata={"option": Option(help, **about)})


def like(options: type, name: str, **changes: Any) -> Any:
    """A field with the default, help and range of a field of other options. `changes` replace some of these."""
    source = options.__dataclass_fields__[name]  # type: ignore[attr-defined]
    default = changes.pop("default", source.default)
    return field(default=default, metadata={"option": replace(source.metadata["option"], **changes)})


def options_in(options: type) -> dict[str, tuple[Field[Any], Option]]:
    """The fields that are options, by name."""
    return {one.name: (one, one.metadata["option"]) for one in fields(options) if "option" in one.metadata}


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (lambda value: is_whole(value), "a whole number"),
    "float": (lambda value: isinstance(value, float) or is_whole(value), "a number"),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "str": (lambda value: isinstance(value, str), "a text"),
    "Path": (lambda value: isinstance(value, PATH), "the path of a file"),
    "Mapping[str, str]": (lambda value: are_pairs(value), 'a dict of texts, such as {"source": "*.pdf"}'),
    "Sequence[str]": (lambda value: are_texts(value), "a list of texts"),
    "list[str]": (
        lambda value: isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value),
        "a list of strings that are not empty",
    ),
    "tuple[str, ...]": (
        lambda value: isinstance(value, tuple) and all(isinstance(one, str) and one for one in value),
        "a tuple of texts that are not empty",
    ),
}
"""The kinds of options that an annotation names: a test, and what it wants in words."""


def check_fields(options: Any) -> None:
    """Raise UsageError for the first option whose value is of another kind, or out of its range."""
    for name, (one, about) in options_in(type(options)).items():
        kind, *others = str(one.type).split(" | ")
        value = getattr(options, name)
        if value is not None or "None" not in others:
            _check_value(name, value, kind, about)


def _check_value(name: str, value: Any, kind: str, about: Option) -> None:
    if about.choices:
        require_choice(value, name, about.choices)
        return
    if kind in KINDS:
        fits, words = KINDS[kind]
        require(fits(value), value, name, f"{words}, {about.range}" if about.range else words)
    elif about.kind is not None:
        require(isinstance(value, about.kind), value, name, about.form)
    elif about.method:
        require(hasattr(value, about.method), value, name, about.form)
    if about.range and not about.allows(value):
        raise UsageError(f"{name} must be {about.range}, not {value!r}.")


def require_choice(value: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise UsageError with the nearest choice unless it is one of them."""
    require(isinstance(value, str), value, name, f"one of {', '.join(choices)}")
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not '{value}'.{nearest(str(value), choices)}")


def refuse_unknown(keywords: Iterable[str], known: type) -> None:
    """Raise UsageError with the nearest name for a keyword that the TypedDict `known` does not have."""
    names = known.__annotations__
    for name in keywords:
        if name not in names:
            raise UsageError(f"There is no option '{name}'.{nearest(name, names)} Known: {', '.join(names)}.")


F = TypeVar("F", bound=Callable[..., Any])


def takes(keywords: type, *options: type) -> Callable[[F], F]:
    """Show the options of a function with `**options` in its signature and docstring, for `help()` and notebooks.

    `keywords` is the TypedDict that the function unpacks, which type checkers read. `options` are the classes with defaults
    and help; their lines are added to the docstring.
    """

    def shown(function: F) -> F:
        known = {name: pair for one in options for name, pair in options_in(one).items()}
        signature = inspect_signature(function)
        plain = [one for one in signature.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        added = [_parameter(name, keywords, one) for name, (one, _) in known.items()]
        function.__signature__ = signature.replace(parameters=[*plain, *added])  # type: ignore[attr-defined]
        function.__doc__ = _with_listing(function.__doc__, known)
        return function

    return shown


C = TypeVar("C", bound=type)


def described(options: C) -> C:
    """Add the help of its fields to the docstring of a class of options."""
    options.__doc__ = _with_listing(options.__doc__, options_in(options))
    return options


def _with_listing(text: str | None, known: Mapping[str, tuple[Field[Any], Option]]) -> str:
    lines = "\n".join(f"- `{name}`: {about.help}" for name, (_, about) in known.items())
    return f"{cleandoc(text or '')}\n\nOptions:\n\n{lines}\n"


def _parameter(name: str, keywords: type, one: Field[Any]) -> Parameter:
    annotation = keywords.__annotations__[name]
    shown = getattr(annotation, "__forward_arg__", annotation)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=one.default, annotation=shown)
