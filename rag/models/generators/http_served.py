"""What a model server reports: its models, their windows, its token counts and its kind."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from rag.errors import ModelError, RagError, SpecError, nearest
from rag.models.servers import RefusedError, shown
from rag.text.surrogates import well_formed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.models.servers import Server
    from rag.types import Message

    Count = Callable[[Sequence[Message]], int]

WINDOW_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Names of the window in lists of models: vLLM, SGLang, and hosts of models."""

TEMPLATE_TOKENS = 128
MESSAGE_TOKENS = 16
"""Room for a chat template in an upper bound: its own words, and the marks around each message."""

MODELS_SHOWN = 20

ORIGIN = ("root", "parent", "digest", "quantization")
SIZES = ("n_params", "n_vocab", "n_embd", "size")
"""Fields in a list of models that distinguish models of the same name."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model on a server. `kind` is "vLLM", "llama.cpp" or "". `window` and `slots` are None if the server reports none."""

    model: str
    kind: str = ""
    version: str = ""
    window: int | None = None
    slots: int | None = None


def look(server: Server, model: str | None) -> Served:
    """The model of that name, or the only model. Raises SpecError if there are several, or if vLLM lacks the model."""
    listed = _listed(server, needed=model is None)
    model = model or _only(server, listed)
    entry = next((entry for entry in listed if entry["id"] == model), {})
    kind = {"vllm": "vLLM", "llamacpp": "llama.cpp"}.get(next((str(entry.get("owned_by")) for entry in listed), ""), "")
    if kind == "vLLM":
        if not entry:
            names = [entry["id"] for entry in listed]
            raise SpecError(
                f"{shown(server.base_url)} does not serve '{model}'.{nearest(model, names)} It serves: {_some(names)}."
            )
        base = next((base for base in listed if base["id"] == entry.get("parent")), {})  # of an adapter
        return Served(model, kind, _version(server), _window(entry) or _window(base))
    if kind == "llama.cpp":
        properties = _asked(server, "/props")
        settings = properties.get("default_generation_settings")
        window = _number(settings.get("n_ctx")) if isinstance(settings, dict) else None
        return Served(model, kind, str(properties.get("build_info") or ""), window, _number(properties.get("total_slots")))
    return Served(model, window=_window(entry))


def exact_count(server: Server, served: Served) -> Count | None:
    """A function that counts tokens on the server, with its chat template. None if the server refuses a first request."""
    if served.kind == "llama.cpp":
        url, field = f"{server.base_url}/chat/completions/input_tokens", "input_tokens"
    else:
        url, field = f"{server.root}/tokenize", "count"

    def count(messages: Sequence[Message]) -> int:
        answer = server.post(url, {"model": served.model, "messages": plain(messages)})
        counted = _number(answer.get(field)) if isinstance(answer, dict) else None
        if counted is None:
            raise ModelError(f"{shown(url)} stopped counting tokens. Check the model server and its log.")
        return counted

    try:
        answer = server.post(url, {"model": served.model, "messages": [{"role": "user", "content": "a"}]})
    except RefusedError:
        return None
    return count if isinstance(answer, dict) and _number(answer.get(field)) else None


def tokens_so_far(metrics: str) -> float | None:
    """The tokens that vLLM read and wrote since its start, from its metrics; None if they are missing."""
    counted = re.findall(r"^vllm:(?:prompt|generation)_tokens_total(?:{.*})? (\S+)$", metrics, re.MULTILINE)
    try:
        return sum(map(float, counted)) if counted else None
    except ValueError:
        return None


def most_tokens(messages: Sequence[Message]) -> int:
    """An upper bound for every byte-level tokenizer, whatever Unicode form it normalises text to."""
    return TEMPLATE_TOKENS + sum(MESSAGE_TOKENS + most_bytes(message.content) for message in messages)


def most_bytes(text: str) -> int:
    """The UTF-8 bytes of the text in its longest normal form."""
    text = well_formed(text)
    if text.isascii():
        return len(text)
    forms = [normalize(name, text) for name in ("NFC", "NFD", "NFKC", "NFKD")]
    return max(len(form.encode()) for form in (text, *forms))


def plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The messages as JSON-ready values."""
    return [{"role": message.role, "content": well_formed(message.content)} for message in messages]


def _listed(server: Server, *, needed: bool) -> list[dict[str, Any]]:
    """The entries of the server's list of models. A server without a list can be used if the model is named."""
    try:
        answer = server.get("/models")
    except RefusedError as refused:
        if needed or refused.status in {401, 403}:
            raise
        return []
    entries = answer.get("data") if isinstance(answer, dict) else None
    entries = entries if isinstance(entries, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def _only(server: Server, listed: Sequence[dict[str, Any]]) -> str:
    names = [str(entry["id"]) for entry in listed]
    url = shown(server.base_url)
    if not names:
        raise SpecError(f"{url} does not tell which models it serves. Name one: {url}#MODEL")
    if len(names) > 1:
        raise SpecError(f"{url} serves several models: {_some(names)}. Name one, as in {url}#{names[0]}")
    return names[0]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MODELS_SHOWN} more" if len(names) > MODELS_SHOWN else ""
    return ", ".join(names[:MODELS_SHOWN]) + more


def _window(entry: dict[str, Any]) -> int | None:
    return next((window for window in map(_number, map(entry.get, WINDOW_NAMES)) if window), None)


def _version(server: Server) -> str:
    return str(_asked(server, "/version").get("version") or "")


def _asked(server: Server, path: str) -> dict[str, Any]:
    """The JSON of a page at the server's root; empty if there is no such page."""
    try:
        answer = server.get(server.root + path)
    except RefusedError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 and not isinstance(value, bool) else None


def origin_on(server: Server, model: str) -> str:
    """The origin of a model as the server reports it; empty if it reports none.

    vLLM has `root` and `parent`, llama.cpp `meta`. The same origin means the same model, at any port.
    """
    try:
        entry = next(entry for entry in server.get("/models")["data"] if entry["id"] == model)
    except (RagError, LookupError, TypeError, StopIteration):
        return ""
    meta = entry.get("meta")
    sizes = {name: meta[name] for name in SIZES if name in meta} if isinstance(meta, dict) else {}
    origin = {name: entry[name] for name in ORIGIN if entry.get(name)}
    return json.dumps({**origin, **sizes}, sort_keys=True) if origin or sizes else ""
