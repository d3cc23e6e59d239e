from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import select
import subprocess
import sys
from contextlib import suppress

import pytest
from paths import ROOT

import rag
from rag.answers.answer import NOT_FOUND
from rag.chat.followups import accepted_rewriting, leans_on_earlier, small_talk, topic_words
from rag.chat.sessions import Session, Turn, session_at, sessions_of
from rag.errors import EmbedderMismatchError, IndexStoreError, ModelError, UsageError
from rag.index.several import Indexes
from rag.prompts import Prompts
from rag.sampling import Sampling
from rag.testing.fakes import HashEmbedder, ScriptedGenerator
from rag.types import Message

TALL = "The tower is 34 metres tall."
BUILT = "It was built in 1872 by Ada Brandt."


@pytest.fixture
def library(index, folder):
    rag.sync([folder], index=index)
    return index


def scripted(*answers, **options):
    return ScriptedGenerator([[answer] if isinstance(answer, str) else answer for answer in answers], **options)


def small(*answers, **options):
    model = scripted(*answers, **options)
    model.max_sources = 1
    return model


# questions that need the conversation

FRAGMENTS = (
        "How tall is it?", "Who built it?", "And the museum?", "What about winter?", "Why?", "Why not?", "How tall?", "When was that?",
        "Where do they sleep?", "In winter?", "The second floor?", "Is there a cafe there?", "And in 1897?", "how much does that cost?",
        "Who else?", "What does this mean?", "When was she born?", "Which one is older?", "tell me more about that", "How many?",
)  # fmt: skip
WHOLE = (
        "How long is the causeway?", "Where do volunteers sleep?", "Is there a pond in the garden?", "Are dogs allowed?",
        "What are the rules that apply to visitors?", "What is the tower that was built in 1872 called?", "Who built the tower?",
        "List the members of the crew", "Tell me about the tower", "How many carp live in the pond?",
        "What happened on 14 March 1897?", "Which documents mention the diesel generator?", "Explain the causeway rules",
        "What is the net revenue of Boeing in 2022?", "diesel generator house location",
)  # fmt: skip
SMALL_TALK = ("hi", "Hello there!", "thanks a lot", "Ok, thanks!", "Good morning.", "bye", "ok", "你好", "Danke!")
NO_SMALL_TALK = ("hi, how tall is the tower?", "thank the keeper?", "who?", "?!", "", "no smoking rules", "hi " * 40)


def test_a_fragment_or_pronoun_needs_the_conversation():
    assert [text for text in FRAGMENTS if not leans_on_earlier(text)] == []


def test_a_whole_question_needs_no_conversation():
    assert [text for text in WHOLE if leans_on_earlier(text)] == []


def test_small_talk_is_told_from_questions():
    assert [text for text in SMALL_TALK if not small_talk(text)] == []
    assert [text for text in NO_SMALL_TALK if small_talk(text) is not None] == []


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("How tall is the tower?", "How tall is the tower?"),
        (' Whole question: "How tall is the tower?"\n\nIt is 34 m.', "How tall is the tower?"),
        ("The last question is: How tall is the tower?", "How tall is the tower?"),
        ("The tower is 34 metres.", None),  # an answer, not the question
        ("How tall is the Eiffel Tower in Paris, France?", None),  # words from outside the conversation
        ("How tall is it?", None),
        ("How tall is the tower " + "tower " * 100, None),
        ("", None),
        ("How old is the tower?", None),
    ],
)
def test_a_rewriting_asks_the_same_in_known_words(written, accepted):
    assert accepted_rewriting(written, "How tall is it?", ["What is the tower?", "The tower was built in 1872."]) == accepted


def test_the_topic_of_a_question_is_its_content_words():
    assert topic_words("Who built the keeper's old tower, and the old pond?") == "built keeper's old tower pond"


# a conversation


def test_a_follow_up_is_made_whole_by_the_model_and_shown(library):
    model = scripted(TALL, "When was the tower built?", BUILT)
    shown = []
    with rag.Chat(index=library, llm=model) as chat:
        chat.ask("How tall is the tower?", on_question=shown.append)
        answer = chat.ask("When was it built?", on_question=shown.append)
    assert shown == [answer.question] == ["When was the tower built?"]
    assert answer.text == "It was built in 1872 by Ada Brandt [1]."
    assert [(turn.asked, turn.question) for turn in chat.history] == [
        ("How tall is the tower?", "How tall is the tower?"),
        ("When was it built?", "When was the tower built?"),
    ]
    rewriting = model.prompts[1]
    assert rewriting.passages == ()
    assert "Person: How tall is the tower?\nAssistant: The tower is 34 metres tall." in rewriting.messages[0].content
    assert answer.usage.prompt_tokens == sum(model.count_tokens(prompt.messages) for prompt in model.prompts[1:])


def test_a_whole_question_costs_no_further_call(library):
    model = scripted(TALL, BUILT)
    with rag.Chat(index=library, llm=model) as chat:
        chat.ask("How tall is the tower?")
        assert chat.ask("Who built the tower?").question == "Who built the tower?"
    assert [bool(prompt.passages) for prompt in model.prompts] == [True, True]


def test_the_first_question_is_never_rewritten(library):
    model = scripted(TALL)
    with rag.Chat(index=library, llm=model) as chat:
        assert chat.ask("How tall is it, the tower?").question == "How tall is it, the tower?"
    assert len(model.prompts) == 1


def test_a_failed_rewriting_falls_back_to_the_topic(library):
    model = scripted(TALL, "I am a helpful assistant.", BUILT)
    with rag.Chat(index=library, llm=model) as chat:
        chat.ask("How tall is the tower?")
        assert chat.ask("Who built it?").question == "Who built it? (tall tower)"


def test_a_small_model_neither_rewrites_nor_sees_the_past(library):
    model = small(TALL, BUILT, TALL)
    with rag.Chat(index=library, llm=model) as chat:
        chat.ask("How tall is the tower?")
        assert chat.ask("Who built it?").question == "Who built it? (tall tower)"
        assert chat.ask("And how tall?").question == "And how tall? (tower)"  # the topic of the latest whole question
    assert all(len(prompt.passages) == 1 for prompt in model.prompts)
    assert [prompt.question for prompt in model.prompts] == ["How tall is the tower?", "Who built it?", "And how tall?"]
    assert [len(prompt.messages) for prompt in model.prompts] == [4, 4, 4]


def test_without_a_model_follow_ups_are_understood_too(library):
    with rag.Chat(index=library, llm="extractive") as chat:
        chat.ask("How tall is the tower?")
        assert "1872" in chat.ask("When was it built?").text


def test_an_answer_to_a_follow_up_need_not_name_the_topic(library, monkeypatch):
    judged = []
    known = {
        "How tall is the tower?": 0.9,
        "How many steps does it have? (tall tower)": 0.1,
        "How many steps does it have?": 0.5,
    }
    monkeypatch.setattr("rag.answers.question.evidence_of", lambda question, *_: judged.append(question) or known[question])
    with rag.Chat(index=library, llm="extractive") as chat:
        chat.ask("How tall is the tower?")
        assert chat.ask("How many steps does it have?").evidence == 0.5
    assert judged == list(known)


@pytest.mark.parametrize("said", ["hi", "thanks!"])
def test_small_talk_gets_a_reply_that_rests_on_nothing(library, said):
    model = scripted(TALL)
    with rag.Chat(index=library, llm=model) as chat:
        answer = chat.ask(said)
        assert (answer.question, answer.answerable, answer.citations, answer.hits) == (said, False, (), [])
        assert answer.text not in ("", NOT_FOUND)
        assert model.prompts == []
        assert chat.ask("How tall is it, the tower?").question == "How tall is it, the tower?"  # nothing to lean on


def test_history_comes_before_the_sources(library):
    model = scripted(TALL, BUILT)
    with rag.Chat(index=library, llm=model, system="You help new staff.") as chat:
        chat.ask("How tall is the tower?")
        chat.ask("Who built the tower?")
    system, *past, question = model.prompts[1].messages
    assert system.content.startswith("You help new staff.\n\nAnswer the question")
    assert past == [Message("user", "How tall is the tower?"), Message("assistant", TALL)]
    assert question.content.startswith("<source")


def test_an_unanswered_question_is_not_shown_again(library):
    model = scripted("Elephants weigh five tonnes.", BUILT)
    with rag.Chat(index=library, llm=model) as chat:
        assert not chat.ask("How tall is the tower?").answerable
        chat.ask("Who built the tower?")
    assert [message.role for message in model.prompts[1].messages] == ["system", "user"]


@pytest.mark.parametrize("window", [260, 320, 400, 600, 1200])
def test_however_long_a_conversation_is_every_prompt_fits(library, window):
    long = f"{TALL} " + "The tower was built in 1872 by Ada Brandt in the garden of the kitchen. "
    model = ScriptedGenerator([], window=window)
    model.answers = Endless([long])
    with rag.Chat(index=library, llm=model, sampling=Sampling(max_tokens=60)) as chat:
        for number in range(12):
            chat.ask(f"How tall is the tower, and how old is tower number {number}?")
    assert len(chat.history) == 12
    for prompt, sampling in zip(model.prompts, model.samplings, strict=True):
        assert model.count_tokens(prompt.messages) + sampling.max_tokens <= window


class Endless(list):
    def pop(self, _=0):
        return self[0]


def test_old_turns_are_summarized_when_they_fill_the_window(library):
    answers = [f"{TALL} {BUILT}"] * 6 + ["We spoke about the tower."] + [TALL] * 2
    model = scripted(*answers, window=720)
    with rag.Chat(index=library, llm=model, sampling=Sampling(max_tokens=40)) as chat:
        for number in range(8):
            chat.ask(f"How tall is the tower of the year {number}?")
    summaries = [prompt for prompt in model.prompts if "Sum up" in prompt.messages[0].content]
    assert len(summaries) == 1
    assert "the tower of the year 0" in summaries[0].messages[0].content
    assert [message.content for message in model.prompts[-1].messages[1:3]] == [
        "What did we speak about before?",
        "We spoke about the tower.",
    ]
    assert len(chat.history) == 8


def test_own_prompts_work_in_a_chat(library, tmp_path):
    (tmp_path / "answer.system.jinja").write_text("{{ system }} Speak like a pirate.", encoding="utf-8")
    model = scripted(TALL)
    with rag.Chat(index=library, llm=model, system="Ahoy.", prompts=Prompts(tmp_path)) as chat:
        chat.ask("How tall is the tower?")
    assert model.prompts[0].messages[0].content == "Ahoy. Speak like a pirate."


def test_a_failed_turn_is_forgotten_and_the_chat_goes_on(library):
    model = ScriptedGenerator([ModelError("out of memory"), [TALL]])
    with rag.Chat(index=library, llm=model) as chat:
        with pytest.raises(ModelError, match="out of memory"):
            chat.ask("How tall is the tower?")
        with pytest.raises(UsageError):
            chat.ask("  ")
        assert chat.history == ()
        assert chat.ask("How tall is the tower?").answerable


def test_a_cancelled_turn_is_forgotten_and_the_chat_goes_on(library):
    class Hanging(ScriptedGenerator):
        async def stream(self, prompt, sampling):
            if len(self.prompts) == 0:
                self.prompts.append(prompt)
                yield "The tower"
                begun.set()
                await asyncio.Event().wait()
            async for piece in super().stream(prompt, sampling):
                yield piece

    async def talk():
        task = asyncio.create_task(chat.aask("How tall is the tower?"))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await chat.aask("How tall is the tower?")

    begun = asyncio.Event()
    chat_model = Hanging([[TALL]])
    with rag.Chat(index=library, llm=chat_model) as chat:
        assert asyncio.run(talk()).answerable
        assert len(chat.history) == 1


def test_ask_works_inside_a_running_event_loop(library):
    async def both():
        return chat.ask("How tall is the tower?").text, (await chat.aask("Who built the tower?")).text

    with rag.Chat(index=library, llm=scripted(TALL, BUILT)) as chat:
        assert asyncio.run(both()) == ("The tower is 34 metres tall [1].", "It was built in 1872 by Ada Brandt [1].")


# several indexes


def second_index(tmp_path, text, name="lake.txt", embedder=None):
    (tmp_path / "more").mkdir(exist_ok=True)
    (tmp_path / "more" / name).write_text(text, encoding="utf-8")
    opened = rag.open_index(tmp_path / "second", create=True, embedder=embedder or HashEmbedder())
    rag.sync([tmp_path / "more"], index=opened)
    return opened


def test_several_indexes_answer_as_one(library, tmp_path):
    with second_index(tmp_path, "The lake is 12 metres deep.") as second:
        model = scripted("The lake is 12 metres deep.", TALL)
        with rag.Chat(index=[library, second], llm=model) as chat:
            lake, tower = chat.ask("How deep is the lake?"), chat.ask("How tall is the tower?")
        assert lake.hits[0].source.endswith("lake.txt")
        assert lake.citations[0].quote == "The lake is 12 metres deep."
        assert lake.citations[0].place == "line 1"
        assert tower.citations[0].source.endswith("tower.txt")
        both = Indexes([library, second])
        hits = both.first_hits(both.search_words("tower lake pond kitchen roses", 50), 50)
        assert len({hit.chunk for hit in hits}) == len(both)


def test_a_document_that_is_in_both_indexes_is_found_once(library, folder, embedder):
    with rag.open_index(folder.parent / "second", create=True, embedder=embedder) as second:
        rag.sync([folder], index=second)
        with rag.Chat(index=[library, second], llm=scripted(TALL)) as chat:
            answer = chat.ask("How tall is the tower?")
    assert len([hit for hit in answer.hits if hit.source.endswith("tower.txt")]) == 1


def test_a_filter_that_one_index_knows_holds_for_it(library, tmp_path):
    with second_index(tmp_path, "---\nshelf: north\n---\nThe lake is 12 metres deep.", "lake.md") as second:
        with rag.Chat(index=[library, second], llm=scripted("The lake is 12 metres deep."), where={"shelf": "north"}) as chat:
            assert [hit.source.rpartition("/")[2] for hit in chat.ask("How deep is the lake?").hits] == ["lake.md"]
        with (
            rag.Chat(index=[library, second], llm=scripted("x"), where={"shlf": "n"}) as chat,
            pytest.raises(UsageError, match="shlf"),
        ):
            chat.ask("How deep is the lake?")


def test_indexes_of_different_embedders_are_refused(library, tmp_path):
    with (
        second_index(tmp_path, "A lake.", embedder=HashEmbedder(name="other")) as second,
        pytest.raises(EmbedderMismatchError, match=r"hash.*other"),
    ):
        rag.Chat(index=[library, second], llm="extractive")
    with pytest.raises(UsageError, match="index"):
        rag.Chat(index=[], llm="extractive")


# sessions


def test_a_session_is_resumed_by_its_name(library):
    with rag.Chat(index=library, llm=scripted(TALL), session="staff") as chat:
        chat.ask("How tall is the tower?")
    with rag.Chat(index=library, llm=scripted("When was the tower built?", BUILT), session="staff") as chat:
        assert [turn.asked for turn in chat.history] == ["How tall is the tower?"]
        assert chat.ask("When was it built?").question == "When was the tower built?"
        assert chat.history[0].citations[0].quote == TALL
    assert sessions_of(library.path) == ["staff"]
    with rag.Chat(index=library, llm=scripted(), session="other") as chat:
        assert chat.history == ()


def test_an_index_with_chats_is_sound_and_searched_as_before(library):
    with rag.Chat(index=library, llm=scripted(TALL), session="staff") as chat:
        chat.ask("How tall is the tower?")
    assert library.verify() == []
    assert library.repair() == []
    library.compact()
    assert sessions_of(library.path) == ["staff"]
    assert rag.search("How tall is the tower?", index=library)[0].source.endswith("tower.txt")


def test_a_chat_without_a_session_writes_nothing(library):
    with rag.Chat(index=library, llm=scripted(TALL)) as chat:
        chat.ask("How tall is the tower?")
        assert len(chat.history) == 1
    assert not (library.path / "chats").exists()


def test_cleared_turns_stay_in_the_file_only(library, tmp_path):
    path = tmp_path / "talk.jsonl"
    with rag.Chat(index=library, llm=scripted(TALL, BUILT), session=path) as chat:
        chat.ask("How tall is the tower?")
        chat.clear()
        assert chat.history == ()
        assert chat.ask("Who built it?").question == "Who built it?"
    assert [next(iter(json.loads(line))) for line in path.read_text("utf-8").splitlines()] == ["turn", "cleared", "turn"]
    assert [turn.asked for turn in Session(path).told().turns] == ["Who built it?"]


def turn(number, text="x"):
    return Turn(f"question {number}", f"question {number}", text)


def test_a_line_cut_short_by_a_crash_goes_with_the_next_turn(tmp_path):
    path = tmp_path / "s.jsonl"
    session = Session(path)
    for number in range(2):
        session.add(turn(number))
    whole = path.read_bytes()
    for end in range(len(whole.splitlines()[0]) + 1, len(whole), 4):
        path.write_bytes(whole[:end])
        torn = Session(path)
        assert [one.asked for one in torn.told().turns] == ["question 0"]
        torn.add(turn(2))
        assert [one.asked for one in Session(path).told().turns] == ["question 0", "question 2"]


def test_a_torn_line_longer_than_a_block_goes_too(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"turn": {"asked": "' + b"x" * 200_000)
    Session(path).add(turn(0))
    assert [one.asked for one in Session(path).told().turns] == ["question 0"]


@pytest.mark.parametrize("written", [0, 1, 12, 40, 120])
@pytest.mark.parametrize("empty", [1, 5000, 70_000])
def test_empty_bytes_of_a_crash_warn_and_go_with_the_next_turn(tmp_path, written, empty):
    path = tmp_path / "s.jsonl"
    session = Session(path)
    session.add(turn(0))
    first = path.read_bytes()
    session.add(turn(1))
    path.write_bytes(path.read_bytes()[: len(first) + written] + b"\0" * empty)
    with pytest.warns(UserWarning, match=rf"s\.jsonl .*\b{empty:,} bytes"):
        resumed = Session(path)
    assert [one.asked for one in resumed.told().turns] == ["question 0"]
    resumed.add(turn(2))
    assert [one.asked for one in Session(path).told().turns] == ["question 0", "question 2"]


def test_a_session_of_empty_bytes_only_starts_again(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\0" * 4096)
    with pytest.warns(UserWarning, match=r"s\.jsonl .*\b4,096 bytes"):
        Session(path).add(turn(0))
    assert [one.asked for one in Session(path).told().turns] == ["question 0"]


def test_empty_bytes_before_foreign_text_are_left_alone(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_bytes(content := b"\0" * 40 + b"Buy milk.")
    with pytest.raises(IndexStoreError, match=r"s\.jsonl"):
        Session(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("line", ["nonsense", "[1]", '{"turn": {"asked": 1}}', '{"turn": []}', '{"other": 1}', "[" * 100_000])
def test_a_file_that_is_no_session_is_refused_with_the_line(tmp_path, line):
    path = tmp_path / "s.jsonl"
    Session(path).add(turn(0))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(IndexStoreError, match=r"s\.jsonl, line 2"):
        Session(path)


@pytest.mark.parametrize("content", ["Buy milk.", '{"note": 1}', "First.\nSecond."])
def test_a_file_that_is_no_session_is_left_alone(tmp_path, content):
    path = tmp_path / "s.jsonl"
    path.write_text(content)
    with pytest.raises(IndexStoreError, match=r"s\.jsonl, line \d"):
        session_at(path, index=tmp_path)
    assert path.read_text() == content


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path):
    path = tmp_path / "s.jsonl"
    session = Session(path)
    path.write_text("Buy milk.")
    with pytest.raises(IndexStoreError, match=r"s\.jsonl, .*last line"):
        session.add(turn(0))
    assert path.read_text() == "Buy milk."


def test_any_text_survives_a_session(tmp_path):
    said = "ünï \u2028 \x85 \x00 \x1b[31m \n\r 🏳️ \ud800"
    session = Session(tmp_path / "s.jsonl")
    session.add(turn(0, said))
    assert len(Session(tmp_path / "s.jsonl").told().turns) == 1
    assert Session(tmp_path / "s.jsonl").told().turns[0].answer.startswith("ünï \u2028 \x85 \x00 \x1b[31m \n\r 🏳️")


def test_links_in_an_index_are_not_followed(index, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("precious\n", encoding="utf-8")
    (index.path / "chats").mkdir()
    (index.path / "chats" / "staff.jsonl").symlink_to(mine)
    with pytest.raises(IndexStoreError, match=r"staff\.jsonl"):
        session_at("staff", index=index.path)
    (index.path / "chats" / "staff.jsonl").unlink()
    session = session_at("staff", index=index.path)
    (index.path / "chats" / "staff.jsonl").symlink_to(mine)
    with pytest.raises(IndexStoreError, match=r"staff\.jsonl"):
        session.add(turn(0))
    assert mine.read_text("utf-8") == "precious\n"
    (index.path / "chats").rename(tmp_path / "elsewhere")
    (index.path / "chats").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IndexStoreError, match="chats"):
        session_at("staff", index=index.path)


@pytest.fixture
def unwritable(library):
    """An index whose chats cannot be saved, even by root: a folder takes the place of the lock file."""
    (library.path / "chats").mkdir()
    (library.path / "chats" / "staff.jsonl.lock").mkdir()
    return library


def test_a_chat_goes_on_without_a_session_and_warns(unwritable):
    with (
        pytest.warns(UserWarning, match=r"staff\.jsonl .*--session PATH\.jsonl"),
        rag.Chat(index=unwritable, llm=scripted(TALL), session="staff") as chat,
    ):
        assert chat.history == ()
    with rag.Chat(index=unwritable, llm=scripted(TALL)) as chat:
        assert chat.ask("How tall is the tower?").answerable


def test_a_read_only_session_is_still_remembered(library):
    with rag.Chat(index=library, llm=scripted(TALL), session="staff") as chat:
        chat.ask("How tall is the tower?")
    lock = library.path / "chats" / "staff.jsonl.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    content = (library.path / "chats" / "staff.jsonl").read_bytes()
    with pytest.warns(UserWarning, match=r"staff\.jsonl"):
        chat = rag.Chat(index=library, llm=scripted("When was the tower built?", BUILT), session="staff")
    with chat:
        assert chat.ask("When was it built?").question == "When was the tower built?"
        assert [turn.asked for turn in chat.history] == ["How tall is the tower?", "When was it built?"]
    assert (library.path / "chats" / "staff.jsonl").read_bytes() == content


def test_an_answer_survives_when_its_turn_cannot_be_kept(library):
    with rag.Chat(index=library, llm=scripted(TALL, "When was the tower built?", BUILT), session="staff") as chat:
        lock = library.path / "chats" / "staff.jsonl.lock"
        lock.unlink(missing_ok=True)
        lock.mkdir()
        with pytest.warns(UserWarning, match=r"staff\.jsonl"):
            assert chat.ask("How tall is the tower?").answerable
        chat.ask("When was it built?")
        assert [turn.asked for turn in chat.history] == ["How tall is the tower?", "When was it built?"]


def test_an_own_file_that_cannot_be_written_is_refused(library, tmp_path):
    (tmp_path / "talk.jsonl.lock").mkdir()
    with pytest.raises(IndexStoreError, match=r"talk\.jsonl"):
        rag.Chat(index=library, llm=scripted(), session=tmp_path / "talk.jsonl")


@pytest.mark.parametrize("name", ["", ".hidden", "a:b", "x" * 90, "end.", "new\nline", "tab\t"])
def test_a_session_has_a_name_that_a_file_can_have_everywhere(index, name):
    with pytest.raises(UsageError):
        session_at(name, index=index.path)


def test_a_path_is_a_file_of_its_own(index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert session_at("talk.jsonl", index=index.path).path == tmp_path / "talk.jsonl"
    assert session_at(str(tmp_path / "talk"), index=index.path).path == tmp_path / "talk"
    with pytest.raises(UsageError, match="absent"):
        session_at("absent/talk.jsonl", index=index.path)


def test_two_processes_go_on_with_one_session(library):
    first, second = (session_at("both", index=library.path) for _ in range(2))
    first.add(turn(0))
    second.add(turn(1))
    assert [one.asked for one in first.told().turns] == ["question 0", "question 1"] == [t.asked for t in second.told().turns]


def write_turns(path, first, barrier):
    session = Session(path)
    barrier.wait()
    for number in range(first, first + 25):
        session.add(turn(number, "x" * 20_000))


@pytest.mark.slow
def test_processes_that_write_together_lose_no_turn(tmp_path):
    path = tmp_path / "s.jsonl"
    processes = multiprocessing.get_context("spawn")
    barrier = processes.Barrier(3)
    writers = [processes.Process(target=write_turns, args=(path, 100 * number, barrier)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    told = Session(path).told().turns
    assert sorted(int(one.asked.split()[1]) for one in told) == sorted(n + 100 * w for w in range(3) for n in range(25))
    for number in range(3):
        mine = [int(one.asked.split()[1]) for one in told if int(one.asked.split()[1]) // 100 == number]
        assert mine == sorted(mine)


# the command


@pytest.fixture
def rag_chat(tmp_path, folder):
    """Run `rag chat` with lines on stdin, over an index `i` of the three small documents."""
    kept = {name: value for name, value in os.environ.items() if name == "RAG_CACHE" or not name.startswith("RAG_")}

    def run(*arguments, stdin=""):
        return subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *arguments],
            input=stdin, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, env=kept,
        )  # fmt: skip

    assert run("index", "documents", "--index", "i").returncode == 0
    return lambda *arguments, stdin: run("chat", "--index", "i", "--llm", "extractive", *arguments, stdin=stdin)


@pytest.mark.slow
def test_lines_of_stdin_are_a_conversation(rag_chat):
    done = rag_chat(
        "--session", "s", stdin="hi\nHow tall is the tower?\nWhen was it built?\n/sources\n/sorces\n/history\n/quit\nnever\n"
    )
    assert done.returncode == 0
    assert "Hello. Ask me something" in done.stdout
    assert "The tower is 34 metres tall [1]." in done.stdout
    assert "→ When was it built? (tall tower)" in done.stdout
    assert "[1] documents/tower.txt" in done.stdout
    assert "“It was built in 1872 by Ada Brandt.”" in done.stdout
    assert "There is no /sorces. Did you mean '/sources'?" in done.stdout
    assert "> How tall is the tower?" in done.stdout
    assert "never" not in done.stdout
    again = rag_chat("--session", "s", stdin="/sources\n/clear\n/history\n")
    assert (
        again.stdout.index("It was built in 1872")
        < again.stdout.index("Forgotten.")
        < again.stdout.index("There are no turns yet.")
    )


@pytest.mark.slow
def test_json_is_one_object_a_turn_and_an_error_is_one_too(rag_chat):
    done = rag_chat("--json", stdin="How tall is the tower?\n\nWho built it?\n/help\n")
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["asked"], first["answerable"]) == ("How tall is the tower?", True)
    assert (second["asked"], second["question"]) == ("Who built it?", "Who built it? (tall tower)")
    assert done.stderr == ""
    lost = rag_chat("--json", stdin="/foo\n/sorces now\n/clear all\nHow tall is the tower?\n")
    told = [json.loads(line) for line in lost.stdout.splitlines()]
    assert (lost.returncode, [one["asked"] for one in told[:3]]) == (1, ["/foo", "/sorces now", "/clear all"])
    assert told[0]["error"].startswith("There is no /foo. The commands are /sources,")
    assert "Did you mean '/sources'?" in told[1]["error"]
    assert told[2]["error"] == "/clear must be alone on its line."
    assert told[3]["answerable"]
    failed = rag_chat("--json", "--where", "shlf=x", stdin="How tall is the tower?\n")
    assert failed.returncode == 1
    assert "shlf" in json.loads(failed.stdout)["error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--session", "a:b"], "'a:b'"),
        (["--nearest-examples", "2"], "--examples FILE"),
        (["--prompts", "documents"], ".jinja"),
        (["--index", "absent"], "absent"),
    ],
)
def test_mistakes_end_the_chat_before_any_question(rag_chat, arguments, message):
    done = rag_chat(*arguments, stdin="How tall is the tower?\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


IN_PERSON = """
import asyncio
from rag import specs
from rag.cli import main
from rag.testing.fakes import ScriptedGenerator

class Hanging(ScriptedGenerator):
    async def stream(self, prompt, sampling):
        yield "The tower is 34 metres tall. "
        yield "It was "
        if len(self.prompts) == 0:
            self.prompts.append(prompt)
            await asyncio.Event().wait()
        yield "built in 1872."

model = Hanging([])
specs.open_llm = lambda *_, **__: model
main(["chat", "--index", "i", "--llm", "local"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_ctrl_c_stops_the_answer_and_ctrl_d_the_chat(rag_chat, tmp_path):
    import pty

    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}", "TERM": "dumb"}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, "-c", IN_PERSON], environment)
    seen = ""

    def until(text, *, pressing=b""):
        """Read until the text comes; return what came before. Python misses a Ctrl-C that comes just before it waits for keys."""
        nonlocal seen
        while text not in seen:
            if pressing and not select.select([terminal], [], [], 1)[0]:
                os.write(terminal, pressing)
                continue
            seen += os.read(terminal, 4096).decode("utf-8", "replace")
        before, _, seen = seen.partition(text)
        return before

    def rest():
        """All that comes before the end."""
        nonlocal seen
        with suppress(OSError):  # the other end of the terminal is closed
            while part := os.read(terminal, 4096):
                seen += part.decode("utf-8", "replace")
        return seen

    until("> ")
    os.write(terminal, b"How tall is the tower?\n")
    until("34 metres tall [1]. ")
    os.write(terminal, b"\x03")
    until("Stopped; this turn is not remembered.")
    until("> ")
    os.write(terminal, b"half a line\x03")
    until("Ctrl-D or /quit leaves.", pressing=b"\x03")
    until("> ")
    os.write(terminal, b"How tall is the tower?\n")
    until("It was built in 1872 [2].")
    until("> ")
    os.write(terminal, b"/history\n")
    until("> How tall is the tower?")
    assert "How tall" not in until("It was built in 1872")
    until("> ")
    os.write(terminal, b"\x04")
    assert "How tall" not in rest()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
