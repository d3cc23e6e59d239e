"""Open components by spec: one string names a component. Each is imported when it is opened."""

from __future__ import annotations

import os
import re
from contextlib import closing, contextmanager, suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.addresses import is_url, split_embedder_url, split_llm_url, split_url
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
"""The recorded spec of an embedder that was passed as an object, which no name can open."""

VERIFIERS = ("lexical", "nli:MODEL", "llm:http://HOST:PORT/v1#MODEL")
RESERVED = frozenset({"minilm", "local", "vllm", "extractive", "lexical", "nli", "llm", "http", "https", "file"})
"""Names that no package can use before the colon of a spec."""

SERVERS = "servers.json"
"""A file in the cache folder: the servers that were named on this machine. They may get the API key."""

EMBEDDERS = ("minilm", "MODEL (a sentence-transformers name or folder)", "http://HOST:PORT/v1#MODEL")


def open_embedder(spec: str = DEFAULT_EMBEDDER, *, api_key: str | None = None) -> Embedder:
    """The embedder of a spec: `minilm`, a sentence-transformers model, or `http://HOST:PORT/v1#MODEL`.

    Raises SpecError, ModelError or MissingExtraError.

        embedder = rag.open_embedder("minilm")
        embedder.embed_question("Who signs it off?").shape    # (384,)
    """
    require_text(spec, "An embedder's spec", "a text such as 'minilm'")
    return _embedder(spec, _key(api_key))


def _embedder(spec: str, key: str | None) -> Embedder:
    if spec == "minilm":
        from rag.models.embedders.openvino import open_minilm

        return open_minilm()
    if is_url(spec):
        from rag.models.embedders.http import HttpEmbedder

        url, model, options = split_embedder_url(spec)
        return HttpEmbedder(url, model, api_key=key, **options)
    other: Embedder | None = _of_a_package("embedders", spec, key)
    if other is not None:
        return other
    _refuse_misspelling(spec, ("minilm",), EMBEDDERS, "embedder")
    from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(spec)


def open_llm(spec: str = "local", *, api_key: str | None = None) -> Generator:
    """The generator of a spec: `local`, `local:PATH.gguf`, `vllm:MODEL`, `http://HOST:PORT/v1[#MODEL]` or `extractive`.

    Raises SpecError, ModelError or MissingExtraError.

    >>> open_llm("extractive").name
    'extractive'
    """
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
    if is_url(spec):
        from rag.models.generators.http import HttpGenerator
        from rag.models.generators.vllm_server import key_for

        url, model, options = split_llm_url(spec)
        return HttpGenerator(url, model, api_key=key_for(url) or _key(api_key), **options)
    other: Generator | None = _of_a_package("generators", spec, _key(api_key))
    if other is not None:
        return other
    names = ("local", "extractive", *plugin_names("generators"))
    raise SpecError(f"'{spec}' names no generator.{nearest(spec, names)} Known: {_known('generators', GENERATORS)}.")


def open_reranker(spec: str, *, api_key: str | None = None) -> Reranker:
    """The reranker of a spec: a cross-encoder's name or folder, or `http://HOST:PORT#MODEL`.

    Raises SpecError, ModelError or MissingExtraError.
    """
    require_text(spec, "A reranker's spec", "a text such as a model's name")
    if is_url(spec):
        from rag.models.rerankers.http import HttpReranker

        url, model = split_url(spec, "http://HOST:PORT#MODEL")
        return HttpReranker(url, model, api_key=_key(api_key))
    other: Reranker | None = _of_a_package("rerankers", spec, _key(api_key))
    if other is not None:
        return other
    from rag.models.rerankers.cross_encoder import CrossEncoderReranker

    return CrossEncoderReranker(spec)


def open_verifier(spec: str = "lexical", *, embedder: Embedder | None = None, api_key: str | None = None) -> Verifier:
    """The verifier of a spec: `lexical`, `nli:MODEL` or `llm:http://HOST:PORT/v1[#MODEL]`.

    With an `embedder`, `lexical` also compares meaning. Raises SpecError or ModelError.
    """
    require_text(spec, "A verifier's spec", "a text such as 'lexical'")
    kind, _, rest = spec.partition(":")
    if spec == "lexical":
        from rag.grounding.lexical import LexicalVerifier

        return LexicalVerifier(embedder)
    if kind == "nli" and rest:
        from rag.grounding.nli import NliVerifier

        return NliVerifier(rest)
    if kind == "llm" and is_url(rest):
        from rag.grounding.llm import LlmVerifier

        url, _, model = rest.partition("#")
        return LlmVerifier(url, model or None, api_key=_key(api_key))
    other: Verifier | None = _of_a_package("verifiers", spec, _key(api_key))
    if other is not None:
        return other
    names = ("lexical", *plugin_names("verifiers"))
    raise SpecError(f"'{spec}' names no verifier.{nearest(spec, names)} Known: {_known('verifiers', VERIFIERS)}.")


def _of_a_package(group: str, spec: str, key: str | None) -> Any | None:
    """The component that an installed package offers for a spec NAME or NAME:REST, or None.

    A model folder comes before a package of the same name; `NAME:` means the package. Raises PluginError.
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
    """Open the index in a folder, or make one with `create`. Use it as a context manager, or call `close()`.

    `embedder` is a spec or an object; the default is the index's own (`minilm` for a new index). It is opened at its first
    use. Raises NoIndexError or IndexFormatError, and EmbedderMismatchError for another embedder than the index's.

    An index may come from a stranger. So a server, or a package's embedder, gets the API key only after somebody named it as
    `embedder` on this machine.

        with rag.open_index("indexes/handbook", create=True) as index:
            rag.sync(["docs/"], index=index)
    """
    require_path(path, "The index", "the path of a folder")
    is_embedder = embedder is None or isinstance(embedder, str) or hasattr(embedder, "embed_question")
    require(is_embedder, embedder, "The embedder", "a spec such as 'minilm', or an embedder")
    if is_address(path):
        raise UsageError(f"{path} is an address, which only works for searching and asking. Name the folder of an index.")
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
    if is_url(spec) and not is_named:
        raise SpecError(
            f"The index {path} was built with the embedder {spec}, a server that was not named on this machine yet. Your API key "
            f"is not sent there. If you trust the server, name it once: RAG_EMBEDDER='{spec}'"
        )
    return open_embedder(spec, api_key=key) if is_named else _embedder(spec, None)


def _may_get_the_key(spec: str) -> bool:
    """Whether a spec names a server, or a package's component, which may use one."""
    name = spec.partition(":")[0]
    return is_url(spec) or (name not in RESERVED and name in plugin_names("embedders"))


def _known_servers() -> list[str]:
    return [name for name in read_json(cache_folder() / SERVERS).get("named", []) if isinstance(name, str)]


def _remember_server(spec: str) -> None:
    known = _known_servers()
    if _origin(spec) not in known:
        with suppress(OSError):  # without a writable cache, the server has to be named each time
            write_json(cache_folder() / SERVERS, {"named": [*known, _origin(spec)]})


def _origin(spec: str) -> str:
    if not is_url(spec):
        return spec
    parts = urlsplit(spec)
    return f"{parts.scheme}://{parts.netloc}"


def _key(api_key: str | None) -> str | None:
    return api_key or os.environ.get("RAG_API_KEY") or None


@contextmanager
def using_index(index: Index | str | Path, *, create: bool = False) -> Iterator[Index]:
    """The index itself, or the index in a folder, which is closed afterwards."""
    if isinstance(index, Index):
        yield index
        return
    require_path(index, "index", "the path of a folder, or what rag.open_index gives")
    with open_index(index, create=create) as opened:
        yield opened


@contextmanager
def using_searchable(index: Searchable | str | Path) -> Iterator[Searchable]:
    """The index itself, or the index in a folder or at an address, which is closed afterwards.

    The entry points `groundtext.stores` open addresses (SCHEME://…). Raises SpecError for an unknown scheme.
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
    """The index at an address SCHEME://…, opened by an installed package. Raises SpecError or PluginError."""
    store: Store = _at("stores", address, "No index can be opened")
    return store


def open_source(address: str) -> Source:
    """The source at an address SCHEME://…, opened by an installed package. Raises SpecError or PluginError.

    source = open_source("wiki://handbook")
    for item in source.items():
        document = load_bytes(source.read(item), source=item)    # from rag.documents
    """
    source: Source = _at("sources", address, "No documents can be read")
    return source


def _at(group: str, address: str, failure: str) -> Any:
    require_text(address, "An address", "a text such as 'wiki://handbook'")
    scheme, known = _scheme_of(address), plugin_names(group)
    opened = opened_plugin(group, scheme, address)
    if opened is not None:
        return opened
    schemes = ", ".join(f"{name}://" for name in known)
    offered = f"Installed packages open: {schemes}." if known else "No installed package opens any."
    raise SpecError(f"{failure} at {address}: the scheme '{scheme}' is unknown.{nearest(scheme, known)} {offered}")


def is_address(index: str | Path) -> bool:
    """Whether the index is an address such as toy://shelf, and not a path."""
    return bool(_scheme_of(index))


def _scheme_of(index: str | Path) -> str:
    """The scheme of an address such as toy://shelf; empty for a path."""
    found = SCHEME.match(index) if isinstance(index, str) else None
    return found[1] if found else ""


@contextmanager
def using_llm(llm: Generator | str) -> Iterator[Generator]:
    """The generator itself, or the generator of a spec, which is closed afterwards."""
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
    """A model folder as an absolute path, so that the index finds it from anywhere; other specs as they are."""
    if spec and not is_url(spec) and expanded(spec).is_dir():
        return str(expanded(spec).resolve())
    return spec


def _refuse_misspelling(spec: str, names: tuple[str, ...], known: tuple[str, ...], kind: str) -> None:
    """Raise SpecError for a near miss of a built-in name, before a model of that name is looked up."""
    if expanded(spec).exists() or "/" in spec:
        return
    for name in names:
        if SequenceMatcher(None, spec.lower(), name).ratio() > 0.75:
            raise SpecError(f"'{spec}' names no {kind}. Did you mean '{name}'? Known: {', '.join(known)}.")


def opened_verifier(verifier: Verifier | str | None) -> Verifier | None:
    """The verifier, or the verifier of a spec. None for the default, which depends on the index."""
    is_verifier = verifier is None or isinstance(verifier, str) or hasattr(verifier, "check")
    require(is_verifier, verifier, "verifier", "a spec such as 'lexical' or 'nli:MODEL', or a verifier")
    if isinstance(verifier, str):
        return None if verifier == "lexical" else open_verifier(verifier)
    return verifier
