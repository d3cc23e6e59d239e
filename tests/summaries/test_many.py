"""Many documents: the model is busy, finished calls are kept, and a failure costs one document."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress

import pytest
from click.testing import CliRunner
from llm_server import LlmServer, Refused
from paths import ROOT
from summary_models import SummaryModel, VerbatimVerifier, facts, first_sentences, shown

import rag
from rag.cli import main
from rag.errors import CallStoreError, ModelError, RagError, UsageError
from rag.models.call_store import CallStore, Reply, call_key
from rag.models.calls import Calls, Slots
from rag.models.kept import KeptGenerator
from rag.sampling import Sampling
from rag.summaries.folder import LOG, SummaryFolder, file_name
from rag.types import Document, Message, Usage

LIMITED = 1024


def documents(count: int, *, sentences: int = 60) -> list[Document]:
    return [Document(facts(sentences, seed=seed), f"d{seed}.txt", f"D{seed}") for seed in range(count)]


def all_of(sources, model, tmp_path, **options):
    return list(rag.summarize_many(sources, llm=model, calls=tmp_path / "calls.sqlite", verifier=VerbatimVerifier(), **options))


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        (folder / f"t{number}.txt").write_text(facts(90, seed=number), encoding="utf-8")
    return folder


def test_all_documents_are_summarized_and_the_model_is_kept_busy(tmp_path):
    model = SummaryModel(first_sentences, window=LIMITED, parallel=8, together=8)
    summaries = all_of(documents(6), model, tmp_path)
    assert sorted(summary.source for summary in summaries) == [f"d{n}.txt" for n in range(6)]
    assert model.most_at_once == 8
    assert not model.closed


def test_summaries_are_those_of_each_document_alone(tmp_path):
    together = {s.source: s.text for s in all_of(documents(5), SummaryModel(first_sentences, window=LIMITED), tmp_path)}
    for one in documents(5):
        alone = rag.summarize(
            one, llm=SummaryModel(first_sentences, window=LIMITED), calls=tmp_path / "other.sqlite", verifier=VerbatimVerifier()
        )
        assert alone.text == together[one.source]


def test_documents_that_came_first_finish_first(tmp_path):
    model = SummaryModel(first_sentences, window=LIMITED, parallel=2)
    order = [summary.source for summary in all_of(documents(8), model, tmp_path)]
    assert order.index("d0.txt") < order.index("d7.txt")
    assert "d7.txt" not in order[:3]


def test_a_merge_starts_before_all_pieces_are_mapped(tmp_path):
    text, merging = facts(300), asyncio.Event()

    class WaitsWithTheLastPiece(SummaryModel):
        async def stream(self, prompt, sampling):
            if "sums up parts" in prompt.messages[0].content:
                merging.set()
            if shown(prompt.messages).strip() and text.endswith(shown(prompt.messages)):
                await asyncio.wait_for(merging.wait(), 60)
            async for piece in super().stream(prompt, sampling):
                yield piece

    model = WaitsWithTheLastPiece(first_sentences, window=LIMITED)
    one = Document(text, "d.txt", "D")
    assert rag.summarize(one, llm=model, calls=tmp_path / "c.sqlite", verifier=VerbatimVerifier()).levels >= 3


def test_refining_many_documents_advances_in_step(tmp_path):
    model = SummaryModel(first_sentences, window=LIMITED, parallel=4, together=4)
    summaries = all_of(documents(4), model, tmp_path, chain="refine", words=40)
    assert len(summaries) == 4
    assert model.most_at_once == 4


def test_few_documents_are_held_at_a_time(tmp_path):
    held, most = set(), 0

    def answer(messages):
        nonlocal most
        most = max(most, len(held))
        return first_sentences(messages)

    class Watching:
        def expect(self, unit, count):
            if unit == "tokens":
                held.add(object())
            else:
                assert (unit, count) == ("documents", 60)

        def advance(self, unit, count=1):
            if unit == "documents":
                held.pop()

    model = SummaryModel(answer, window=LIMITED, parallel=2)
    assert len(all_of(documents(60, sentences=30), model, tmp_path, progress=Watching())) == 60
    assert most <= 10


def test_a_call_is_not_made_twice_and_fresh_makes_it_again(tmp_path):
    sources = documents(3)
    first = SummaryModel(first_sentences, window=LIMITED)
    all_of(sources, first, tmp_path)
    again = SummaryModel(first_sentences, window=LIMITED)
    reused = all_of(sources, again, tmp_path)
    assert again.prompts == []
    assert all(summary.reused_calls == summary.calls > 1 for summary in reused)
    fresh = SummaryModel(first_sentences, window=LIMITED)
    all_of(sources, fresh, tmp_path, fresh=True)
    assert len(fresh.prompts) == len(first.prompts)


def test_a_changed_end_of_a_document_asks_only_about_the_new(tmp_path):
    first = SummaryModel(first_sentences, window=LIMITED)
    text = facts(300)
    all_of([Document(text, "d.txt", "D")], first, tmp_path)
    second = SummaryModel(first_sentences, window=LIMITED)
    all_of([Document(text[:-200] + "The end was changed in 1999.", "d.txt", "D")], second, tmp_path)
    assert 0 < len(second.prompts) < len(first.prompts) / 2


def test_the_same_call_twice_at_once_is_made_once(tmp_path):
    copies = [Document(facts(60), f"copy{n}.txt", "D") for n in range(4)]
    model = SummaryModel(first_sentences, window=LIMITED, parallel=16)
    summaries = all_of(copies, model, tmp_path)
    assert len(model.prompts) == summaries[0].calls
    assert sum(summary.reused_calls for summary in summaries) == 3 * len(model.prompts)


def test_an_interrupted_run_goes_on_and_pays_for_nothing_twice(tmp_path):
    undisturbed = SummaryModel(first_sentences, window=LIMITED)
    all_of(documents(20, sentences=40), undisturbed, tmp_path / "other")
    answered = 0

    def dies(messages):
        nonlocal answered
        answered += 1
        if answered > len(undisturbed.prompts) // 2:
            raise KeyboardInterrupt
        return first_sentences(messages)

    with pytest.raises(KeyboardInterrupt):
        all_of(documents(20, sentences=40), SummaryModel(dies, window=LIMITED), tmp_path)
    resumed = SummaryModel(first_sentences, window=LIMITED)
    assert len(all_of(documents(20, sentences=40), resumed, tmp_path)) == 20
    assert len(resumed.prompts) + len(undisturbed.prompts) // 2 <= 1.02 * len(undisturbed.prompts)


def test_leaving_off_stops_the_run(tmp_path):
    model = SummaryModel(first_sentences, window=LIMITED, parallel=2)
    with closing(rag.summarize_many(documents(200), llm=model, calls=tmp_path / "calls.sqlite")) as summaries:
        next(summaries)
    assert len(model.prompts) < 200
    assert not any(thread.name == "summaries" for thread in threading.enumerate())


def test_a_document_that_fails_costs_itself(tmp_path, texts):
    (texts / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")

    def refuses_one(messages):
        if shown(messages) in facts(90, seed=1):
            raise ModelError("The server is tired. Ask again.")
        return first_sentences(messages)

    outcomes = all_of([texts], SummaryModel(refuses_one, window=LIMITED), tmp_path)
    failed = {outcome.source.rsplit("/", 1)[1]: outcome for outcome in outcomes if isinstance(outcome, rag.FailedSummary)}
    assert sorted(failed) == ["broken.pdf", "t1.txt"]
    assert (failed["t1.txt"].status, failed["t1.txt"].error) == ("model", "The server is tired. Ask again.")
    assert failed["broken.pdf"].status == "corrupt"
    assert len(outcomes) == 4


def test_what_nobody_expects_ends_the_run_with_its_error(tmp_path):
    def breaks(messages):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        all_of(documents(3), SummaryModel(breaks), tmp_path)


def test_nothing_to_sum_up_is_told(tmp_path):
    with pytest.raises(UsageError, match="Nothing to sum up"):
        all_of([], SummaryModel(first_sentences), tmp_path)
    with pytest.raises(UsageError, match="There is no file or folder"):
        all_of([tmp_path / "nowhere.txt"], SummaryModel(first_sentences), tmp_path)


def test_summaries_can_be_awaited_one_by_one(tmp_path):
    async def inside():
        stream = rag.asummarize_many(documents(3), llm=SummaryModel(first_sentences), calls=tmp_path / "calls.sqlite")
        return [summary.source async for summary in stream]

    assert sorted(asyncio.run(inside())) == ["d0.txt", "d1.txt", "d2.txt"]


def test_a_generator_that_gives_whole_answers_is_asked_for_them(tmp_path):
    class Whole(SummaryModel):
        gives_whole_answers = True

        async def complete(self, prompt, sampling):
            self.prompts.append(prompt)
            return first_sentences(prompt.messages), Usage(5, 5)

        async def stream(self, prompt, sampling):
            raise AssertionError("streamed")
            yield

    assert rag.summarize(documents(1)[0], llm=Whole(first_sentences), calls=tmp_path / "c.sqlite").sentences


def test_slots_are_given_to_the_lowest_turn_and_never_lost(tmp_path):
    order = []

    async def one(slots, turn):
        async with slots.taken((turn,)):
            order.append(turn)
            await asyncio.sleep(0)

    async def several():
        slots = Slots(1)
        tasks = [asyncio.create_task(one(slots, turn)) for turn in (0, 5, 3, 4)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return slots.free

    assert asyncio.run(several()) == 1
    assert order == [0, 4, 5]


MESSAGES = (Message("user", "Sum it up."),)


def test_the_key_of_a_call_depends_on_model_messages_and_options():
    base = call_key("m", MESSAGES, Sampling())
    assert base == call_key("m", MESSAGES, Sampling())
    assert base != call_key("n", MESSAGES, Sampling())
    assert base != call_key("m", (Message("system", "Sum it up."),), Sampling())
    assert base != call_key("m", MESSAGES, Sampling(max_tokens=7))
    assert base != call_key("m", MESSAGES, Sampling(seed=7))


def test_calls_outlive_a_kill_and_several_processes_share_a_file(tmp_path):
    code = (
        "import sys, os, signal\nfrom rag.models.call_store import CallStore, Reply\nfrom rag.types import Usage\n"
        "store = CallStore(sys.argv[1])\n"
        "for n in range(50): store.keep(f'{sys.argv[2]}{n}'.encode(), Reply(str(n), Usage(1, 2)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "calls.sqlite"
    started = [subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT) for name in "ab"]
    assert [process.wait() for process in started] == [-signal.SIGKILL] * 2
    with CallStore(path) as store:
        assert all(store.find(f"{name}{n}".encode()) == Reply(str(n), Usage(1, 2)) for name in "ab" for n in range(50))


def test_a_file_that_holds_no_calls_is_refused_and_left_as_it_is(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("These are notes. " * 100)
    with pytest.raises(RagError, match="damaged, remove it"):
        CallStore(text)
    assert text.read_text().startswith("These are notes")
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE recipes (name)")
    with pytest.raises(UsageError, match="another program"):
        CallStore(foreign)
    with pytest.raises(UsageError, match="Name another file"):
        CallStore(tmp_path)


def test_a_torn_file_is_told(tmp_path):
    path = tmp_path / "calls.sqlite"
    with CallStore(path) as store:
        for number in range(400):
            store.keep(bytes([number % 256, number // 256]), Reply("word " * 200, Usage()))
    content = bytearray(path.read_bytes())
    content[4096:20_000] = os.urandom(20_000 - 4096)
    path.write_bytes(content)
    with pytest.raises(RagError, match="remove it"):
        _read_all(path)


def _read_all(path):
    with CallStore(path) as store:
        for number in range(400):
            store.find(bytes([number % 256, number // 256]))


def test_calls_without_a_store_are_made_each_time():
    async def twice():
        model = SummaryModel(lambda messages: "yes")
        calls = Calls(KeptGenerator(model, None))
        await calls.ask(MESSAGES, Sampling())
        await calls.ask(MESSAGES, Sampling())
        return len(model.prompts)

    assert asyncio.run(twice()) == 2


def test_a_folder_gets_a_file_and_a_log_line_a_document(tmp_path, texts):
    model = SummaryModel(first_sentences, window=LIMITED)
    failure = rag.FailedSummary("lost.pdf", "corrupt", "lost.pdf is damaged.")
    for _ in range(2):
        with SummaryFolder(tmp_path / "out") as folder:
            for outcome in [*all_of([texts], model, tmp_path), failure]:
                folder.add(outcome)
    lines = [json.loads(line) for line in (tmp_path / "out" / LOG).read_text().splitlines()]
    assert len(lines) == 4
    told = {line["source"]: line for line in lines}
    assert told["lost.pdf"]["error"] == "lost.pdf is damaged."
    one = told[str(texts / "t1.txt")]
    assert one["reused_calls"] == one["calls"]
    written = (tmp_path / "out" / one["file"]).read_text()
    assert one["summary"] in written
    assert f"“{one['citations'][0]['quote']}”" in written
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".jsonl", ".md", ".md", ".md"]


def failed(source: str, error: str = "x") -> rag.FailedSummary:
    return rag.FailedSummary(source, "model", error)


def add_all(out, *outcomes):
    with SummaryFolder(out) as folder:
        return [folder.add(outcome) for outcome in outcomes]


def sources_in(out):
    return [json.loads(line)["source"] for line in (out / LOG).read_text().splitlines()]


def test_a_torn_log_goes_on_and_has_one_writer_at_a_time(tmp_path):
    out = tmp_path / "out"
    add_all(out, failed("a.txt"))
    with (out / LOG).open("a") as log:
        log.write('{"source": "tor')
    with SummaryFolder(out) as folder:
        folder.add(failed("b.txt"))
        with pytest.raises(UsageError, match="process"), SummaryFolder(out):
            pass
    assert sources_in(out) == ["a.txt", "b.txt"]
    (out / LOG).write_text((out / LOG).read_text().rstrip("\n"))
    add_all(out, failed("c.txt"))
    assert sources_in(out) == ["a.txt", "b.txt", "c.txt"]
    (out / LOG).write_text('{"source": "tor')
    add_all(out, failed("d.txt"))
    assert sources_in(out) == ["d.txt"]


def test_names_of_files_tell_documents_of_one_name_apart():
    assert file_name("/a/report.pdf") != file_name("/b/report.pdf")
    assert file_name("/a/../..").endswith(".md")
    assert len(file_name("/" + "é" * 500).encode()) < 255


@pytest.mark.parametrize(
    "content",
    ['{"summary": "mine"}\n', '{"source": "a.txt", "summary": "mine"}\n', "my notes\n", "my notes", '[1]\n{"source": "to'],
)
def test_a_log_that_others_wrote_is_refused_and_left_as_it_is(tmp_path, content):
    (tmp_path / LOG).write_text(content)
    with pytest.raises(UsageError, match=r"summaries\.jsonl, line 1:"):
        add_all(tmp_path, failed("a.txt"))
    assert (tmp_path / LOG).read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == [LOG]


def test_a_lock_that_others_wrote_is_left_as_it_is(tmp_path):
    (tmp_path / f"{LOG}.lock").write_text("mine")
    with pytest.raises(UsageError, match="is not a lock of"):
        add_all(tmp_path, failed("a.txt"))
    assert (tmp_path / f"{LOG}.lock").read_text() == "mine"


def test_other_files_and_edited_summaries_are_not_overwritten(tmp_path):
    one = rag.summarize(documents(1)[0], llm=SummaryModel(first_sentences), calls=tmp_path / "c.sqlite")
    out = tmp_path / "out"
    [first] = add_all(out, one)
    assert add_all(out, one) == [first]
    first.write_text(first.read_text().replace("mill", "windmill"))
    changed = first.read_text()
    [second] = add_all(out, one)
    assert second.name == first.name.removesuffix(".md") + ".2.md"
    assert add_all(out, one) == [second]
    assert first.read_text() == changed
    elsewhere = tmp_path / "elsewhere.md"
    elsewhere.write_text(second.read_text())
    second.unlink()
    second.symlink_to(elsewhere)
    [third] = add_all(out, one)
    assert third.name.endswith(".3.md")
    assert second.is_symlink()
    assert not [path for path in out.iterdir() if path.name.endswith(".new")]


@pytest.fixture
def served(monkeypatch, tmp_path):
    """The command line with a test's model behind `--llm fake`."""
    model = SummaryModel(first_sentences, window=LIMITED)
    monkeypatch.setattr("rag.specs.open_llm", lambda spec, **_: model)
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    return model


def test_the_command_prints_json_lines_and_nothing_else(served, texts):
    done = CliRunner().invoke(main, ["summarize", str(texts), "--llm", "fake", "--json", "--words", "60"])
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0, done.output
    assert len(told) == 3
    wanted = {"source", "summary", "chain", "levels", "calls", "reused_calls", "usage", "sentences", "citations", "seconds"}
    assert wanted <= told[0].keys()
    assert "3 summarized, 0 failed" in done.stderr


def test_the_command_reads_stdin_and_exits_with_3_on_failures(served, texts):
    (texts / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    done = CliRunner().invoke(main, ["summarize", str(texts), "--llm", "fake", "--output", str(texts.parent / "out")])
    assert done.exit_code == 3
    assert "failed: " in done.stderr
    assert done.stdout == ""
    assert len(list((texts.parent / "out").glob("*.md"))) == 3
    for source, output in ((texts, texts / "out"), (texts, texts), (texts / "t1.txt", texts)):
        refused = CliRunner().invoke(main, ["summarize", str(source), "--llm", "fake", "--output", str(output)])
        assert (refused.exit_code, "lies among the sources" in refused.stderr) == (1, True)
    done = CliRunner().invoke(main, ["summarize", "-", "--llm", "fake"], input="The mill was sold in 1911.")
    assert "The mill was sold in 1911 [1]." in done.stdout


def test_each_text_from_stdin_has_a_summary_of_its_own(served, tmp_path):
    out = tmp_path / "out"
    for text in ("The mill was sold in 1911.", "The bridge was built in 1702.", "The mill was sold in 1911."):
        done = CliRunner().invoke(main, ["summarize", "-", "--llm", "fake", "--output", str(out)], input=text)
        assert done.exit_code == 0, done.output
    assert len(list(out.glob("stdin-*.md"))) == len(sources_in(out)) == 2


def test_an_unknown_model_is_refused_before_reading(texts):
    done = CliRunner().invoke(main, ["summarize", str(texts), "--llm", "extractive"])
    assert (done.exit_code, "cannot sum up" in done.stderr) == (1, True)


def test_a_summary_on_disk_steers_no_terminal_and_holds_no_html(tmp_path):
    text = "The \x1b[31mmill\x07 of <script>alert(1)</script> was\u202e sold."
    [summary] = all_of([Document(text, "a.txt", "A < B")], SummaryModel(shown), tmp_path)
    [path] = add_all(tmp_path / "out", summary)
    written = path.read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]|<(?!!--)", written)
    assert "A &lt; B" in written


def test_an_output_folder_that_is_gone_is_named(tmp_path):
    [summary] = all_of(documents(1), SummaryModel(first_sentences), tmp_path)
    out = tmp_path / "out"

    def write():
        with SummaryFolder(out) as folder:
            shutil.rmtree(out)
            folder.add(summary)

    with pytest.raises(RagError, match=r"d0\.txt .*out: .*same command"):
        write()


def test_a_full_disk_ends_the_run_before_more_paid_calls(tmp_path, monkeypatch):
    connect = sqlite3.connect

    def on_a_small_disk(*arguments, **options):
        database = connect(*arguments, **options)
        database.execute("PRAGMA max_page_count = 3")
        return database

    monkeypatch.setattr(sqlite3, "connect", on_a_small_disk)
    model = SummaryModel(lambda messages: first_sentences(messages) + " " + "Filler. " * 2000, parallel=1, obedient=False)
    with pytest.raises(CallStoreError, match=r"full.*calls\.sqlite"):
        all_of(documents(40), model, tmp_path)
    assert len(model.prompts) < 10


@pytest.mark.slow
def test_without_a_stderr_it_sums_up_all_the_same(tmp_path, texts):
    with SumsUp() as server:
        command = [
            sys.executable,
            str(ROOT / "cli.py"),
            "summarize",
            str(texts / "t0.txt"),
            "--llm",
            f"{server.url}/v1",
            "--words",
            "40",
        ]
        closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command, "--calls", str(tmp_path / "calls.sqlite")]
        done = subprocess.run(closed, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert "[1]" in done.stdout


@pytest.mark.slow
def test_the_packaged_model_sums_up_a_document_with_quotes(tmp_path):
    pytest.importorskip("xllamacpp")
    text = (ROOT / "rag" / "demo" / "documents" / "volunteers.md").read_text(encoding="utf-8")[:1400]
    source = Document(text, "volunteers.md", "Volunteers")
    summary = rag.summarize(source, llm="local", piece_tokens=200, piece_words=30, calls=tmp_path / "calls.sqlite")
    assert summary.chain == "map-reduce"
    assert summary.calls >= 2
    assert summary.usage.prompt_tokens > 200
    assert summary.sentences
    assert all(text[citation.start : citation.end] == citation.quote for citation in summary.citations)


def summarizing(*arguments, **environment):
    """`rag summarize` in a process that reacts to Ctrl-C however the tests were started."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "summarize", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def interrupted(process):
    """What a process says after Ctrl-C, and the seconds until it has ended."""
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    return said, time.monotonic() - started


def until(condition):
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--fresh"]])
def test_ctrl_c_keeps_every_finished_call_and_tells_how_to_go_on(tmp_path, texts, more):
    calls = tmp_path / "calls.sqlite"
    for path in texts.iterdir():
        path.write_text(facts(400), encoding="utf-8")
    with LlmServer([facts(2)], window=LIMITED) as server:
        run = summarizing(texts, "--calls", calls, "--output", tmp_path / "out", "--llm", f"{server.url}/v1", *more)
        until(lambda: kept_in(calls) or run.poll() is not None)
        server.goes_on.clear()
        until(lambda: server.running or run.poll() is not None)
        before = kept_in(calls)
        said, seconds = interrupted(run)
        server.goes_on.set()
        assert seconds < 1.5
        assert f"Finished calls are kept in {calls}. The same command {'without --fresh ' if more else ''}continues" in said
        assert "of 3 documents summarized" in said
        assert kept_in(calls) >= before > 0


def kept_in(path):
    """Finished calls in a file that another process writes; 0 before it has made its table."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as database, suppress(sqlite3.OperationalError):
        return database.execute("SELECT count(*) FROM calls").fetchone()[0]
    return 0


@pytest.mark.slow
def test_ctrl_c_ends_a_run_that_waits_for_a_token_count(tmp_path, texts):
    asked, goes_on = threading.Event(), threading.Event()
    with LlmServer([facts(2)], window=LIMITED) as server:

        def counts_no_more(payload):
            if "district" in str(payload):
                asked.set()
                goes_on.wait()
            return {"count": server.count(payload["messages"])}

        server.routes["/tokenize"] = counts_no_more
        run = summarizing(texts, "--calls", tmp_path / "calls.sqlite", "--llm", f"{server.url}/v1")
        try:
            assert asked.wait(60)
            said, seconds = interrupted(run)
        finally:
            goes_on.set()  # or the server would wait for its threads, and they for this
            run.kill()
        assert seconds < 1.5
        assert "0 of 3 documents" in said


class SumsUp(LlmServer):
    """Answers with the first two sentences of its text. A server of unknown kind gets eight calls at once."""

    def __init__(self):
        super().__init__(window=LIMITED)
        self.models = [{"id": "double"}]

    def refusal(self, payload):
        was_cut_off = "messages" not in payload  # by the kill
        return Refused(400) if was_cut_off else super().refusal(payload)

    def pieces(self, payload):
        text = shown([Message(**message) for message in payload["messages"]])
        return re.split(r"(?<=[.])", " ".join(text.split()))[:2]


@pytest.mark.slow
def test_twenty_killed_and_resumed_documents_pay_nothing_twice(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(20):
        (folder / f"t{number:02}.txt").write_text(facts(300, seed=number), encoding="utf-8")

    def run(name, server):
        places = ("--calls", tmp_path / f"{name}.sqlite", "--output", tmp_path / name)
        return summarizing(folder, *places, "--piece-tokens", "200", "--words", "30", "--llm", f"{server.url}/v1")

    with SumsUp() as undisturbed:
        _, said = run("undisturbed", undisturbed).communicate(timeout=120)
        assert "20 summarized, 0 failed" in said
    with SumsUp() as server:
        killed = run("killed", server)
        until(lambda: len(server.chats()) >= len(undisturbed.chats()) / 2 or killed.poll() is not None)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
        _, said = run("killed", server).communicate(timeout=120)
    assert len(undisturbed.chats()) > 400
    assert len(server.chats()) <= 1.02 * len(undisturbed.chats())
    assert "20 summarized, 0 failed" in said
    for path in (tmp_path / "undisturbed").glob("*.md"):
        assert [line for line in path.read_text().splitlines() if line.startswith("- [")] == [
            line for line in (tmp_path / "killed" / path.name).read_text().splitlines() if line.startswith("- [")
        ]
    assert len(sources_in(tmp_path / "killed")) == 20
