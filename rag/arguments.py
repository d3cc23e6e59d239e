"""Checks of arguments and options: their kinds, ranges and help. They run before any work begins."""

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
    """Raise UsageError unless `fits` is true. The message says what `name` must be and what it is."""
    if not fits:
        shown = repr(value)
        if len(shown) > MOST_SHOWN:
            shown = f"{shown[:MOST_SHOWN]}…"
        raise UsageError(f"{name} must be {wanted}, not {shown} ({type(value).__name__}).")


def require_text(value: object, name: str, wanted: str = "a text") -> None:
    """Raise UsageError unless the value is a string."""
    require(isinstance(value, str), value, name, wanted)


def require_path(value: object, name: str, wanted: str = "a path") -> None:
    """Raise UsageError unless the value is a string or path object."""
    require(isinstance(value, PATH), value, name, wanted)


def require_count(value: object, name: str, *, least: int = 1) -> None:
    """Raise UsageError unless the value is a whole number, at least `least`."""
    require(is_whole(value), value, name, f"a whole number, at least {least}")
    if isinstance(value, int) and value < least:
        raise UsageError(f"{name} must be at least {least}, not {value}.")


def are_pairs(value: object) -> bool:
    """Whether the value maps strings to strings."""
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def are_texts(value: object) -> bool:
    """Whether the value is a list or tuple of strings."""
    return isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)


def require_call(value: object, name: str) -> None:
    """Raise UsageError unless the value is None or can be called."""
    require(value is None or callable(value), value, name, "a function")


def listed(values: Iterable[Any], name: str, *, kinds: type | tuple[type, ...] = str, of: str = "texts") -> list[Any]:
    """The values as a list. Raises UsageError for a single text or path, and for a value of another kind."""
    if isinstance(values, (*PATH, bytes)) or not isinstance(values, Iterable):
        example = f", such as [{values!r}]" if isinstance(values, kinds) else ""
        require(False, values, name, f"a list of {of}{example}")
    found = list(values)
    for number, value in enumerate(found, 1):
        require(isinstance(value, kinds), value, f"Number {number} of {name}", f"one of the {of}")
    return found


def is_whole(value: object) -> bool:
    """Whether the value is a whole number. True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


# Options: fields of a frozen dataclass, each with one line of help and its range


@dataclass(frozen=True, slots=True)
class Option:
    """The help and range of a field of options. Checks, help pages, recipes and commands use it.

    The range is from `least` to `most`, or from `over`, which is excluded. `choices` are the only values. If the annotation
    is not one of KINDS, `kind` is the class of the values, or `method` is a method that they have; `form` says how to make
    such a value.
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
        """The range in words, such as "over 0 and at most 1"; empty if there is none."""
        ends = (("at least", self.least), ("over", self.over), ("at most", self.most))
        return " and ".join(f"{words} {end}" for words, end in ends if end is not None)

    def allows(self, value: float) -> bool:
        """Whether the number is finite and in the range."""
        return (
            isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.over is None or value > self.over)
            and (self.most is None or value <= self.most)
        )


def option(default: Any, help: str, **about: Any) -> Any:
    """A field of a dataclass of options. `about` are further fields of `Option`.

    seconds: float = option(300.0, "Give up on a file that takes longer.", over=0)
    """
    return field(default=default, metadata={"option": Option(help, **about)})


def like(options: type, name: str, **changes: Any) -> Any:
    """A field like the field `name` of other options, with the same default, help and range. `changes` replace some."""
    source = options.__dataclass_fields__[name]  # type: ignore[attr-defined]
    default = changes.pop("default", source.default)
    return field(default=default, metadata={"option": replace(source.metadata["option"], **changes)})


def options_in(options: type) -> dict[str, tuple[Field[Any], Option]]:
    """The fields that are options, by name, each with its `Option`."""
    return {field.name: (field, field.metadata["option"]) for field in fields(options) if "option" in field.metadata}


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (lambda value: is_whole(value), "a whole number"),
    "float": (lambda value: isinstance(value, float) or is_whole(value), "a number"),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "str": (lambda value: isinstance(value, str), "a text"),
    "Path": (lambda value: isinstance(value, PATH), "the path of a file"),
    "Mapping[str, str]": (lambda value: are_pairs(value), 'a dict of texts, such as {"source": "*.pdf"}'),
    "Sequence[str]": (lambda value: are_texts(value), "a list of texts"),
    "list[str]": (
        lambda value: isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value),
        "a list of strings that are not empty",
    ),
    "tuple[str, ...]": (
        lambda value: isinstance(value, tuple) and all(isinstance(text, str) and text for text in value),
        "a tuple of texts that are not empty",
    ),
}
"""A test and a description for each annotation of an option."""


def check_fields(options: Any) -> None:
    """Raise UsageError for the first option whose value has the wrong kind or is out of range."""
    for name, (entry, about) in options_in(type(options)).items():
        kind, *others = str(entry.type).split(" | ")
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
    """Raise UsageError, with the nearest choice, unless the value is one of the choices."""
    require(isinstance(value, str), value, name, f"one of {', '.join(choices)}")
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not '{value}'.{nearest(str(value), choices)}")


def refuse_unknown(keywords: Iterable[str], known: type) -> None:
    """Raise UsageError, with the nearest name, for a keyword that is not in the TypedDict `known`."""
    names = known.__annotations__
    for name in keywords:
        if name not in names:
            raise UsageError(f"There is no option '{name}'.{nearest(name, names)} Known: {', '.join(names)}.")


F = TypeVar("F", bound=Callable[..., Any])


def takes(keywords: type, *options: type) -> Callable[[F], F]:
    """Show the options of a function with `**options` in its signature and docstring, for `help()` and notebooks.

    `keywords` is the TypedDict that the function unpacks; type checkers read it. `options` are the dataclasses with the
    defaults and the help, which is added to the docstring.
    """

    def shown(function: F) -> F:
        known = {name: pair for group in options for name, pair in options_in(group).items()}
        signature = inspect_signature(function)
        plain = [parameter for parameter in signature.parameters.values() if parameter.kind is not Parameter.VAR_KEYWORD]
        added = [_parameter(name, keywords, field) for name, (field, _) in known.items()]
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


def _parameter(name: str, keywords: type, field: Field[Any]) -> Parameter:
    annotation = keywords.__annotations__[name]
    shown = getattr(annotation, "__forward_arg__", annotation)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=field.default, annotation=shown)
