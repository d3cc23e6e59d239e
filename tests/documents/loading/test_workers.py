"""The worker processes that read files survive their parsers, and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

import rag
from rag.documents.loading import workers
from rag.documents.loading.workers import Limits
from rag.errors import RagError, UsageError
from rag.reading import MOST_MEMORY, MOST_SECONDS

pytestmark = [pytest.mark.own_workers, pytest.mark.slow]


def files(folder, *names) -> list[str]:
    """Small text files that hold their own names."""
    for name in names:
        (folder / name).write_text(name, encoding="utf-8")
    return [str(folder / name) for name in names]


def with_parser(code: str, monkeypatch) -> None:
    """From here on, workers parse with `parse(text, passwords)`, which the code defines; it returns the document's text."""
    program = (
        "import os, signal, subprocess, sys, time\nfrom rag.documents.loading import worker\nfrom rag.types import Document\n"
        f"{code}\n"
        "def load_bytes(content, *, source, passwords=()):\n"
        "    return Document(parse(content.decode(), passwords), source, 'title')\n"
        "worker.load_bytes = load_bytes\nworker.main()\n"
    )
    monkeypatch.setattr(workers, "WORKER", [sys.executable, "-c", program])


def with_process(code: str, monkeypatch) -> None:
    """From here on, workers are processes that report that they are ready and then run the code."""
    monkeypatch.setattr(workers, "WORKER", [sys.executable, "-c", f"import sys\nprint('ready', flush=True)\n{code}"])


def outcome(one) -> str:
    return one.failure.status if one.failure else one.document.text


# order, limits


@pytest.mark.parametrize(
    "limits",
    [{"seconds": value} for value in (float("inf"), float("nan"), 1e10, 0, -1.0, "5")]
    + [{"memory": value} for value in (2**63, 0, 1e9, None)]
    + [{"characters": value} for value in (0, float("inf"), True)],
)
def test_impossible_limits_are_refused_before_any_file_is_read(limits):
    with pytest.raises(UsageError, match=next(iter(limits))):
        Limits(**limits)


def test_the_largest_limits_are_kept(tmp_path):
    largest = Limits(MOST_SECONDS, MOST_MEMORY, sys.maxsize)
    assert outcome(*workers.load_all(files(tmp_path, "a.txt"), limits=largest)) == "a.txt"


def test_many_files_come_back_in_order_from_several_workers(tmp_path):
    paths = files(tmp_path, *(f"{n}.txt" for n in range(25)))
    assert [(one.source, one.document.text) for one in workers.load_all(paths, jobs=2)] == [(p, Path(p).name) for p in paths]


def test_little_text_waits_to_be_taken_and_nothing_is_stuck(tmp_path, monkeypatch):
    waiting = []
    put = workers._Shelf.put

    def put_and_look(shelf, one):
        put(shelf, one)
        waiting.append(shelf._characters)

    monkeypatch.setattr(workers._Shelf, "put", put_and_look)
    monkeypatch.setattr(workers, "AHEAD_CHARACTERS", 1)
    paths = files(tmp_path, *(f"{n:02}.txt" for n in range(25)))
    assert [outcome(one) for one in workers.load_all(paths, jobs=2)] == [Path(path).name for path in paths]
    assert max(waiting) <= 3 * len("00.txt")


def test_a_hanging_parser_costs_one_file(tmp_path, monkeypatch):
    with_parser("def parse(text, _):\n    while text == 'b.txt': pass\n    return text", monkeypatch)
    outcomes = list(workers.load_all(files(tmp_path, "a.txt", "b.txt", "c.txt"), jobs=1, limits=Limits(seconds=0.5)))
    assert [outcome(one) for one in outcomes] == ["a.txt", "timeout", "c.txt"]
    assert "b.txt took longer than 0.5 s. Split it, or allow more." in outcomes[1].failure.message


@pytest.mark.parametrize(
    "grow",
    [
        "x = []\n        while True: x.append(bytearray(10_000_000))",
        "bytearray(100_000_000_000)",
        "x = []\n        try:\n            while True: x.append(bytearray(10_000_000))\n"
        "        except MemoryError as error: raise worker.DocumentError('broken', status='corrupt') from error",
    ],
    ids=["little by little", "at once", "taken for a flaw of the file"],
)
def test_a_file_that_needs_too_much_memory_is_too_large(tmp_path, monkeypatch, grow):
    with_parser(f"def parse(text, _):\n    if text == 'b.txt':\n        {grow}\n    return text", monkeypatch)
    outcomes = list(workers.load_all(files(tmp_path, "a.txt", "b.txt", "c.txt"), jobs=1, limits=Limits(memory=200 * 2**20)))
    assert [outcome(one) for one in outcomes] == ["a.txt", "too-large", "c.txt"]
    assert "needs more memory than the limit. Split it, or allow more." in outcomes[1].failure.message


def test_death_by_refused_memory_is_told_from_a_crash(tmp_path, monkeypatch):
    code = (
        "def parse(text, _):\n    x = []\n    try:\n"
        "        while text == 'b.txt': x.append(bytearray(5_000_000)); time.sleep(.01)\n"
        "    except MemoryError: os.abort()\n    os.abort()"
    )
    with_parser(code, monkeypatch)
    outcomes = list(workers.load_all(files(tmp_path, "a.txt", "b.txt"), jobs=1, limits=Limits(memory=200 * 2**20)))
    assert [outcome(one) for one in outcomes] == ["corrupt", "too-large"]
    assert "b.txt took more memory than the limit" in outcomes[1].failure.message


def test_a_worker_that_the_system_ended_had_no_more_memory(tmp_path, monkeypatch):
    with_parser("def parse(text, _): os.kill(os.getpid(), signal.SIGKILL)", monkeypatch)
    assert [outcome(one) for one in workers.load_all(files(tmp_path, "a.txt"))] == ["too-large"]


def test_libraries_may_map_far_more_than_a_file_may_take(tmp_path, monkeypatch):
    code = "import mmap\nreserved = mmap.mmap(-1, 2**32, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)\ndef parse(text, _): return text"
    with_parser(code, monkeypatch)
    (one,) = workers.load_all(files(tmp_path, "a.txt"), limits=Limits(memory=200 * 2**20))
    assert outcome(one) == "a.txt"


def test_a_text_without_end_is_too_large(tmp_path):
    (tmp_path / "long.txt").write_text("word " * 300, encoding="utf-8")
    paths = [str(tmp_path / "long.txt"), *files(tmp_path, "a.txt")]
    long, short = workers.load_all(paths, limits=Limits(characters=1000))
    assert (outcome(long), outcome(short)) == ("too-large", "a.txt")
    assert "has 1,500 characters, more than the limit of 1,000. Split it." in long.failure.message


def test_metadata_without_end_are_too_large(tmp_path, monkeypatch):
    with_parser(
        "def parse(text, _): return text\n"
        "from dataclasses import replace\n"
        "described = worker._described\n"
        "def much(document, path):\n"
        "    document, *rest = described(document, path)\n"
        "    return replace(document, metadata={'note': 'x' * 2_000_000}), *rest\n"
        "worker._described = much",
        monkeypatch,
    )
    (one,) = workers.load_all(files(tmp_path, "a.txt"), limits=Limits(characters=1000))
    assert outcome(one) == "too-large"


# deaths


@pytest.mark.parametrize(
    "death",
    ["os.abort()", "os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(0)"],
    ids=["abort", "segmentation fault", "exit"],
)
def test_a_worker_that_dies_costs_its_file_and_no_other(tmp_path, monkeypatch, death):
    with_parser(f"def parse(text, _):\n    if text == 'bad.txt': {death}\n    return text", monkeypatch)
    outcomes = list(workers.load_all(files(tmp_path, "a.txt", "bad.txt", "c.txt", "d.txt"), jobs=2))
    assert [outcome(one) for one in outcomes] == ["a.txt", "corrupt", "c.txt", "d.txt"]


def test_a_worker_is_kept_until_it_has_grown(tmp_path, monkeypatch):
    with_parser("def parse(text, _): return str(os.getpid())", monkeypatch)
    paths = files(tmp_path, "a.txt", "b.txt", "c.txt")
    assert len({outcome(one) for one in workers.load_all(paths, jobs=1)}) == 1
    monkeypatch.setattr(workers, "RETIRED_FROM", 0)
    assert len({outcome(one) for one in workers.load_all(paths, jobs=1)}) == 3


@pytest.mark.parametrize(
    "answer",
    ["no JSON", "[]", "{}", '{"stamp": null}', '{"stamp": null, "error": {"status": 1}}', "[" * 100_000, '{"stamp": null}{}',
     '{"stamp": null, "document": {"text": "t", "source": "s", "title": "t", "headings": [], "places": {"unit": 1}}}'],
)  # fmt: skip
def test_a_parser_with_a_strange_answer_costs_its_file(monkeypatch, answer):
    with_process(f"for line in sys.stdin: print({answer!r}, flush=True)", monkeypatch)
    (one,) = workers.load_all(["a"])
    assert (one.document, one.failure.source, one.failure.status) == (None, "a", "corrupt")


def test_an_answer_without_end_is_cut_off(monkeypatch):
    with_process("sys.stdin.readline()\nwhile True: sys.stdout.write('x' * 100_000)", monkeypatch)
    (one,) = workers.load_all(["a"], limits=Limits(characters=1000))
    assert outcome(one) == "too-large"


def test_a_library_that_prints_or_reads_stdin_does_no_harm(tmp_path, monkeypatch):
    code = "def parse(text, _):\n    subprocess.run('cat; echo noise; echo noise >&2', shell=True)\n    print('noise')\n    return text"
    with_parser(code, monkeypatch)
    paths = files(tmp_path, *(f"{n}.txt" for n in range(5)))
    assert [outcome(one) for one in workers.load_all(paths, jobs=1)] == [Path(path).name for path in paths]


def test_text_that_is_no_valid_unicode_comes_through(tmp_path, monkeypatch):
    with_parser(r"def parse(text, _): return 'a\ud800b\u2028\U0001f600'", monkeypatch)
    assert [outcome(one) for one in workers.load_all(files(tmp_path, "a.txt"))] == ["a\ud800b\u2028\U0001f600"]


# passwords


def test_passwords_reach_the_parser_out_of_others_sight(tmp_path, monkeypatch):
    code = (
        "from pathlib import Path\n"
        "def parse(text, passwords):\n"
        "    told = Path('/proc/self/cmdline').read_text() + Path('/proc/self/environ').read_text()\n"
        "    return repr((passwords, [word for word in passwords if word in told]))"
    )
    with_parser(code, monkeypatch)
    (one,) = workers.load_all(files(tmp_path, "a.txt"), passwords=["sesame 17", "päßwort"])
    assert outcome(one) == "(['sesame 17', 'päßwort'], [])"


# starting


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ([sys.executable, "-c", "raise ImportError('no parser here')"], "does not start: ImportError: no parser here"),
        ([sys.executable, "-c", "raise SystemExit(7)"], "does not start: exit code 7"),
        (["/nowhere/python"], "No such file or directory"),
    ],
)
def test_workers_that_do_not_start_are_one_error(index, folder, monkeypatch, command, cause):
    monkeypatch.setattr(workers, "WORKER", command)
    with pytest.raises(RagError, match=cause):
        rag.sync([folder], index=index)
    assert index.catalog.failures() == {}


def test_a_worker_that_says_nothing_at_all_is_given_up(monkeypatch):
    monkeypatch.setattr(workers, "WORKER", [sys.executable, "-c", "import time; time.sleep(600)"])
    monkeypatch.setattr(workers, "SECONDS_TO_START", 0.2)
    with pytest.raises(RagError, match="does not start"):
        list(workers.load_all(["a"]))


# the end of the main process

WHILE_PARSING = {
    "a child reads the page": "subprocess.run(['sh', '-c', f'exec sleep 600 >{fifo}'])",
    "a loop": "open(fifo, 'w')\n    while True: pass",
    "a regular expression": "kept = open(fifo, 'w')\n    import re; re.match('(a|aa)+$', 'a' * 200 + 'b')",
}


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda ending: ending.name)
@pytest.mark.parametrize("parsing", WHILE_PARSING.values(), ids=WHILE_PARSING)
def test_no_process_outlives_the_main_one(tmp_path, monkeypatch, parsing, ending):
    """The parser's processes hold a pipe open, which ends when the last of them has ended."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    if parsing.startswith("open"):
        parsing = f"kept = {parsing}"
    with_parser(f"fifo = {str(fifo)!r}\ndef parse(text, _):\n    {parsing}", monkeypatch)
    program = (
        "import json, sys\nfrom contextlib import closing\nfrom rag.documents.loading import workers\n"
        "workers.WORKER = json.loads(sys.argv[1])\n"
        "with closing(workers.load_all(sys.argv[2:], jobs=2)) as loaded: list(loaded)"
    )
    command = [sys.executable, "-c", program, json.dumps(workers.WORKER), *files(tmp_path, "a.txt")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as main, fifo.open() as held:
        main.send_signal(ending)
        assert held.read() == ""
        assert main.wait() != 0


def test_a_run_that_is_given_up_leaves_no_process(tmp_path, monkeypatch):
    with_parser("def parse(text, _): return str(os.getpid())", monkeypatch)
    loaded = workers.load_all(files(tmp_path, *(f"{n}.txt" for n in range(20))), jobs=2)
    pids = {int(outcome(next(loaded))) for _ in range(4)}
    loaded.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
