"""vLLM's engine in this process: for many questions at once, without a server."""

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
"""vLLM's word for the window that the model was made for, or as much of it as the memory holds."""

RENDERED_PROMPTS = 512
"""Prompts whose tokens are kept: each is counted before it is written."""

OWN_OPTIONS = frozenset({"model", "max_model_len", "max_num_seqs", "gpu_memory_utilization"})


OF_THE_MACHINE = frozenset(
    {"max_model_len", "max_num_seqs", "gpu_memory_utilization", "kv_cache_memory_bytes", "tensor_parallel_size"}
)
"""Options of the engine that change its speed and not its answers."""


class VllmGenerator:
    """Writes with a model that vLLM loads; several streams, threads and event loops may use it at once, batched by the engine.

    `model` is a folder with a model's config.json, or a hub name. It is loaded when it is first needed, and again if it is
    used after `close()` or after its process died. `window` None is what the model was made for, or as much as the memory
    holds. More streams than `parallel` wait their turn in the engine. `gpu_memory` is the share of the GPU's memory that vLLM
    may take, 0 to 1. `engine` holds further engine arguments of vLLM, such as {"tensor_parallel_size": 2}. `constrain` lets
    the model write no bracketed number that is not a passage's; an opening bracket can then begin nothing else.

    Raises MissingExtraError without vLLM, ModelError for a folder that holds no model.
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
                "vLLM is not installed. A server that runs it can be used without it (--llm http://HOST:PORT/v1). "
                "To run it here: pip install 'groundtext[vllm]'"
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
        """The model's name, its content if it is a folder, and the engine's options that change its answers."""
        options = {name: value for name, value in self._arguments.items() if name not in {*OF_THE_MACHINE, "model"}}
        written = f" {json.dumps(options, sort_keys=True, default=str)}" if options else ""
        return f"{self.name} {content_of(Path(self._model))}{written}"

    @property
    def description(self) -> str:
        """Model and place, for a person."""
        return f"{self.name} (vLLM in this process)"

    @property
    def window(self) -> int:
        """Tokens that prompt and answer share. Loads the model, since it depends on the memory."""
        return self._loaded().window

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Exactly the prompt tokens that a stream of the same messages reports."""
        return len(self._tokens(tuple(messages)))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """Pieces of whole characters, then a Usage. Closing the iterator makes the engine stop.

        Raises ModelError where the prompt fills the window, or the model is closed meanwhile.
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
        """The whole answer at once, for batches that nobody watches. Cancelling it makes the engine stop."""
        async with aclosing(self._outputs(prompt, sampling, "FINAL_ONLY")) as outputs:
            async for output in outputs:
                usage = Usage(
                    len(output.prompt_token_ids), len(output.outputs[0].token_ids), max(output.num_cached_tokens or 0, 0)
                )
                return output.outputs[0].text, usage
        raise ModelError(f"{self.name} stopped before its answer was complete.")

    def close(self) -> None:
        """Free the model. Answers that are still being written end with a ModelError."""
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
        """What was chosen, in vLLM's words; what was not is the model's own default."""
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
        """The tokens of the chat prompt. One at a time: a tokenizer is not made for several threads."""
        from rag.models.generators.http_served import plain

        tokenizer = self._loaded().tokenizer
        with self._rendering:
            try:
                text = tokenizer.apply_chat_template(plain(messages), tokenize=False, add_generation_prompt=True)
                return list(tokenizer.encode(text, add_special_tokens=False))
            except ValueError as error:  # what transformers raises without a template
                raise ModelError(
                    f"{self.name} has no chat template, so it cannot be asked. Use a model that is made for chats (often "
                    "called -Instruct or -Chat)."
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
    """The model's folder as a whole path, or its hub name. Raises ModelError for a path that holds no model for vLLM."""
    from rag.system.files import expanded

    path = expanded(model)
    if not model or (not path.is_dir() and (path.exists() or model.startswith((".", "~", "/"))) and path.suffix != ".gguf"):
        raise ModelError(f"'{model}' is no folder. Name the folder that holds the model's config.json, or a hub name.")
    files = [path] if path.suffix == ".gguf" else sorted(path.glob("*.gguf"))
    if files and not any(path.glob("*.safetensors")):
        raise ModelError(
            f"{model} is a GGUF model, and vLLM reads folders with safetensors. Name such a folder or a hub name, or run the "
            f"file in llama.cpp: --llm local:{files[0]}"
        )
    if not path.is_dir():
        return model
    if not (path / "config.json").is_file():
        raise ModelError(f"{model} holds no config.json. Name the folder that a model was saved in, or a hub name.")
    return str(path.resolve())
