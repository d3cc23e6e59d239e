"""Names to components. Each is imported and built when it is first needed, and no sooner."""

from __future__ import annotations

import os
import re
from contextlib import closing, contextmanager, suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from rag.arguments import require, require_path, require_text
from rag.errors import SpecError, UsageError, nearest
from rag.index.index import DEFAULT_EMBEDDER, Index
from rag.system.files import cache_folder, expanded, read_json, write_json
from rag.system.plugins import opened_plugin, plugin_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.index.index import Index
    from rag.protocols import Embedder, Generator, Reranker, Searchable, Source, Store, Verifier

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
GENERATORS = ("local", "local:PATH.gguf", "vllm:MODEL", "http://HOST:PORT/v1", "http://HOST:PORT/v1#MODEL", "extractive")
EMBEDDER_OBJECT = "(an object)"
"""What an index records where no name can open its embedder again."""

VERIFIERS = ("lexical", "nli:MODEL", "llm:http://HOST:PORT/v1#MODEL")
RESERVED = frozenset({"minilm", "local", "vllm", "extractive", "lexical", "nli", "llm", "http", "https", "file"})
"""Names before a colon that no package can take."""

LLM_URL_OPTIONS = ("window", "parallel")
"""What the address of a generator may say besides: tokens that the model reads, streams at once."""

EMBEDDER_URL_OPTIONS = ("question_prefix", "passage_prefix", "input_type", "max_tokens")
"""What the address of an embedder may say besides: what stands in front of texts, by which names the server tells questions from
passages, as in input_type=query,passage, and how many tokens the model reads."""

SERVERS = "servers.json"
"""In the cache folder: the servers that were named on this machine, which may be sent the API key."""

EMBEDDERS = ("minilm", "MODEL (a sentence-transformers name or folder)", "http://HOST:PORT/v1#MODEL")


def open_embedder(spec: str = DEFAULT_EMBEDDER, *, api_key: str | None = None) -> Embedder:
    """The embedder that a spec names. Raises SpecError, ModelError or MissingExtraError."""
    require_text(spec, "An embedder's spec", "a text such as 'minilm'")
    return _embedder(spec, _key(api_key))


def _embedder(spec: str, key: str | None) -> Embedder:
    if spec == "minilm":
        from rag.models.embedders.openvino import open_minilm

        return open_minilm()
    if _is_url(spec):
        from rag.models.embedders.http import HttpEmbedder

        url, model, options = _split_embedder_url(spec)
        return HttpEmbedder(url, model, api_key=key, **options)
    other: Embedder | None = _of_a_package("embedders", spec, key)
    if other is not None:
        return other
    _refuse_misspelling(spec, ("minilm",), EMBEDDERS, "embedder")
    from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(spec)


def open_llm(spec: str = "local", *, api_key: str | None = None) -> Generator:
    """The generator that a spec names. Raises SpecError, ModelError or MissingExtraError."""
    require_text(spec, "A generator's spec", "a text such as 'local'")
    if spec == "extractive":
        from rag.models.generators.extractive import ExtractiveGenerator

        return ExtractiveGenerator()
    if spec == "local" or spec.startswith("local:"):
        from rag.models.generators.llama_cpp import LlamaCppGenerator

        return LlamaCppGenerator(expanded(spec.removeprefix("local:")) if spec != "local" else None)
    if spec.startswith("vllm:") and spec != "vllm:":
        from rag.models.generators.vllm import VllmGenerator

        return VllmGenerator(spec.removeprefix("vllm:"))
    if _is_url(spec):
        from rag.models.generators.http import HttpGenerator
        from rag.models.generators.vllm_server import key_for

        url, model, options = _split_llm_url(spec)
        return HttpGenerator(url, model, api_key=key_for(url) or _key(api_key), **options)
    other: Generator | None = _of_a_package("generators", spec, _key(api_key))
    if other is not None:
        return other
    names = ("local", "extractive", *plugin_names("generators"))
    raise SpecError(f"'{spec}' names no generator.{nearest(spec, names)} Known: {_known('generators', GENERATORS)}.")


def open_reranker(spec: str, *, api_key: str | None = None) -> Reranker:
    """The reranker that a spec names. Raises SpecError, ModelError or MissingExtraError."""
    require_text(spec, "A reranker's spec", "a text such as a model's name")
    if _is_url(spec):
        from rag.models.rerankers.http import HttpReranker

        url, model = _split_url(spec, "http://HOST:PORT#MODEL")
        return HttpReranker(url, model, api_key=_key(api_key))
    other: Reranker | None = _of_a_package("rerankers", spec, _key(api_key))
    if other is not None:
        return other
    from rag.models.rerankers.cross_encoder import CrossEncoderReranker

    return CrossEncoderReranker(spec)


def open_verifier(spec: str = "lexical", *, embedder: Embedder | None = None, api_key: str | None = None) -> Verifier:
    """The verifier that a spec names: lexical, nli:MODEL, llm:http://HOST:PORT/v1 or llm:http://HOST:PORT/v1#MODEL.

    `embedder` lets `lexical` see likeness in meaning. Raises SpecError or ModelError.
    """
    require_text(spec, "A verifier's spec", "a text such as 'lexical'")
    kind, _, rest = spec.partition(":")
    if spec == "lexical":
        from rag.grounding.lexical import LexicalVerifier

        return LexicalVerifier(embedder)
    if kind == "nli" and rest:
        from rag.grounding.nli import NliVerifier

        return NliVerifier(rest)
    if kind == "llm" and _is_url(rest):
        from rag.grounding.llm import LlmVerifier

        url, _, model = rest.partition("#")
        return LlmVerifier(url, model or None, api_key=_key(api_key))
    other: Verifier | None = _of_a_package("verifiers", spec, _key(api_key))
    if other is not None:
        return other
    names = ("lexical", *plugin_names("verifiers"))
    raise SpecError(f"'{spec}' names no verifier.{nearest(spec, names)} Known: {_known('verifiers', VERIFIERS)}.")


def _of_a_package(group: str, spec: str, key: str | None) -> Any | None:
    """The component that an installed package offers under NAME, for a spec NAME or NAME:REST; None if there is none.

    A folder of models comes before a package of the same name; `NAME:` means the package. Raises PluginError.
    """
    name, colon, rest = spec.partition(":")
    if not name or name in RESERVED or (not colon and expanded(spec).is_dir()):
        return None
    return opened_plugin(group, name, rest, api_key=key)


def _known(group: str, own: tuple[str, ...]) -> str:
    return ", ".join([*own, *(f"{name}:…" for name in plugin_names(group))])


def open_index(
    path: str | Path, *, create: bool = False, embedder: str | Embedder | None = None, api_key: str | None = None
) -> Index:
    """Open the index in a folder, or make one with `create`.

    `embedder` is a spec or an object; left out, it is the index's own (`minilm` for a new one). It is built when it is
    first needed, and refused then if the index was built with another. Raises NoIndexError, IndexFormatError.

    An index may come from a stranger. A server or a package's embedder that only the index names gets no API key. It gets the
    key after somebody named it as `embedder` on this machine.
    """
    require_path(path, "The index", "the path of a folder")
    is_embedder = embedder is None or isinstance(embedder, str) or hasattr(embedder, "embed_question")
    require(is_embedder, embedder, "The embedder", "a spec such as 'minilm', or an embedder")
    if is_address(path):
        raise UsageError(f"{path} is an address, which can be searched and asked only. Name the folder of an index.")
    if embedder is None or isinstance(embedder, str):
        if embedder and _may_get_the_key(embedder):
            _remember_server(embedder)
        return Index(
            expanded(path),
            open_embedder=lambda spec: _open_recorded(spec, path, api_key),
            embedder_spec=_absolute_folder(embedder),
            create=create,
        )
    return Index(expanded(path), open_embedder=lambda _: embedder, embedder_spec=EMBEDDER_OBJECT, create=create)


def _open_recorded(spec: str, path: str | Path, api_key: str | None) -> Embedder:
    if spec == EMBEDDER_OBJECT:
        raise SpecError(
            f"The index {path} was built with an embedder object; pass the same one: rag.open_index(…, embedder=…)."
        )
    key = _key(api_key)
    is_named = not key or not _may_get_the_key(spec) or _origin(spec) in _known_servers()
    if _is_url(spec) and not is_named:
        raise SpecError(
            f"The index {path} was built with the embedder {spec}, a server that was not named on this machine yet; your API key "
            f"is not sent there unasked. If you trust it, name it once: RAG_EMBEDDER='{spec}'"
        )
    return open_embedder(spec, api_key=key) if is_named else _embedder(spec, None)


def _may_get_the_key(spec: str) -> bool:
    """Whether a spec names a server, or a package's component, which may have one."""
    name = spec.partition(":")[0]
    return _is_url(spec) or (name not in RESERVED and name in plugin_names("embedders"))


def _known_servers() -> list[str]:
    return [name for name in read_json(cache_folder() / SERVERS).get("named", []) if isinstance(name, str)]


def _remember_server(spec: str) -> None:
    known = _known_servers()
    if _origin(spec) not in known:
        with suppress(OSError):  # where the cache cannot be written, it has to be named each time
            write_json(cache_folder() / SERVERS, {"named": [*known, _origin(spec)]})


def _origin(spec: str) -> str:
    if not _is_url(spec):
        return spec
    parts = urlsplit(spec)
    return f"{parts.scheme}://{parts.netloc}"


def _key(api_key: str | None) -> str | None:
    return api_key or os.environ.get("RAG_API_KEY") or None


@contextmanager
def using_index(index: Index | str | Path, *, create: bool = False) -> Iterator[Index]:
    """The index itself, or the one at a path, which is closed afterwards."""
    if isinstance(index, Index):
        yield index
        return
    require_path(index, "index", "the path of a folder, or what rag.open_index gives")
    with open_index(index, create=create) as opened:
        yield opened


@contextmanager
def using_searchable(index: Searchable | str | Path) -> Iterator[Searchable]:
    """The index itself, or the one at a path or an address, which is closed afterwards.

    An address is SCHEME://…; the entry points `groundtext.stores` open it. Raises SpecError for an unknown scheme.
    """
    if not isinstance(index, (str, Path)):
        require(hasattr(index, "search_vectors"), index, "index", "the path of a folder, or what rag.open_index gives")
        yield index
        return
    if not is_address(index):
        with open_index(index) as opened:
            yield opened
        return
    with closing(open_store(str(index))) as store:
        yield store


def open_store(address: str) -> Store:
    """The index at an address SCHEME://…, as an installed package opens it. Raises SpecError, PluginError."""
    store: Store = _at("stores", address, "No index can be opened")
    return store


def open_source(address: str) -> Source:
    """The documents at an address SCHEME://…, as an installed package lists them. Raises SpecError, PluginError.

    source = open_source("wiki://handbook")
    for item in source.items():
        document = rag.load_bytes(source.read(item), source=item)
    """
    source: Source = _at("sources", address, "No documents can be read")
    return source


def _at(group: str, address: str, failure: str) -> Any:
    require_text(address, "An address", "a text such as 'wiki://handbook'")
    scheme, known = _scheme_of(address), plugin_names(group)
    opened = opened_plugin(group, scheme, address)
    if opened is not None:
        return opened
    offered = (
        f"Installed packages open: {', '.join(f'{name}://' for name in known)}." if known else "No installed package opens any."
    )
    raise SpecError(f"{failure} at {address}: the scheme '{scheme}' is unknown.{nearest(scheme, known)} {offered}")


def is_address(index: str | Path) -> bool:
    """Whether it is an address such as toy://shelf, and no path."""
    return bool(_scheme_of(index))


def _scheme_of(index: str | Path) -> str:
    """The scheme of an address such as toy://shelf; empty for a path."""
    found = SCHEME.match(index) if isinstance(index, str) else None
    return found[1] if found else ""


@contextmanager
def using_llm(llm: Generator | str) -> Iterator[Generator]:
    """The generator itself, or the one that a spec names, which is closed afterwards."""
    if not isinstance(llm, str):
        require(hasattr(llm, "stream"), llm, "llm", "a spec such as 'local', or what rag.open_llm gives")
        yield llm
        return
    opened = open_llm(llm)
    try:
        yield opened
    finally:
        opened.close()


def _absolute_folder(spec: str | None) -> str | None:
    """A model folder by its whole path, so that the index finds it from anywhere."""
    if spec and not _is_url(spec) and expanded(spec).is_dir():
        return str(expanded(spec).resolve())
    return spec


def _is_url(spec: str) -> bool:
    return spec.startswith(("http://", "https://"))


def _split_url(spec: str, form: str) -> tuple[str, str]:
    url, _, model = spec.partition("#")
    if not urlsplit(url).netloc or not model:
        raise SpecError(f"'{spec}' does not say which model to use. The form is {form}.")
    return url.rstrip("/"), model


def _split_llm_url(spec: str) -> tuple[str, str | None, dict[str, Any]]:
    """Address, model if one is named, and options, as in http://HOST:PORT/v1?window=8192#MODEL."""
    form = "The form is http://HOST:PORT/v1, http://HOST:PORT/v1#MODEL or http://HOST:PORT/v1?window=TOKENS#MODEL."
    url, model, told = _split_address(spec, LLM_URL_OPTIONS, form)
    return url, model or None, {name: _number(spec, name, value, form) for name, value in told.items()}


def _split_embedder_url(spec: str) -> tuple[str, str, dict[str, Any]]:
    """Address, model and options, as in http://HOST:PORT/v1?input_type=query,passage#MODEL."""
    form = "The form is http://HOST:PORT/v1#MODEL or http://HOST:PORT/v1?input_type=query,passage#MODEL."
    url, model, told = _split_address(spec, EMBEDDER_URL_OPTIONS, form)
    if not model:
        raise SpecError(f"'{spec}' does not say which model to use. {form}")
    options: dict[str, Any] = {name: value for name, value in told.items() if name.endswith("_prefix")}
    if "max_tokens" in told:
        options["max_tokens"] = _number(spec, "max_tokens", told["max_tokens"], form)
    if "input_type" in told:
        kinds = tuple(kind.strip() for kind in told["input_type"].split(","))
        if len(kinds) != 2 or not all(kinds):
            raise SpecError(f"'{spec}': input_type names a question's kind and a passage's, such as query,passage. {form}")
        options["input_types"] = kinds
    return url, model, options


def _split_address(spec: str, known: tuple[str, ...], form: str) -> tuple[str, str, dict[str, str]]:
    """Address, model or nothing, and the options in between, none but known ones."""
    try:
        parts = urlsplit(spec)
    except ValueError as error:
        raise SpecError(f"'{spec}' is no address: {error}. {form}") from error
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


def _refuse_misspelling(spec: str, names: tuple[str, ...], known: tuple[str, ...], kind: str) -> None:
    """A near miss of a built-in name is a mistake, not the name of a model to look for."""
    if expanded(spec).exists() or "/" in spec:
        return
    for name in names:
        if SequenceMatcher(None, spec.lower(), name).ratio() > 0.75:
            raise SpecError(f"'{spec}' names no {kind}. Did you mean '{name}'? Known: {', '.join(known)}.")


def opened_verifier(verifier: Verifier | str | None) -> Verifier | None:
    """The verifier, or the one that a spec names; None for the default one, which goes by what the index has."""
    is_one = verifier is None or isinstance(verifier, str) or hasattr(verifier, "check")
    require(is_one, verifier, "verifier", "a spec such as 'lexical' or 'nli:MODEL', or a verifier")
    if isinstance(verifier, str):
        return None if verifier == "lexical" else open_verifier(verifier)
    return verifier
