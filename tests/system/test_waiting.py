"""Waits end with Ctrl-C even where the system delivers it to another thread."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from rag.system.waiting import as_completed, result_of, threads

pytestmark = pytest.mark.slow

WAITS = {
    "of a stream": "list(stream(forever()))",
    "of work in a thread": "asyncio.new_event_loop().run_until_complete(within_a_loop())",
    "of work in an event loop": "run(asyncio.sleep(60))",
    "of a future": "result_of(Future())",
    "of an event": "await_event(threading.Event())",
    "of one of several futures": "next(as_completed([Future(), Future()]))",
    "of the question's vector": "candidates('carp', index=SlowIndex())",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_signal_that_another_thread_receives_ends_the_wait(wait):
    program = f"""
import asyncio, signal, threading, time
from concurrent.futures import Future
from rag.system.loops import run, stream
from rag.retrieval.retrieve import candidates
from rag.system.waiting import as_completed, await_event, result_of

class SlowIndex:
    embedder = property(lambda self: self)

    def __len__(self):
        return 1

    def preload(self):
        pass

    def word_frequencies(self, words):
        return dict.fromkeys(words, 1)

    def embed_question(self, text):
        time.sleep(2)

signal.signal(signal.SIGINT, signal.default_int_handler)

async def forever():
    await asyncio.sleep(60)
    yield

async def within_a_loop():
    run(asyncio.sleep(60))

def interrupt():
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    {wait}
except KeyboardInterrupt:
    print("interrupted")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (ended.stdout, ended.returncode) == ("interrupted\n", 0), ended.stderr


def test_a_cancelled_or_failed_future_ends_the_wait():
    cancelled, timed_out = Future(), Future()
    cancelled.cancel()
    timed_out.set_exception(TimeoutError("its own"))
    with pytest.raises(CancelledError):
        result_of(cancelled)
    with pytest.raises(TimeoutError, match="its own"):
        result_of(timed_out)


def test_futures_come_as_they_are_done_each_once():
    first, second, third = Future(), Future(), Future()
    second.set_result(2)
    coming = as_completed([first, second, third])
    assert next(coming) is second
    third.cancel()
    assert next(coming) is third
    first.set_result(1)
    assert list(coming) == [first]


def test_leaving_a_pool_by_an_error_waits_for_no_call():
    begun, goes_on, later, given = threading.Event(), threading.Event(), [], []

    def work():
        begun.set()
        goes_on.wait(20)

    def leave():
        with threads(1) as pool:
            given.extend((pool.submit(work), pool.submit(later.append, 1)))
            assert begun.wait(20)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    running, waiting = given
    assert not running.done()
    goes_on.set()
    running.result(20)
    assert waiting.cancelled()
    assert later == []


def test_who_leaves_a_pool_otherwise_waits():
    done = []
    with threads(2) as pool:
        assert isinstance(pool, ThreadPoolExecutor)
        pool.submit(done.append, 1)
    assert done == [1]
