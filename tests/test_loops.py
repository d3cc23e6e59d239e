"""Asynchronous work for callers who do not await, among them cells of a notebook, in whose thread a loop runs."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from rag.pipelines.loops import run


@pytest.fixture
def as_in_a_notebook():
    """Runs a function inside a running loop, where Ctrl-C raises KeyboardInterrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    loop = asyncio.new_event_loop()

    def cell(work):
        async def inside():
            return work()

        return loop.run_until_complete(inside())

    yield cell
    loop.close()
    signal.signal(signal.SIGINT, before)


async def _seven():
    await asyncio.sleep(0)
    return 7


def test_work_is_done_with_and_without_a_running_loop(as_in_a_notebook):
    assert run(_seven()) == as_in_a_notebook(lambda: run(_seven())) == 7


def test_an_error_of_the_work_is_the_callers(as_in_a_notebook):
    async def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        as_in_a_notebook(lambda: run(fails()))


def test_an_interrupted_cell_ends_its_work_before_it_returns(as_in_a_notebook):
    ended = []

    async def endless():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # as closing a connection does
            ended.append(True)

    def cell():
        with pytest.raises(KeyboardInterrupt):
            run(endless())
        return list(ended)

    assert as_in_a_notebook(cell) == [True]
