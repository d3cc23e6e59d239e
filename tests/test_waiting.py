"""The system may hand Ctrl-C to a thread that is not the main one; a wait for ever would then not end."""

from __future__ import annotations

import subprocess
import sys

import pytest

WAITS = {
    "of a stream": "list(stream(forever()))",
    "of work in a thread": "asyncio.new_event_loop().run_until_complete(within_a_loop())",
    "of work in an event loop": "run(asyncio.sleep(60))",
    "of a future": "result_of(Future())",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_signal_that_another_thread_receives_ends_the_wait(wait):
    program = f"""
import asyncio, signal, threading, time
from concurrent.futures import Future
from rag.pipelines.loops import run, stream
from rag.waiting import result_of

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
