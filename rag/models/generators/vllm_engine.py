"""vLLM's engine in a thread with its own event loop, so that every loop and thread of the program can use it.

The engine batches concurrent requests. Its model runs in a process that vLLM starts, and that ends with this process.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import weakref
from contextlib import aclosing, contextmanager, suppress
from itertools import count
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.system.cpu import lacks_bfloat16, usable_cores
from rag.system.waiting import result_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence

QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}
NO_TELEMETRY = {"VLLM_NO_USAGE_STATS": "1", "VLLM_DO_NOT_TRACK": "1"}
"""Settings that keep vLLM from reporting the machine and the model to its authors."""

FEW_CORES = 4
"""With at most this many cores, vLLM reserves none for its scheduler. On two cores, 16 streams are 1.3 to 1.4 times as fast."""

CACHE_ON_A_CPU = 4 * 2**30
"""Bytes for keys and values without a GPU. vLLM's default is most of the machine's memory."""

WORDS_OF_A_CAUSE = 300
SECONDS_TO_CANCEL = 5.0


class VllmEngine:
    """A loaded model. `options` are vLLM's engine arguments. Raises ModelError if vLLM cannot load the model."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._name = name
        self._numbers = count()
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(self._loop,), name="vllm", daemon=True)
        thread.start()
        try:
            self._engine = _result(self._loop, _load(options))
        except BaseException as error:
            _end(self._loop, thread)
            if not isinstance(error, Exception):
                raise
            cause = " ".join(str(error).split())[:WORDS_OF_A_CAUSE] or type(error).__name__
            raise ModelError(f"vLLM cannot load {name}: {cause} See also its output above.") from error
        self.stop = weakref.finalize(self, _stop, self._engine, self._loop, thread)  # runs at the latest when the program ends
        self.window = int(self._engine.model_config.max_model_len)
        self.defaults: dict[str, Any] = self._engine.model_config.get_diff_sampling_param()
        self.tokenizer: Any = _result(self._loop, _tokenizer(self._engine))

    @property
    def is_alive(self) -> bool:
        """Whether the engine can be used: it is not closed, and the model's process runs."""
        return self.stop.alive and not self._engine.errored

    async def outputs(self, tokens: Sequence[int], parameters: Any) -> AsyncGenerator[Any, None]:
        """vLLM's outputs for a prompt, as they arrive. Closing the iterator aborts the request.

        Raises ModelError if the engine is closed or dies meanwhile, and one of `refusals()` if vLLM refuses the request.
        """
        caller = asyncio.get_running_loop()
        arrived: asyncio.Queue[Any] = asyncio.Queue()

        def hand_over(item: Any) -> None:
            with suppress(RuntimeError):  # the caller's loop has ended, so nobody waits
                caller.call_soon_threadsafe(arrived.put_nowait, item)

        request = self._pump({"prompt_token_ids": list(tokens)}, parameters, hand_over)
        try:
            task = asyncio.run_coroutine_threadsafe(request, self._loop)
        except RuntimeError as error:
            request.close()
            raise self._closed() from error
        task.add_done_callback(lambda _: hand_over(self._closed()))  # read only by a caller that still waits
        try:
            while self.stop.alive and (item := await arrived.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
            if not self.stop.alive:
                raise self._closed()
        finally:
            task.cancel()

    async def _pump(self, prompt: dict[str, Any], parameters: Any, hand_over: Callable[[Any], None]) -> None:
        """Runs in the engine's loop. Hands over every output, then None or the error that ended the request."""
        try:
            async with aclosing(self._engine.generate(prompt, parameters, f"rag-{next(self._numbers)}")) as outputs:
                async for output in outputs:
                    hand_over(output)
            hand_over(None)
        except refusals() as error:
            hand_over(error)
        except Exception as error:  # noqa: BLE001 (handed to the caller)
            hand_over(self._died(error))

    def _closed(self) -> ModelError:
        return ModelError(f"{self._name} was closed before its answer was complete.")

    def _died(self, error: Exception) -> ModelError:
        if not self.stop.alive:
            return self._closed()
        cause = " ".join(str(error).split())[:WORDS_OF_A_CAUSE] or type(error).__name__
        died = ModelError(f"{self._name} stopped before its answer was complete: {cause} Ask again: the model is loaded again.")
        died.__cause__ = error
        return died


def settings_on_a_cpu() -> dict[str, str]:
    """Environment variables that make vLLM faster on this CPU. They apply unless the user sets them."""
    return {"VLLM_CPU_NUM_OF_RESERVED_CPU": "0"} if usable_cores() <= FEW_CORES else {}


def refusals() -> tuple[type[Exception], ...]:
    """The exceptions of vLLM for an invalid request. Older versions raise ValueError."""
    from vllm import exceptions

    newer = getattr(exceptions, "VLLMClientError", None)
    return (ValueError, newer) if newer else (ValueError,)


async def _load(options: Mapping[str, Any]) -> Any:
    """Load the engine. Runs in its loop, to which its background tasks belong."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.update(NO_TELEMETRY)
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.async_llm import AsyncLLM

    defaults: dict[str, Any] = {"enable_prefix_caching": True, "disable_log_stats": True, "use_tqdm_on_load": False}
    if current_platform.is_cpu():
        defaults["enforce_eager"] = True  # compiling takes minutes and a C++ compiler
        if lacks_bfloat16():
            defaults["dtype"] = "float32"
        for name, value in settings_on_a_cpu().items():
            os.environ.setdefault(name, value)
        if "VLLM_CPU_KVCACHE_SPACE" not in os.environ and "gpu_memory_utilization" not in options:
            defaults["kv_cache_memory_bytes"] = CACHE_ON_A_CPU
    with _ignoring_control_c():
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**{**defaults, **options}))


async def _tokenizer(engine: Any) -> Any:
    """The tokenizer, which some versions of vLLM return as an awaitable."""
    found = engine.get_tokenizer()
    return await found if inspect.isawaitable(found) else found


@contextmanager
def _ignoring_control_c() -> Iterator[None]:
    """Processes that this thread starts meanwhile ignore Ctrl-C, which should end an answer and not the model.

    Python's resource tracker is started first. If multiprocessing started it, it would unblock Ctrl-C again.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


def _result(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> Any:
    return result_of(asyncio.run_coroutine_threadsafe(coroutine, loop))


def _stop(engine: Any, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Stop the engine. Running requests end with an error first."""
    if thread is threading.current_thread():  # the last reference was dropped here, and a thread cannot join itself
        threading.Thread(target=_stop, args=(engine, loop, thread)).start()
        return
    with suppress(RuntimeError):
        _result(loop, _cancel_all())
    engine.shutdown()
    _end(loop, thread)


async def _cancel_all() -> None:
    """Cancel the requests, and vLLM's own task for outputs, which would report the end of the model's process as an error."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=SECONDS_TO_CANCEL)


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    with suppress(RuntimeError):  # it has ended
        loop.call_soon_threadsafe(loop.stop)
    thread.join()
