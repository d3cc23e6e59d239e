"""Processes that answer requests: whole answers, limits, and how they end."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

import pytest
from paths import ROOT

from rag.system import processes
from rag.system.processes import Pool, StartError, Worker

pytestmark = pytest.mark.slow

ECHO = "serve(lambda request: json.dumps(request).encode() + b'\\n', ends_with_thread=False)"
PID = "serve(lambda request: str(os.getpid()).encode() + b'\\n', ends_with_thread=False)"
HANG = "serve(lambda request: time.sleep(600), ends_with_thread=False)"


def command(code: str) -> list[str]:
    return [sys.executable, "-c", f"import json, os, signal, sys, time\nfrom rag.system.processes import serve\n{code}"]


@pytest.fixture
def worker_of():
    started = []

    def make(code, **options):
        started.append(Worker(command(code), **options))
        return started[-1]

    yield make
    for worker in started:
        worker.end()


@pytest.mark.parametrize(
    "request_", [{"a": [1, None]}, "", "a\nb\u2028\ud800", ["x" * 3_000_000]], ids=["object", "empty", "odd", "long"]
)
def test_requests_and_answers_come_through_whole(worker_of, request_):
    assert json.loads(worker_of(ECHO).ask(request_).line) == request_


def test_a_process_is_kept_for_the_next_request(worker_of):
    worker = worker_of(PID)
    assert worker.pid is None
    assert worker.ask(1).line == worker.ask(2).line == f"{worker.pid}\n".encode()
    assert worker.memory > 1_000_000


def test_one_that_was_ended_between_two_requests_costs_none(worker_of):
    worker = worker_of(PID)
    first = int(worker.ask(1).line)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert int(worker.ask(2).line) != first


@pytest.mark.parametrize(
    ("code", "options", "reason"),
    [
        (HANG, {"seconds": 0.2}, "timed-out"),
        ("print('ready', flush=True)\nwhile True: sys.stdout.write('x' * 10_000)", {"most_bytes": 100_000}, "too-long"),
        ("serve(lambda request: os.kill(os.getpid(), signal.SIGKILL), ends_with_thread=False)", {}, "killed"),
        ("serve(lambda request: os._exit(0), ends_with_thread=False)", {}, "ended"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_one_that_gives_no_answer_is_ended_and_the_reason_told(worker_of, code, options, reason):
    worker = worker_of(code)
    reply = worker.ask({}, **options)
    assert (reply.line, reply.reason, worker.pid) == (None, reason, None)


@pytest.mark.parametrize(
    ("started", "cause"),
    [
        (command("raise ImportError('no parser here')"), "ImportError: no parser here"),
        (command("raise SystemExit(7)"), "exit code 7"),
        (["/nowhere/python"], "/nowhere/python"),
        (command("time.sleep(600)"), "exit code -9"),
    ],
    ids=["error", "exit", "no program", "silent"],
)
def test_one_that_does_not_start_says_why(started, cause):
    with pytest.raises(StartError) as raised:
        Worker(started, seconds_to_start=1.0).ask({})
    assert cause in str(raised.value)


def test_an_interrupted_request_ends_the_process(worker_of, monkeypatch):
    worker = worker_of(ECHO)
    assert worker.ask("first").line == b'"first"\n'

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(processes.os, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.ask("second")
    assert worker.ask("third").line == b'"third"\n'


def test_a_stopped_pool_interrupts_requests_and_starts_nothing(worker_of):
    pool = Pool([worker_of(HANG), worker_of(HANG)])
    replies = []

    def ask():
        with pool.worker() as worker:
            replies.append(worker.ask({}))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    pool.close()
    for thread in threads:
        thread.join()
    assert [reply.line for reply in replies] == [None] * 3
    assert not pool.pids


def test_a_child_finds_this_package_wherever_it_is_started(worker_of, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    where = "import rag\nserve(lambda request: rag.__file__.encode() + b'\\n', ends_with_thread=False)"
    assert worker_of(where).ask({}).line == f"{ROOT / 'rag' / '__init__.py'}\n".encode()
