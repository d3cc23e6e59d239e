"""Worker processes that answer requests: a JSON line in, a line out. This module has both sides.

The main process asks a `Worker` of a `Pool`; the module in the child calls `serve`. A child ends when its stdin ends, even if the
main process was killed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, Literal, NoReturn

from rag.system.waiting import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

READY = b"ready\n"
"""The first line of a child that is ready for requests."""

SECONDS_TO_START = 60.0
SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_TO_END = 1.0
LONGEST_BLOCK = 2**20

PR_SET_PDEATHSIG = 1
"""From Linux's <sys/prctl.h>."""

RESIDENT, DATA = 1, 5
"""Columns of Linux's /proc/PID/statm."""


class StartError(Exception):
    """A process did not start. The message says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a process, or None and the reason.

    "interrupted": the worker was stopped. "killed": SIGKILL, which the system sends when memory runs out. "ended": any other end.
    `memory` is the peak of the process's data in bytes, sampled while it worked; 0 if it was not sampled.
    """

    line: bytearray | None
    reason: Literal["", "interrupted", "timed-out", "too-long", "killed", "ended"] = ""
    memory: int = 0


def module_command(module: str) -> list[str]:
    """The command that runs a module of the toolkit."""
    return [sys.executable, "-P", "-m", module]


class Worker:
    """A process that starts at the first request, and again after it has ended. One thread at a time may use it.

    `environment` is added to the environment of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        seconds_to_start: float = SECONDS_TO_START,
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment or {})
        self._seconds_to_start = seconds_to_start
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def memory(self) -> int:
        """Resident memory of the process in bytes; 0 if there is no process, or the system does not tell."""
        return _memory(self._process, RESIDENT) if self._process else 0

    def ask(self, request: Any, *, seconds: float = inf, most_bytes: float = inf) -> Reply:
        """Send a request and wait for the reply. A process whose reply is late or too long is killed. Raises StartError."""
        if self._process is not None and self._process.poll() is not None:  # it ended between two requests
            self.end()
        if self._process is None and not self._stopped.is_set():
            self._process = self._started()
        process = self._process
        if self._stopped.is_set() or process is None:  # stopped before or during the start
            return Reply(None, "interrupted")
        try:
            reply = _reply(process, json.dumps(request).encode() + b"\n", seconds, most_bytes)
        except BaseException:  # otherwise the next request would get this answer
            self.end()
            raise
        if reply.line is None:
            self.end()
        return reply

    def stop(self) -> None:
        """Kill the process, from any thread. Its request is interrupted, and no other process is started."""
        self._stopped.set()
        if self._process is not None:
            _kill(self._process)

    def end(self) -> None:
        """Kill the process and wait for its end. The next request starts a new one."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # data in the buffer is no longer needed
                    pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        return start(self._command, self._environment, seconds=self._seconds_to_start)


class Pool:
    """Workers for any number of threads, which wait for a free one. `stop` may be called at any time, and `close` after it."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = list(workers)
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in workers:
            self._idle.put(worker)

    @property
    def pids(self) -> set[int]:
        """The ids of the running processes."""
        pids = (worker.pid for worker in self._workers)
        return {pid for pid in pids if pid is not None}

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Lend a worker to one thread."""
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)

    def stop(self) -> None:
        """Kill all processes. Current and later requests are interrupted."""
        for worker in self._workers:
            worker.stop()

    def close(self) -> None:
        """Stop, then wait until all processes have ended and no thread uses a worker."""
        self.stop()
        free = [taken(self._idle) for _ in self._workers]
        for worker in free:
            worker.end()
            self._idle.put(worker)


def start(command: Sequence[str], environment: Mapping[str, str], *, seconds: float) -> subprocess.Popen[bytes]:
    """Start a process and wait until it is ready, at most `seconds`. Raises StartError, which names the cause."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    variables = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables,
            start_new_session=True,  # so that it ends with all its children, and Ctrl-C reaches neither
        )
    except OSError as error:
        raise StartError(str(error)) from error
    assert process.stdout is not None
    assert process.stderr is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        is_ready = process.stdout.readline() == READY
    finally:
        timer.cancel()
    with process.stderr as errors:
        if is_ready:
            return process
        process.kill()
        output = errors.read().decode(errors="replace").split("\n")
    with process:  # closes its other pipes
        code = process.wait()
    raise StartError(next((line.strip() for line in reversed(output) if line.strip()), f"exit code {code}"))


def _reply(process: subprocess.Popen[bytes], request: bytes, seconds: float, most_bytes: float) -> Reply:
    """Send a request and read the answer, within the limits of time and size."""
    assert process.stdin is not None
    assert process.stdout is not None
    until = time.monotonic() + seconds
    try:
        process.stdin.write(request)
        process.stdin.flush()
    except BrokenPipeError:
        return _ended(process, 0)
    answer, memory = bytearray(), 0
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if not poll.poll(1000 * min(left, SECONDS_BETWEEN_LOOKS)):
            memory = max(memory, _memory(process, DATA))
            continue
        block = os.read(process.stdout.fileno(), LONGEST_BLOCK)
        answer += block
        if not block:
            return _ended(process, memory)
        if block.endswith(b"\n"):
            return Reply(answer)
        if len(answer) > most_bytes:
            return Reply(None, "too-long", memory)
    return Reply(None, "timed-out", memory)


def _ended(process: subprocess.Popen[bytes], memory: int) -> Reply:
    with suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_END)
    return Reply(None, "killed" if process.returncode == -signal.SIGKILL else "ended", memory)


def _memory(process: subprocess.Popen[bytes], column: int) -> int:
    """Memory of a process in bytes; 0 if the system does not tell."""
    try:
        return int(Path(f"/proc/{process.pid}/statm").read_text("ascii").split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children."""
    if process.returncode is None:  # no other process can have its id yet
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()


# ---- the child


def serve(answer: Callable[[Any], bytes], *, ends_with_thread: bool) -> NoReturn:
    """Answer requests until stdin ends. `answer` turns a request into a line. Only the main process handles Ctrl-C.

    On Linux, `ends_with_thread` also ends the process when the thread that started it ends. That signal interrupts code that
    the reader of stdin cannot interrupt, such as a regular expression.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        # Libraries and their children must not print among the answers or read requests.
        # Until here, the main process reads from descriptor 2 why a worker could not start.
        os.dup2(os.open(os.devnull, mode), descriptor)
    _be_first_to_go(ends_with_thread=ends_with_thread)
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    answers.write(READY)
    answers.flush()
    while True:
        answers.write(answer(json.loads(waiting.get())))
        answers.flush()


def _receive(requests: IO[bytes], waiting: SimpleQueue[bytes]) -> None:
    """Read requests. This runs in a separate thread, to notice the end of the main process during a request."""
    for line in requests:
        waiting.put(line)
    end_with_children()


def _be_first_to_go(*, ends_with_thread: bool) -> None:
    """Write no core files, and be the first process that Linux kills when memory runs out."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGTERM, lambda *_: end_with_children())
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        if ends_with_thread:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_children() -> NoReturn:
    """End at once, with all children. They share the process group that the main process created for this process."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
