"""vLLM's engine in this process, for many questions at once without a server."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import aclosing
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import MissingExtraError, ModelError, UsageError
from rag.models.generators.vllm_engine import VllmEngine, refusals
from rag.models.identity import content_of
from rag.sampling import ALL_OPTIONS
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from types import TracebackType

    from rag.sampling import Sampling
    from rag.types import Message, Prompt

PARALLEL = 256
WHATEVER_FITS = -1
"""vLLM's value for the model's own window, or as much of it as fits into memory."""

RENDERED_PROMPTS = 512
"""Prompts whose tokens are cached, since each prompt is counted before it is sent."""

OWN_OPTIONS = frozenset({"model", "max_model_len", "max_num_seqs", "gpu_memory_utilization"})

OF_THE_MACHINE = frozenset(
    {"max_model_len", "max_num_seqs", "gpu_memory_utilization", "kv_cache_memory_bytes", "tensor_parallel_size"}
)
"""Options of the engine that change its speed but not its answers."""


class VllmGenerator:
    """A generator with a model that vLLM loads. Several streams, threads and event loops may use it; the engine batches them.

    `model` is a folder with a model's config.json, or a hub name. It is loaded at its first use, and again after `close()` or
    after its process died. `window` is in tokens; None is the model's own, or as much as fits into memory. Streams beyond
    `parallel` wait in the engine. `gpu_memory` is vLLM's share of the GPU's memory, over 0 and at most 1. `engine` has further
    engine arguments of vLLM, such as {"tensor_parallel_size": 2}. With `constrain`, the model writes only numbers of passages
    in brackets, and nothing else after an opening bracket.

    Raises MissingExtraError without vLLM, UsageError for an option out of range, ModelError for a folder without a model.

        with rag.VllmGenerator("Qwen/Qwen3-8B", gpu_memory=0.5) as llm:
            answers = rag.ask_many(questions, index="indexes/handbook", llm=llm)
    """

    max_sources = None
    options = ALL_OPTIONS
    gives_whole_answers = True

    def __init__(
        self,
        model: str,
        *,
        window: int | None = None,
        parallel: int | None = None,
        gpu_memory: float | None = None,
        engine: Mapping[str, Any] | None = None,
        constrain: bool = True,
    ) -> None:
        for option, value in (("window", window), ("parallel", parallel)):
            if value is not None and value < 1:
                raise UsageError(f"{option} must be at least 1, not {value}.")
        if gpu_memory is not None and not 0 < gpu_memory <= 1:
            raise UsageError(f"gpu_memory must be over 0 and at most 1, not {gpu_memory}.")
        if named := sorted(OWN_OPTIONS & (engine or {}).keys()):
            raise UsageError(f"{', '.join(named)} cannot be given in `engine`. Use model, window, parallel or gpu_memory.")
        if find_spec("vllm") is None:
            raise MissingExtraError(
                "vLLM is not installed. A vLLM server on another machine can be used without it (--llm http://HOST:PORT/v1). "
                "To run vLLM here: pip install 'groundtext[vllm]'"
            )
        self._model = model_for_vllm(model)
        self.name = Path(self._model).name if Path(self._model).is_absolute() else self._model
        self.parallel = parallel or PARALLEL
        self._constrain = constrain
        chosen = {"max_num_seqs": parallel, "gpu_memory_utilization": gpu_memory}
        self._arguments = {
            "model": self._model,
            "max_model_len": window or WHATEVER_FITS,
            **{name: value for name, value in chosen.items() if value is not None},
            **(engine or {}),
        }
        self._lock = threading.Lock()
        self._rendering = threading.Lock()
        self._tokens = lru_cache(maxsize=RENDERED_PROMPTS)(self._rendered)
        self._engine: VllmEngine | None = None

    def __enter__(self) -> VllmGenerator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """The model's name, a hash of its folder, and the engine's options that change answers."""
        options = {name: value for name, value in self._arguments.items() if name not in {*OF_THE_MACHINE, "model"}}
        settings = f" {json.dumps(options, sort_keys=True, default=str)}" if options else ""
        return f"{self.name} {content_of(Path(self._model))}{settings}"

    @property
    def description(self) -> str:
        """Model and place, for people."""
        return f"{self.name} (vLLM in this process)"

    @property
    def window(self) -> int:
        """The context window in tokens. Loads the model, since it depends on the memory."""
        return self._loaded().window

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The prompt tokens that a stream of the same messages reports."""
        return len(self._tokens(tuple(messages)))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of whole characters, then a Usage. Closing the iterator stops the engine.

        Raises ModelError if the prompt fills the window, or the model is closed meanwhile.
        """
        read = written = cached = 0
        async with aclosing(self._outputs(prompt, sampling, "DELTA")) as outputs:
            async for output in outputs:
                read, cached = len(output.prompt_token_ids), max(cached, output.num_cached_tokens or 0)
                written += len(output.outputs[0].token_ids)
                if text := output.outputs[0].text:
                    yield text
        yield Usage(read, written, cached)

    async def complete(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
        """The whole answer at once, for batches that nobody watches. Cancelling the task stops the engine."""
        async with aclosing(self._outputs(prompt, sampling, "FINAL_ONLY")) as outputs:
            async for output in outputs:
                usage = Usage(
                    len(output.prompt_token_ids), len(output.outputs[0].token_ids), max(output.num_cached_tokens or 0, 0)
                )
                return output.outputs[0].text, usage
        raise ModelError(f"{self.name} stopped before its answer was complete.")

    def close(self) -> None:
        """Free the model. Unfinished answers end with a ModelError."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine:
            engine.stop()

    async def _outputs(self, prompt: Prompt, sampling: Sampling, kind: str) -> AsyncGenerator[Any, None]:
        engine = await asyncio.to_thread(self._loaded)
        tokens = await asyncio.to_thread(self._tokens, prompt.messages)
        if len(tokens) >= engine.window:
            raise ModelError(
                f"The prompt has {len(tokens)} tokens and {self.name} reads {engine.window}, answer included. Give it less "
                "text, or use a model with a larger window (--llm)."
            )
        try:
            async with aclosing(engine.outputs(tokens, self._parameters(prompt, sampling, kind))) as outputs:
                async for output in outputs:
                    yield output
        except refusals() as error:
            raise UsageError(f"vLLM refuses the request: {error}") from error

    def _parameters(self, prompt: Prompt, sampling: Sampling, kind: str) -> Any:
        """The options that are set, under vLLM's names, over the model's own defaults."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams

        from rag.models.generators.http import only_numbers_of

        chosen = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "repetition_penalty": sampling.repetition_penalty,
            "seed": sampling.seed,
            "stop": list(sampling.stop) or None,
        }
        constrained = self._constrain and prompt.passages
        return SamplingParams(
            **{
                **self._loaded().defaults,
                **{name: value for name, value in chosen.items() if value is not None},
                "max_tokens": sampling.max_tokens,
                "output_kind": RequestOutputKind[kind],
                "structured_outputs": StructuredOutputsParams(regex=only_numbers_of(prompt.passages)) if constrained else None,
            }
        )

    def _rendered(self, messages: tuple[Message, ...]) -> list[int]:
        """The tokens of the chat prompt. Rendering is locked, since a tokenizer is not thread-safe."""
        from rag.models.generators.http_served import plain

        tokenizer = self._loaded().tokenizer
        with self._rendering:
            try:
                text = tokenizer.apply_chat_template(plain(messages), tokenize=False, add_generation_prompt=True)
                return list(tokenizer.encode(text, add_special_tokens=False))
            except ValueError as error:  # transformers raises this without a template
                raise ModelError(
                    f"{self.name} has no chat template, so it cannot answer questions. Use a model for chats, often "
                    "named -Instruct or -Chat."
                ) from error
            except Exception as error:
                if type(error).__module__.partition(".")[0] != "jinja2":
                    raise
                raise ModelError(f"The chat template of {self.name} refuses the messages: {error}") from error

    def _loaded(self) -> VllmEngine:
        with self._lock:
            if self._engine and not self._engine.is_alive:
                self._engine.stop()
                self._engine = None
            if self._engine is None:
                self._engine = VllmEngine(self.name, self._arguments)
            return self._engine


def model_for_vllm(model: str) -> str:
    """The model's folder as an absolute path, or its hub name. Raises ModelError for a path without a model for vLLM."""
    from rag.system.files import expanded

    path = expanded(model)
    if not model or (not path.is_dir() and (path.exists() or model.startswith((".", "~", "/"))) and path.suffix != ".gguf"):
        raise ModelError(f"'{model}' is not a folder. Name the folder with the model's config.json, or a hub name.")
    files = [path] if path.suffix == ".gguf" else sorted(path.glob("*.gguf"))
    if files and not any(path.glob("*.safetensors")):
        raise ModelError(
            f"{model} is a GGUF model, and vLLM reads folders with safetensors. Name such a folder or a hub name, or run the "
            f"file in llama.cpp: --llm local:{files[0]}"
        )
    if not path.is_dir():
        return model
    if not (path / "config.json").is_file():
        raise ModelError(f"{model} contains no config.json. Name the folder that a model was saved in, or a hub name.")
    return str(path.resolve())
