"""Judging in processes gives the same verdicts, even if a process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from paths import ROOT
from summary_models import SummaryModel, facts, first_sentences
from waiting import wait_until

import rag
from rag.grounding.judges import Judges, usual_number
from rag.grounding.lexical import LexicalVerifier
from rag.models.generators.vllm_server import process_began
from rag.types import Document, Passage

pytestmark = pytest.mark.slow

PASSAGES = [
    Passage(1, "The tower is 34 metres tall. It was built in 1872 by Ada Brandt.", "a.txt", "Tower", heading="Building"),
    Passage(2, "Sieben Karpfen leben im Teich — 這座塔高三百三十米。", "b.txt", start=7),
]
SENTENCES = [
    "Ada Brandt built the tower in 1872.",
    "It is 43 metres tall.",
    "Sieben Karpfen leben im Teich.",
    "Zebras fly.",
    "",
]


@pytest.fixture
def judges():
    with Judges(2) as opened:
        yield opened


def test_verdicts_and_spans_are_those_of_the_verifier(judges):
    here = LexicalVerifier()
    assert judges.check_all(SENTENCES, PASSAGES) == [here.check(sentence, PASSAGES) for sentence in SENTENCES]
    assert judges.pids


def test_nothing_to_judge_starts_no_process(judges):
    assert judges.check_all([], PASSAGES) == []
    assert judges.check_all(["A tower."], []) == [LexicalVerifier().check("A tower.", [])]
    assert not judges.pids


def test_a_process_that_dies_costs_nothing(judges):
    expected = judges.check_all(SENTENCES, PASSAGES)
    [pid] = judges.pids
    os.kill(pid, signal.SIGKILL)
    assert judges.check_all(SENTENCES, PASSAGES) == expected
    assert judges.check_all(SENTENCES, PASSAGES) == expected
    assert pid not in judges.pids


@pytest.mark.parametrize(
    "command", [["/nowhere/python"], [sys.executable, "-c", "print('ready', flush=True)\nwhile input(): print('nonsense')"]]
)
def test_broken_processes_leave_judging_to_this_process(command, monkeypatch):
    monkeypatch.setattr("rag.grounding.judges.WORKER", command)
    with Judges(1) as judges:
        assert judges.check_all(SENTENCES, PASSAGES) == [LexicalVerifier().check(sentence, PASSAGES) for sentence in SENTENCES]
        assert not judges.pids


def test_several_threads_get_their_own_verdicts(judges):
    found = {}

    def judged(number):
        found[number] = judges.check_all([f"District {number} was sold."], [Passage(1, f"District {number} was sold.", "a")])

    threads = [threading.Thread(target=judged, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[n][0][0].text == f"District {n} was sold." and found[n][0][0].support == "full" for n in range(12))
    assert len(judges.pids) <= 2


def test_processes_end_with_the_judges():
    with Judges(1) as judges:
        judges.check_all(SENTENCES, PASSAGES)
        [pid] = judges.pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_batch_gets_the_verdicts_of_single_documents(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(
        Judges,
        "check_all",
        lambda self, sentences, passages, real=Judges.check_all: used.append(1) or real(self, sentences, passages),
    )
    documents = [Document(facts(60, seed=n), f"d{n}.txt", "D") for n in range(3)]
    model = SummaryModel(first_sentences, window=1024)
    together = {one.source: one for one in rag.summarize_many(documents, llm=model, calls=tmp_path / "calls.sqlite")}
    assert used
    used.clear()
    for document in documents:
        alone = rag.summarize(document, llm=model, calls=tmp_path / "calls.sqlite")
        assert (alone.sentences, alone.citations) == (together[document.source].sentences, together[document.source].citations)
    assert not used
    assert 1 <= usual_number() <= 8


def test_no_process_outlives_a_run_that_is_killed(tmp_path):
    code = (
        "from rag.grounding.judges import Judges\nfrom rag.types import Passage\nimport os, signal\n"
        "judges = Judges(1)\njudges.check_all(['A tower.'], [Passage(1, 'A tower.', 'a')])\n"
        "print(next(iter(judges.pids)), flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    wait_until(lambda: not process_began(int(done.stdout)))


def test_closed_judges_judge_here_and_start_no_process():
    with Judges(1) as judges:
        pass
    assert judges.check_all(SENTENCES, PASSAGES) == [LexicalVerifier().check(sentence, PASSAGES) for sentence in SENTENCES]
    assert not judges.pids
