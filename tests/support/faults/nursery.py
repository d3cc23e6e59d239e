"""A process that has imported everything and makes children by forking, so that a child costs milliseconds.

`Nursery` talks to it: a request is a line of JSON, and so is the answer. A child performs one act (a function of
`acts.py` or `crowd.py`) under the conditions asked for, and is killed, starved or left to end by itself.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

SUPPORT = Path(__file__).resolve().parent.parent
SECONDS_UNTIL_IT_HANGS = 20.0
PIPE_BYTES = 1 << 20
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: by which signal (0: by itself), what its act returned or raised, and what it printed.

    `error` is the name of what was raised, `message` its text; `is_rag_error` tells whether groundtext raised it on purpose.
    """

    signal: int
    hung: bool
    seconds: float
    printed: str
    value: object = None
    error: str = ""
    message: str = ""
    is_rag_error: bool = False
    traceback: str = ""
    cpu: float = 0.0

    def result(self):
        """What the act returned. Raises AssertionError, with what happened instead, where it did not return."""
        assert not self.hung, f"it did not end within its time\n{self.printed}"
        assert not self.signal, f"it died by {signal.Signals(self.signal).name}\n{self.printed}"
        assert not self.error, f"{self.error}: {self.message}\n{self.traceback}\n{self.printed}"
        return self.value


class Nursery:
    """The parent's side. `limits`: seconds before a child counts as hung."""

    def __init__(self):
        self._cache = TemporaryDirectory(prefix="groundtext-cache-")
        Path(self._cache.name).chmod(0o777)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAG_CACHE": self._cache.name}
        environment |= {"PYTHONPATH": os.pathsep.join(map(str, (SUPPORT.parents[1], SUPPORT)))}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def start(self, act, *, kill_at=0, linger=0.0, limit_bytes=None, limit_memory=None, uid=None, **arguments):
        """Fork a child that performs `act(**arguments)`; returns its process id.

        It kills itself `linger` seconds after the point number `kill_at` (see `points.py`); `limit_bytes` is the largest
        size that a file of its may have, `limit_memory` the most memory that it may map; `uid` is who it shall be.
        """
        limits = {"limit_bytes": limit_bytes, "limit_memory": limit_memory}
        conditions = {"kill_at": kill_at, "linger": linger, "limits": limits, "uid": uid}
        return self._ask({"do": "start", "act": act, "arguments": arguments, **conditions})["pid"]

    def wait(self, pid, *, kill_after=None, limit=SECONDS_UNTIL_IT_HANGS):
        """How the child ended. With `kill_after`, it is killed (-9) so many seconds after the call unless it has ended."""
        return Ended(**self._ask({"do": "wait", "pid": pid, "kill_after": kill_after, "limit": limit}))

    def run(self, act, *, kill_after=None, limit=SECONDS_UNTIL_IT_HANGS, **arguments):
        """`start` and `wait`."""
        return self.wait(self.start(act, **arguments), kill_after=kill_after, limit=limit)

    def close(self):
        """End the process, and with it all children."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._cache.cleanup()

    def _ask(self, request):
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the nursery died over {request}"
        return json.loads(answer)


@lru_cache
def the_nursery():
    """One for the whole test run; it ends with it."""
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery


# the other side


@dataclass(slots=True)
class Child:
    """A child that has not been waited for; `outcome` and `printed` are open files."""

    pid: int
    watch: int
    outcome: int
    printed: int
    started: float


def serve():
    """Answer requests until stdin ends."""
    children = {}
    answers = os.fdopen(os.dup(1), "wb")
    try:
        for line in sys.stdin.buffer:
            request = json.loads(line)
            if request["do"] == "start":
                child = bear(request)
                children[child.pid] = child
                answer = {"pid": child.pid}
            else:
                answer = collect(children.pop(request["pid"]), request["kill_after"], request["limit"])
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()
    finally:
        for child in children.values():
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)


def bear(request):
    outcome = os.memfd_create("outcome")
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # so that nothing printed has to wait for a reader
    pid = os.fork()
    if not pid:
        try:
            live(request, outcome, writing)
        finally:
            os._exit(70)  # only where `live` itself failed
    os.close(writing)
    return Child(pid, os.pidfd_open(pid), outcome, reading, time.perf_counter())


def live(request, outcome, printed):
    """The life of a child: conditions, act, outcome."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no child outlives the nursery
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(source, target)
    from faults import acts, crowd, points

    act = getattr(acts, request["act"], None) or getattr(crowd, request["act"])
    if request["uid"] is not None:
        acts.rehearse()  # what is imported late may lie where another user cannot read
        os.setgroups([])
        os.setgid(request["uid"])
        os.setuid(request["uid"])
    if request["kill_at"]:
        points.watch(kill_at=request["kill_at"], linger=request["linger"])
    told = perform(act, request["arguments"], **request["limits"])
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(outcome, json.dumps(told, default=repr).encode())
    os._exit(0)


def perform(act, arguments, *, limit_bytes, limit_memory):
    """What the act returns or raises, as JSON-ready values."""
    if limit_memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_memory, resource.RLIM_INFINITY))
    from rag.errors import RagError

    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, allowed[1]))
    try:
        told = {"value": act(**arguments)}
    except BaseException as error:  # noqa: BLE001 (told to the parent, which judges it)
        import traceback

        text = "".join(traceback.format_exception(error))
        told = {"error": type(error).__name__, "message": str(error), "traceback": text}
        told["is_rag_error"] = isinstance(error, RagError)
    resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    return told


def collect(child, kill_after, limit):
    """Wait for the end of a child, and bring it about after `kill_after` or `limit` seconds."""
    ended = bool(select.select([child.watch], [], [], limit if kill_after is None else kill_after)[0])
    if not ended:
        os.kill(child.pid, signal.SIGKILL)
    _, status, usage = os.wait4(child.pid, 0)
    told = os.pread(child.outcome, os.fstat(child.outcome).st_size, 0)
    printed = b""
    os.set_blocking(child.printed, False)
    try:
        while block := os.read(child.printed, PIPE_BYTES):
            printed += block
    except BlockingIOError:
        pass  # a grandchild, which ends by itself, has it open too
    for file in (child.watch, child.outcome, child.printed):
        os.close(file)
    code = os.waitstatus_to_exitcode(status)
    return {
        "signal": max(0, -code),
        "hung": not ended and kill_after is None,
        "seconds": time.perf_counter() - child.started,
        "cpu": usage.ru_utime + usage.ru_stime,
        "printed": printed.decode(errors="replace"),
        **(json.loads(told) if told and code == 0 else {}),
        **({"error": "Exit", "message": f"ended with {code}"} if code > 0 else {}),
    }


if __name__ == "__main__":
    sys.path.insert(0, str(SUPPORT))
    import_module("faults.acts").warm_up()
    serve()
