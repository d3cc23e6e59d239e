"""Asynchronous work for callers who do not await, among them cells of a notebook, in whose thread a loop runs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest
from fresh_process import run_python

from rag.system.loops import run, stream


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


async def _numbers():
    for number in range(3):
        yield number
        await asyncio.sleep(0)


async def _endless(ended):
    try:
        yield "first"
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ended.append("ended")


def _interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_stream_is_in_order_with_and_without_a_running_loop(as_in_a_notebook):
    assert list(stream(_numbers())) == as_in_a_notebook(lambda: list(stream(_numbers()))) == [0, 1, 2]


def test_any_value_may_be_streamed():
    values = [None, (), ZeroDivisionError("a value like others")]

    async def each():
        for value in values:
            yield value

    assert list(stream(each())) == values


def test_an_error_in_a_stream_follows_the_parts_before_it():
    async def fails():
        yield 1
        raise ZeroDivisionError

    come = []
    with pytest.raises(ZeroDivisionError):
        come.extend(stream(fails()))
    assert come == [1]


@pytest.mark.parametrize("in_a_notebook", [False, True])
def test_leaving_off_a_stream_early_ends_its_work(as_in_a_notebook, in_a_notebook):
    ended = []

    def leave_off():
        for _ in stream(_endless(ended)):
            break
        return list(ended)

    assert (as_in_a_notebook(leave_off) if in_a_notebook else leave_off()) == ["ended"]


@pytest.mark.parametrize("in_a_notebook", [False, True])
def test_an_interrupted_wait_for_a_stream_ends_its_work(as_in_a_notebook, in_a_notebook):
    ended = []

    async def interrupts():
        async for item in _endless(ended):
            yield item
            _interrupt()

    def wait():
        with pytest.raises(KeyboardInterrupt):
            list(stream(interrupts()))
        return list(ended)

    assert (as_in_a_notebook(wait) if in_a_notebook else wait()) == ["ended"]


def test_an_interrupt_between_two_items_ends_the_work(as_in_a_notebook):
    ended = []

    def consume():
        for _ in stream(_endless(ended)):
            _interrupt()

    with pytest.raises(KeyboardInterrupt):
        as_in_a_notebook(consume)
    assert ended == ["ended"]


def _first_of_a_stream(ended):
    return next(stream(_endless(ended)))


def _run_to_the_end(ended):
    async def all_of_it():
        return [item async for item in _endless(ended)]

    return run(all_of_it())


@pytest.mark.parametrize("work", [_first_of_a_stream, _run_to_the_end])
@pytest.mark.parametrize("starts", [False, True])
def test_an_interrupted_start_leaves_nothing_running(as_in_a_notebook, monkeypatch, work, starts):
    threads, start = [], threading.Thread.start

    def interrupted(thread):
        if starts:
            start(thread)
            threads.append(thread)
        raise KeyboardInterrupt

    ended = []
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        as_in_a_notebook(lambda: work(ended))
    ended_before_it_was_raised = list(ended)
    for thread in threads:
        thread.join()
    assert ended == ended_before_it_was_raised


@pytest.mark.parametrize("work", [_first_of_a_stream, _run_to_the_end])
def test_a_loop_that_cannot_begin_is_an_error(as_in_a_notebook, monkeypatch, work):
    def no_loop():
        raise OSError("Too many open files")

    monkeypatch.setattr(asyncio.events, "new_event_loop", no_loop)
    with pytest.raises(OSError, match="Too many open files"):
        as_in_a_notebook(lambda: work([]))


def test_a_stream_that_is_never_asked_for_an_item_does_nothing():
    begun = []

    async def begins():
        begun.append(True)
        yield 1

    stream(begins()).close()
    assert begun == []


def test_an_interrupt_inside_the_work_leaves_no_report():
    code = (
        "import sys\nfrom rag.system.loops import run, stream\n"
        "async def interrupted():\n    raise KeyboardInterrupt\n"
        "async def items():\n    yield 1\n    raise KeyboardInterrupt\n"
        "for work in (lambda: run(interrupted()), lambda: list(stream(items()))):\n"
        "    try:\n        work()\n    except KeyboardInterrupt:\n        print('interrupted')\n"
    )
    assert run_python(code) == "interrupted\ninterrupted\n"  # and nothing on stderr, which run_python checks
