"""Many questions: order, saved answers, resumed runs, and failures that stay single."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import resource
import sqlite3
import time
from contextlib import closing

import pytest

import rag
from rag.answers import ask_many as module
from rag.answers.answer_file import AnswerFile
from rag.answers.ask_many import FailedAnswer
from rag.answers.question_file import read_questions
from rag.errors import ModelError, UsageError
from rag.ingest import sync as ingest
from rag.prompts import Example, NearestExamples
from rag.system.files import BusyError
from rag.testing import fakes
from rag.types import Document, Usage

TOWERS = {"Paris": 330, "Tokyo": 333, "Toronto": 553, "Berlin": 368, "Seattle": 184}
QUESTIONS = [f"How tall is the tower in {town}?" for town in TOWERS]


class Echo:
    """Quotes the first source. Counts its questions, and how many come at the same time."""

    name = "echo"
    window = 4096
    max_sources = None
    options = fakes.ScriptedGenerator.options

    def __init__(self, *, parallel: int = 3, fails_for: str = "nobody", dies_after: int = 10**6) -> None:
        self.parallel, self.fails_for, self.dies_after = parallel, fails_for, dies_after
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0

    def count_tokens(self, messages):
        return sum(len(message.content.split()) for message in messages)

    async def stream(self, prompt, sampling):
        self.asked.append(prompt.question)
        if len(self.asked) > self.dies_after:
            raise KeyboardInterrupt
        await asyncio.sleep(0)
        if self.fails_for in prompt.question:
            raise ModelError("The server is tired. Ask again.")
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        yield prompt.passages[0].text
        yield Usage(10, 5, 4)

    def close(self):
        pass


@pytest.fixture
def towers(tmp_path):
    with rag.open_index(tmp_path / "index", embedder=fakes.HashEmbedder(), create=True) as index:
        documents = [
            Document(f"The tower in {town} is {height} m tall.", f"{town}.md", town) for town, height in TOWERS.items()
        ]
        ingest.add_documents(documents, index=index)
        yield index


def heights(answers):
    return [answer.text if isinstance(answer, rag.Answer) else answer.error for answer in answers]


def test_questions_are_asked_at_once_and_answered_in_order(towers):
    llm, seen = Echo(), []
    answers = rag.ask_many(QUESTIONS, index=towers, llm=llm, on_answer=seen.append)
    assert [answer.question for answer in answers] == QUESTIONS
    for answer, height in zip(answers, TOWERS.values(), strict=True):
        assert str(height) in answer.text
        assert answer.citations
    assert sorted(map(id, seen)) == sorted(map(id, answers))
    assert 1 < llm.most_at_once <= 3


def test_a_question_that_fails_does_not_fail_the_others(towers):
    answers = rag.ask_many([*QUESTIONS, " "], index=towers, llm=Echo(fails_for="Tokyo"))
    failed = [answer for answer in answers if isinstance(answer, FailedAnswer)]
    assert [answer.question for answer in failed] == [QUESTIONS[1], " "]
    assert "tired" in failed[0].error
    assert "empty" in failed[1].error


def test_a_stopped_run_resumes(towers, tmp_path):
    output = tmp_path / "answers.jsonl"
    with pytest.raises(KeyboardInterrupt):
        rag.ask_many(QUESTIONS, index=towers, llm=Echo(parallel=1, dies_after=3), output=output)
    kept = output.read_text().splitlines()
    assert len(kept) == 3
    output.write_text("\n".join(kept) + '\n{"question": "torn')
    llm = Echo()
    answers = rag.ask_many(QUESTIONS, index=towers, llm=llm, output=output)
    assert len(llm.asked) == 2
    assert [answer.question for answer in answers] == QUESTIONS
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["question"] for line in lines] == QUESTIONS
    assert [rag.Answer.from_dict(line).text for line in lines] == heights(answers)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "index"]


def test_only_failed_questions_are_asked_again(towers, tmp_path):
    output = tmp_path / "answers.jsonl"
    rag.ask_many(QUESTIONS, index=towers, llm=Echo(fails_for="Tokyo"), output=output)
    llm = Echo()
    rag.ask_many(QUESTIONS, index=towers, llm=llm, output=output)
    assert llm.asked == [QUESTIONS[1]]
    rag.ask_many(QUESTIONS, index=towers, llm=llm, output=output, fresh=True)
    assert len(llm.asked) == 6


@pytest.mark.parametrize("change", ["index", "k", "sampling", "model"])
def test_another_setting_asks_again(towers, tmp_path, change):
    output, llm = tmp_path / "answers.jsonl", Echo()
    rag.ask_many(QUESTIONS[:1], index=towers, llm=llm, output=output)
    options = {"k": {"k": 2}, "sampling": {"sampling": rag.Sampling(max_tokens=9)}}.get(change, {})
    if change == "index":
        ingest.add_documents([Document("The tower in Oslo is 117 m tall.", "Oslo.md", "Oslo")], index=towers)
    if change == "model":
        llm.name = "another"
    rag.ask_many(QUESTIONS[:1], index=towers, llm=llm, output=output, **options)
    assert len(llm.asked) == 2
    assert len(output.read_text().splitlines()) == 1


def test_a_rebuilt_index_reuses_answers_and_another_does_not(tmp_path):
    output, llm = tmp_path / "answers.jsonl", Echo()
    same = [Document(f"The tower in {town} is {height} m tall.", town, town) for town, height in TOWERS.items()]
    changed = [Document("The tower in Paris is 999 m tall.", "Paris", "Paris"), *same[1:]]
    texts = []
    for number, documents in enumerate((same, changed, changed[::-1], same)):
        with rag.open_index(tmp_path / f"index{number}", embedder=fakes.HashEmbedder(), create=True) as index:
            for document in documents:
                ingest.add_documents([document], index=index)
            texts += [one.text for one in rag.ask_many(QUESTIONS[:1], index=index, llm=llm, k=1, output=output)]
    assert ["330" in text for text in texts] == [True, False, False, True]
    assert len(llm.asked) == 3  # one answer a question is kept; the third index equals the second


@pytest.mark.parametrize(
    "branch", ["{% if by_example %}Short.{% endif %}", "{% if system == 'x' %}Short.{% endif %}", "Be short."]
)
def test_a_change_in_any_branch_of_a_template_asks_again(towers, tmp_path, branch):
    output, llm = tmp_path / "answers.jsonl", Echo()
    template = tmp_path / "prompts" / "answer.system.jinja"
    template.parent.mkdir()
    for text in ("Answer.", "Answer.", f"Answer.{branch}"):
        template.write_text(text)
        rag.ask_many(QUESTIONS[:1], index=towers, llm=llm, output=output, prompts=rag.Prompts(template.parent))
    assert len(llm.asked) == 2


@pytest.mark.slow
def test_the_content_key_of_many_documents_is_quick(towers):
    row = (
        "source, title, media_type, size, modified_ns, content_hash, sidecar, indexed_at, characters, first_chunk, chunk_count"
    )
    with closing(sqlite3.connect(towers.path / "catalog.sqlite")) as connection, connection:
        connection.executemany(
            f"INSERT INTO documents ({row}, metadata) VALUES (?, 't', 'text/plain', 1, 1, ?, '', '', 1, 0, 0, '{{}}')",
            [(f"/docs/{number}.txt", f"{number:032x}") for number in range(100_000)],
        )
    started = time.process_time()
    towers.catalog.content_key()
    assert time.process_time() - started < 5


def test_answers_to_other_questions_stay_in_the_file(towers, tmp_path):
    output = tmp_path / "answers.jsonl"
    first, second = QUESTIONS[:3], QUESTIONS[2:]
    rag.ask_many(first, index=towers, llm=Echo(), output=output, ids=["a", "b", "c"])
    rag.ask_many(second, index=towers, llm=Echo(), output=output)
    assert [json.loads(line)["question"] for line in output.read_text().splitlines()] == QUESTIONS
    with pytest.raises(KeyboardInterrupt):
        rag.ask_many(first, index=towers, llm=Echo(parallel=1, dies_after=1), output=output, fresh=True)
    rag.ask_many(first, index=towers, llm=Echo(), output=output, fresh=True)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(line["question"] for line in lines) == sorted(QUESTIONS)
    llm = Echo()
    rag.ask_many(QUESTIONS, index=towers, llm=llm, output=output)
    assert llm.asked == []
    assert [json.loads(line)["question"] for line in output.read_text().splitlines()] == QUESTIONS


@pytest.mark.parametrize("ids", [pytest.param((), marks=pytest.mark.slow), ["a", "b", "c", "d", "e"]], ids=["none", "letters"])
def test_a_torn_line_does_no_harm(towers, tmp_path, ids):
    output = tmp_path / "answers.jsonl"
    rag.ask_many(QUESTIONS, index=towers, llm=Echo(), output=output, ids=ids)
    first, second = output.read_bytes().splitlines(keepends=True)[:2]
    for whole, part in ((0, first), (1, second)):
        for end in range(1, 20, 3):
            output.write_bytes(whole * first + part[:end])
            with pytest.raises(KeyboardInterrupt):  # the torn part does not spoil the lines after it
                rag.ask_many(QUESTIONS, index=towers, llm=Echo(parallel=1, dies_after=1), output=output, ids=ids)
            llm = Echo()
            rag.ask_many(QUESTIONS, index=towers, llm=llm, output=output, ids=ids)
            assert len(llm.asked) == 4 - whole


def test_a_full_disk_ends_the_run_and_keeps_what_was_written(towers, tmp_path):
    output = tmp_path / "answers.jsonl"
    rag.ask_many(QUESTIONS, index=towers, llm=Echo(), output=output)
    room = len(b"".join(output.read_bytes().splitlines(keepends=True)[:2])) + 9
    output.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(UsageError, match=r"answers\.jsonl"):
            rag.ask_many(QUESTIONS, index=towers, llm=Echo(parallel=1), output=output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    llm = Echo()
    rag.ask_many(QUESTIONS, index=towers, llm=llm, output=output)
    assert len(llm.asked) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "index"]


def test_a_disk_full_at_the_end_keeps_the_answers(tmp_path, monkeypatch):
    output = tmp_path / "answers.jsonl"

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def answer():
        with AnswerFile(output, ["?"], ["k"]) as file:
            file.add(0, {"question": "?", "answer": "!"})

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match=r"answers\.jsonl.*No space left on device"):
        answer()
    assert json.loads(output.read_text())["answer"] == "!"
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]


def test_a_folder_that_takes_no_file_is_named():
    with (
        pytest.raises(UsageError, match=r"/proc/answers\.jsonl") as caught,
        AnswerFile("/proc/answers.jsonl", [], []),
    ):
        pass
    assert not isinstance(caught.value.__cause__, BusyError)


def test_a_file_that_another_run_writes_is_refused(tmp_path):
    output = tmp_path / "answers.jsonl"
    with (
        AnswerFile(output, [], []),
        pytest.raises(UsageError, match=r"answers\.jsonl") as caught,
        AnswerFile(output, [], []),
    ):
        pass
    assert isinstance(caught.value.__cause__, BusyError)


@pytest.mark.parametrize(
    ("ids", "named"),
    [([1, float("nan")], "2 of ids .*nan"), ([True, 2], "1 of ids .*True"), (["a", "a"], "'a'"), ([1, "1"], "'1'")],
)
def test_ids_that_name_no_single_question_are_refused(towers, ids, named):
    with pytest.raises(UsageError, match=named):
        rag.ask_many(QUESTIONS[:2], index=towers, llm=Echo(), ids=ids)


@pytest.mark.parametrize("change", ["answer", "order", "n"])
def test_other_examples_ask_again(towers, tmp_path, change):
    examples = [Example(f"How tall is the tower in {town}?", f"It is {height} m tall.") for town, height in TOWERS.items()]
    changed = {
        "answer": [*examples[:-1], Example(examples[-1].question, "Very tall.")],
        "order": examples[::-1],
        "n": examples,
    }[change]
    output, llm = tmp_path / "answers.jsonl", Echo()
    for chosen_from, n in ((examples, 1), (examples, 1), (changed, 2 if change == "n" else 1)):
        prompts = rag.Prompts(examples=NearestExamples(chosen_from, towers.embedder, n))
        rag.ask_many([QUESTIONS[0]], index=towers, llm=llm, output=output, prompts=prompts)
    assert len(llm.asked) == 2


def test_a_question_that_failed_early_keeps_its_place(towers, tmp_path):
    output, llm = tmp_path / "answers.jsonl", Echo()
    questions = [QUESTIONS[0], FailedAnswer("{torn", "q.jsonl, line 2: not JSON"), QUESTIONS[1]]
    answers = rag.ask_many(questions, index=towers, llm=llm, output=output)
    assert answers[1] is questions[1]
    assert len(llm.asked) == 2
    assert [json.loads(line).get("error") for line in output.read_text().splitlines()] == [None, questions[1].error, None]


@pytest.mark.parametrize(
    "content", ['{"note": 1}\n', "Plain text.\n", "one word", '{\n  "name": "alice"\n}\n', '{"answer": "no key"}\n']
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_that_holds_something_else_is_left_alone(towers, tmp_path, content, fresh):
    output = tmp_path / "notes.jsonl"
    output.write_text(content)
    with pytest.raises(UsageError, match=r"notes\.jsonl, line 1"):
        rag.ask_many(QUESTIONS, index=towers, llm=Echo(), output=output, fresh=fresh)
    assert output.read_text() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "notes.jsonl"]


def test_a_link_stays_a_link_and_a_device_is_refused(towers, tmp_path):
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(real)
    rag.ask_many(QUESTIONS[:1], index=towers, llm=Echo(), output=link)
    assert link.is_symlink()
    assert len(real.read_text().splitlines()) == 1
    with pytest.raises(UsageError):
        rag.ask_many(QUESTIONS[:1], index=towers, llm=Echo(), output="/dev/null")


def test_a_question_with_invalid_text_fails_alone(towers, tmp_path):
    output = tmp_path / "answers.jsonl"
    answers = rag.ask_many(["How tall is the tower? \udce9", *QUESTIONS[:2]], index=towers, llm=Echo(), output=output)
    assert isinstance(answers[0], FailedAnswer)
    assert [json.loads(line)["question"] for line in output.read_text().splitlines()][1:] == QUESTIONS[:2]


def test_questions_on_the_same_passages_follow_each_other(towers, monkeypatch):
    monkeypatch.setattr(module, "FIRST_WINDOW", 16)
    llm = Echo(parallel=1)
    mixed = [question for _ in range(2) for question in QUESTIONS]
    rag.ask_many(
        [f"{question} {'Please.' if place > 4 else ''}" for place, question in enumerate(mixed)], index=towers, llm=llm, k=1
    )
    towns = [next(town for town in TOWERS if town in question) for question in llm.asked]
    assert all(towns[i] == towns[i + 1] for i in range(0, 10, 2))


def test_it_works_inside_a_running_event_loop(towers):
    async def both():
        plain = rag.ask_many(QUESTIONS[:2], index=towers, llm=Echo())
        return plain, await rag.aask_many(QUESTIONS[:2], index=towers, llm=Echo())

    first, second = asyncio.run(both())
    assert heights(first) == heights(second)


def test_an_unexpected_error_ends_the_run(towers, monkeypatch):
    async def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(module, "write", broken)
    with pytest.raises(ZeroDivisionError):
        rag.ask_many(QUESTIONS, index=towers, llm=Echo())


def test_no_questions_give_no_answers(towers):
    assert rag.ask_many([], index=towers, llm=Echo()) == []


class TestQuestionFiles:
    def test_objects_strings_and_ids_are_read(self, tmp_path):
        (tmp_path / "q.jsonl").write_text('{"id": "a", "question": "One?"}\n\n"Two?"\n{"question": "Three?"}\n')
        assert read_questions(tmp_path / "q.jsonl") == (["One?", "Two?", "Three?"], ["a", 3, 4])

    def test_plain_lines_are_read(self, tmp_path):
        (tmp_path / "q.txt").write_text("One?\nTwo?\n")
        assert read_questions(tmp_path / "q.txt") == (["One?", "Two?"], [1, 2])

    def test_a_bad_line_is_named_and_the_others_go_on(self, tmp_path):
        lines = [
            {"id": {"a": 1}, "question": "One?"},
            {"id": "x", "question": "Two?"},
            {"id": None, "question": "Three?"},
            {"id": "x", "question": "Four?"},
            {"id": True, "question": "Five?"},
            {"question": 6},
            {"id": 7, "question": "Seven?"},
            {"id": 3, "question": "Eight?"},
        ]
        (tmp_path / "q.jsonl").write_text("\n".join([*map(json.dumps, lines), "{torn"]))
        questions, ids = read_questions(tmp_path / "q.jsonl")
        failed = {one.question: one.error for one in questions if isinstance(one, FailedAnswer)}
        assert [one for one in questions if isinstance(one, str)] == ["Two?", "Three?", "Seven?", "Eight?"]
        assert ids == [1, "x", "line 3", 4, 5, 6, 7, 3, 9]
        errors = list(failed.values())
        assert re.search(r"q\.jsonl, line 1: 'id'", errors[0])
        assert re.search(r"q\.jsonl, line 4: .*line 2.* 'x'", errors[1])
        assert re.search(r"q\.jsonl, line 5: 'id'", errors[2])
        assert re.search(r"q\.jsonl, line 6: 'question'.* 6", errors[3])
        assert re.search(r"q\.jsonl, line 9: .*JSON", errors[4])

    @pytest.mark.parametrize("content", ['{"question": ""}', '{"answer": "x"}', "{torn", "[1]", ""])
    def test_a_line_without_a_question_is_named(self, tmp_path, content):
        (tmp_path / "q.jsonl").write_text(content)
        with pytest.raises(UsageError, match=r"q\.jsonl"):
            read_questions(tmp_path / "q.jsonl")


class TestCallsThatAreKept:
    """With `calls`, no finished call is made again, even without a file of answers."""

    def asked(self, towers, tmp_path, **options):
        model = Echo()
        answers = rag.ask_many(QUESTIONS, index=towers, llm=model, calls=tmp_path / "calls.sqlite", **options)
        return len(model.asked), heights(answers)

    def test_a_second_run_asks_nothing(self, towers, tmp_path):
        first = self.asked(towers, tmp_path)
        assert first[0] == len(QUESTIONS)
        assert self.asked(towers, tmp_path) == (0, first[1])

    def test_an_option_that_no_prompt_shows_asks_nothing(self, towers, tmp_path):
        self.asked(towers, tmp_path)
        assert self.asked(towers, tmp_path, strict=True)[0] == 0

    def test_another_prompt_is_asked(self, towers, tmp_path):
        self.asked(towers, tmp_path)
        assert self.asked(towers, tmp_path, prompts=rag.Prompts(system="Be brief."))[0] == len(QUESTIONS)

    def test_a_fresh_run_asks_all_again(self, towers, tmp_path):
        self.asked(towers, tmp_path)
        assert self.asked(towers, tmp_path, fresh=True)[0] == len(QUESTIONS)

    def test_a_stopped_run_goes_on(self, towers, tmp_path):
        calls = tmp_path / "calls.sqlite"
        with pytest.raises(KeyboardInterrupt):
            rag.ask_many(QUESTIONS, index=towers, llm=Echo(parallel=1, dies_after=2), calls=calls)
        assert self.asked(towers, tmp_path)[0] == len(QUESTIONS) - 2

    def test_a_failure_is_asked_again(self, towers, tmp_path):
        calls = tmp_path / "calls.sqlite"
        rag.ask_many(QUESTIONS, index=towers, llm=Echo(fails_for="Paris"), calls=calls)
        assert self.asked(towers, tmp_path)[0] == 1

    def test_without_calls_nothing_is_kept(self, towers, tmp_path, monkeypatch):
        monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
        for _ in range(2):
            model = Echo()
            rag.ask_many(QUESTIONS, index=towers, llm=model)
            assert len(model.asked) == len(QUESTIONS)
        assert not (tmp_path / "cache").exists()

    def test_a_generator_that_asks_no_model_keeps_nothing(self, towers, tmp_path):
        rag.ask_many(QUESTIONS, index=towers, llm="extractive", calls=tmp_path / "calls.sqlite")
        assert not (tmp_path / "calls.sqlite").exists()

    def test_another_programs_file_is_refused(self, towers, tmp_path):
        (tmp_path / "calls.sqlite").write_text("dear diary " * 100)
        with pytest.raises(rag.RagError):
            self.asked(towers, tmp_path)
