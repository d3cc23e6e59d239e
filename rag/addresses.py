"""The HTTP addresses of model servers in specs: address, model and options. Errors are SpecErrors that show the form."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rag.errors import SpecError, nearest

LLM_URL_OPTIONS = ("window", "parallel")
"""The options in the address of a generator: the context window in tokens, and concurrent streams."""

EMBEDDER_URL_OPTIONS = ("question_prefix", "passage_prefix", "input_type", "max_tokens")
"""The options in the address of an embedder: the prefixes of texts, the server's names for questions and passages (as in
input_type=query,passage), and the token limit."""


def is_url(spec: str) -> bool:
    """Whether a spec is the HTTP address of a server."""
    return spec.startswith(("http://", "https://"))


def split_url(spec: str, form: str) -> tuple[str, str]:
    """Address and model, as in http://HOST:PORT#MODEL. `form` is the form to show in the error."""
    url, _, model = spec.partition("#")
    if not urlsplit(url).netloc or not model:
        raise SpecError(f"'{spec}' does not say which model to use. The form is {form}.")
    return url.rstrip("/"), model


def split_llm_url(spec: str) -> tuple[str, str | None, dict[str, Any]]:
    """Address, model (or None) and options of a generator, as in http://HOST:PORT/v1?window=8192#MODEL."""
    form = "The form is http://HOST:PORT/v1, http://HOST:PORT/v1#MODEL or http://HOST:PORT/v1?window=TOKENS#MODEL."
    url, model, options = _split_address(spec, LLM_URL_OPTIONS, form)
    return url, model or None, {name: _number(spec, name, value, form) for name, value in options.items()}


def split_embedder_url(spec: str) -> tuple[str, str, dict[str, Any]]:
    """Address, model and options of an embedder, as in http://HOST:PORT/v1?input_type=query,passage#MODEL."""
    form = "The form is http://HOST:PORT/v1#MODEL or http://HOST:PORT/v1?input_type=query,passage#MODEL."
    url, model, texts = _split_address(spec, EMBEDDER_URL_OPTIONS, form)
    if not model:
        raise SpecError(f"'{spec}' does not say which model to use. {form}")
    options: dict[str, Any] = {name: value for name, value in texts.items() if name.endswith("_prefix")}
    if "max_tokens" in texts:
        options["max_tokens"] = _number(spec, "max_tokens", texts["max_tokens"], form)
    if "input_type" in texts:
        kinds = tuple(kind.strip() for kind in texts["input_type"].split(","))
        if len(kinds) != 2 or not all(kinds):
            raise SpecError(f"'{spec}': input_type names a question's kind and a passage's, such as query,passage. {form}")
        options["input_types"] = kinds
    return url, model, options


def _split_address(spec: str, known: tuple[str, ...], form: str) -> tuple[str, str, dict[str, str]]:
    """Address, model (may be empty) and options. Raises SpecError for an unknown option."""
    try:
        parts = urlsplit(spec)
    except ValueError as error:
        raise SpecError(f"'{spec}' is not an address: {error}. {form}") from error
    if not parts.netloc:
        raise SpecError(f"'{spec}' does not say which server to use. {form}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in known:
            raise SpecError(f"'{spec}' has an unknown option '{name}'.{nearest(name, known)} {form}")
    return parts._replace(query="", fragment="").geturl().rstrip("/"), parts.fragment, options


def _number(spec: str, name: str, value: str, form: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise SpecError(f"'{spec}': {name} must be a number from 1, not '{value}'. {form}")
    return int(value)
