"""A conversation over documents: each follow-up question is completed, answered from the documents, and remembered."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

from rag.answers.answer import write
from rag.answers.options import AskKeywords, AskOptions
from rag.answers.question import prepare
from rag.arguments import require, require_call, require_text, takes
from rag.chat.followups import accepted_rewriting, leans_on_earlier, small_talk, topic_words
from rag.chat.sessions import Turn, session_at
from rag.errors import IndexStoreError, UsageError
from rag.grounding.citations import WRITTEN_MARKER
from rag.index.several import Indexes
from rag.models.generators.thoughts import without_thoughts
from rag.prompts import Prompts
from rag.sampling import Sampling, check_options
from rag.specs import using_llm, using_searchable
from rag.system.loops import run
from rag.types import Answer, Hits, Message, Prompt, Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rag.answers.answer import OnSentence
    from rag.chat.sessions import Told
    from rag.protocols import Generator, Searchable

SHARE_OF_THE_PAST = 4
"""The earlier conversation takes at most 1/SHARE_OF_THE_PAST of the window."""

TURNS_SHOWN = 6
TURNS_TO_REWRITE_BY = 3
TOKENS_OF_A_QUESTION = 96
TOKENS_OF_A_SUMMARY = 160
ABOUT_BEFORE = "What did we speak about before?"


class Chat:
    """A conversation over one or more indexes that understands follow-up questions.

    - `index`: one index or several, as objects, folders or addresses.
    - `llm`: a generator or a spec. Indexes and models named by strings are opened here and stay open until `close()`.
    - `system`: text for the model before the toolkit's own instructions.
    - `session`: where turns are saved: a name (a file in the first index's folder) or the path of a file. Without it, they
      last as long as this object. Several processes may share a session.
    - The other options are those of `rag.ask`.

    If a named session cannot be written, the chat warns and remembers its turns in memory. If a session file cannot be
    written, it raises IndexStoreError. Ask one question at a time.

    A model that reads several sources sees the earlier turns and rewrites follow-up questions. For a model that reads a single
    source (`max_sources` 1), the topic of the last complete question is added to the search.

        with rag.Chat(index="indexes/handbook", session="staff") as chat:
            chat.ask("How tall is the tower?")
            chat.ask("And who built it?").text
    """

    @takes(AskKeywords, AskOptions)
    def __init__(
        self,
        *,
        index: Searchable | str | Path | Sequence[Searchable | str | Path],
        llm: Generator | str = "local",
        system: str = "",
        session: str | Path | None = None,
        **options: Unpack[AskKeywords],
    ) -> None:
        sources = list(index) if isinstance(index, Sequence) and not isinstance(index, str) else [index]
        if not sources:
            raise UsageError("A chat needs an index.")
        require_text(system, "system")
        require(session is None or isinstance(session, (str, Path)), session, "session", "a name, or the path of a file")
        self._options = AskOptions.of(options)
        with ExitStack() as opened:
            indexes = [opened.enter_context(using_searchable(source)) for source in sources]
            self._index: Searchable = indexes[0] if len(indexes) == 1 else Indexes(indexes)
            self._llm = opened.enter_context(using_llm(llm))
            check_options(self._options.sampling, model=self._llm.name, able=self._llm.options)
            self._session = session_at(session, index=indexes[0].path)
            self._opened = opened.pop_all()
        prompts = self._options.prompts or Prompts()
        self._prompts = prompts.led_by(system) if system else prompts
        self._spent = Usage()  # of the current turn, without its answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the indexes and the model that the chat opened. A saved session stays on disk."""
        self._opened.close()

    @property
    def history(self) -> tuple[Turn, ...]:
        """The turns since the beginning, or since `clear()`, oldest first."""
        return self._session.told().turns

    def clear(self) -> None:
        """Forget all turns. The session's file keeps them, marked as cleared."""
        self._keep(self._session.clear)

    def ask(
        self, text: str, *, on_sentence: OnSentence | None = None, on_question: Callable[[str], None] | None = None
    ) -> Answer:
        """Answer a question or a follow-up. `Answer.question` is the completed question, `Answer.asked` the text as written.

        `on_question` is called with the completed question if it differs from `text`. `on_sentence` is as in `rag.ask`. Small
        talk gets a short fixed reply without sources: `answerable` is False and there are no hits. The turn is remembered once
        the answer is complete. Raises UsageError for an empty question, ModelError if the model fails.
        """
        return run(self.aask(text, on_sentence=on_sentence, on_question=on_question))

    async def aask(
        self, text: str, *, on_sentence: OnSentence | None = None, on_question: Callable[[str], None] | None = None
    ) -> Answer:
        """`ask` for code that runs in an event loop."""
        started = time.perf_counter()
        require_text(text, "The question")
        require_call(on_sentence, "on_sentence")
        require_call(on_question, "on_question")
        text = text.strip()
        if not text:
            raise UsageError("The question is empty.")
        if reply := small_talk(text):
            answer = Answer(text, reply, False, 0.0, (), (), Hits(question=text), self._llm.name)
        else:
            answer = await self._answer(text, started, on_sentence, on_question)
        answer = replace(answer, asked=text)
        without_markers = " ".join(sentence.text for sentence in answer.sentences) or answer.text
        turn = Turn(text, answer.question, without_markers, answer.answerable, answer.citations, answer.model)
        await asyncio.to_thread(self._keep, partial(self._session.add, turn))
        return answer

    def _keep(self, write: Callable[[], None]) -> None:
        """Write to the session. If its file cannot be written, warn and keep the conversation in memory."""
        try:
            write()
        except IndexStoreError as error:
            warnings.warn(f"{error} From now on, the conversation is remembered until the end only.", stacklevel=2)
            self._session.detach()
            write()

    async def _answer(
        self, text: str, started: float, on_sentence: OnSentence | None, on_question: Callable[[str], None] | None
    ) -> Answer:
        past = self._session.told()
        self._spent = Usage()
        question, is_complete = await self._completed(text, past)
        if question != text and on_question:
            on_question(question)
        options = replace(self._options, prompts=self._prompts.after(await self._history(question, past)))
        said = "" if is_complete else text
        prepared = await asyncio.to_thread(prepare, question, index=self._index, llm=self._llm, options=options, said=said)
        if not is_complete and prepared.prompt:
            prepared = replace(prepared, prompt=await asyncio.to_thread(self._asked_as, text, prepared.prompt, options))
        answer = await write(prepared, llm=self._llm, options=options, on_sentence=on_sentence, started=started)
        return replace(answer, usage=_sum(answer.usage, self._spent))

    def _asked_as(self, text: str, prompt: Prompt, options: AskOptions) -> Prompt:
        """The prompt with the person's own, shorter question. With the right sources in front, models answer it best."""
        prompts = options.prompts or self._prompts
        messages = prompts.answer(text, prompt.passages, by_example=self._llm.max_sources == 1)
        tokens = self._llm.count_tokens(messages)
        return replace(prompt, question=text, messages=messages, tokens=tokens) if tokens <= prompt.tokens else prompt

    # follow-up questions

    async def _completed(self, text: str, past: Told) -> tuple[str, bool]:
        """The question to search for; False if it is the text with a topic added."""
        turns = [turn for turn in past.turns if small_talk(turn.asked) is None]
        if not turns or not leans_on_earlier(text):
            return text, True
        if self._llm.max_sources is None:
            latest = turns[-TURNS_TO_REWRITE_BY:]
            prompts = [self._prompts.rewrite(text, _messages(latest[first:])) for first in range(len(latest))]
            written = await self._write(prompts, TOKENS_OF_A_QUESTION)
            rewriting = accepted_rewriting(written, text, [f"{turn.question} {turn.answer}" for turn in turns])
            if rewriting:
                return rewriting, True
        return _with_topic(text, turns), False

    async def _write(self, prompts: Sequence[tuple[Message, ...]], max_tokens: int) -> str:
        """The model's text for the first prompt that fits its window; "" if none fits."""
        pieces = []
        for messages in prompts:
            tokens = await asyncio.to_thread(self._llm.count_tokens, messages)
            if tokens + max_tokens > self._llm.window:
                continue
            prompt = Prompt(messages[-1].content, (), messages, tokens)
            async with aclosing(self._llm.stream(prompt, Sampling(max_tokens=max_tokens))) as stream:
                async for piece in stream:
                    if isinstance(piece, Usage):
                        self._spent = _sum(self._spent, piece)
                    else:
                        pieces.append(piece)
            break
        return without_thoughts("".join(pieces)).strip()

    # the earlier conversation, as far as it fits

    async def _history(self, question: str, past: Told) -> tuple[Message, ...]:
        """The latest turns as pairs of messages that fit their share of the window. Older turns are summarised or dropped."""
        if self._llm.max_sources is not None:
            return ()
        turns = [turn for turn in past.turns[past.summarised :] if turn.answerable]
        summary, kept = past.summary, await self._that_fit(question, past.summary, turns[-TURNS_SHOWN:])
        if len(kept) < len(turns):
            kept = kept[len(kept) // 2 :]  # leave space, so that not every further turn needs a new summary
            older = turns[: len(turns) - len(kept)]
            prompts = [self._prompts.summary(_messages(older[first:]), summary=summary) for first in range(len(older))]
            if written := await self._write(prompts, TOKENS_OF_A_SUMMARY):
                summary = written
                through = next(number for number, turn in enumerate(past.turns, 1) if turn is older[-1])
                await asyncio.to_thread(self._keep, partial(self._session.summarise, summary, through))
            kept = await self._that_fit(question, summary, kept)
        messages = _history_messages(summary, kept)
        return messages if kept or await self._fits(question, messages) else ()

    async def _that_fit(self, question: str, summary: str, turns: list[Turn]) -> list[Turn]:
        """The latest turns that fit beside the summary."""
        while turns and not await self._fits(question, _history_messages(summary, turns)):
            turns = turns[1:]
        return turns

    async def _fits(self, question: str, history: tuple[Message, ...]) -> bool:
        """Whether the history and the question fit the history's share of the window, in the model's tokens."""
        most = (self._llm.window - self._options.sampling.max_tokens) // SHARE_OF_THE_PAST
        return await asyncio.to_thread(self._llm.count_tokens, (*history, Message("user", question))) <= most


def _with_topic(text: str, turns: Sequence[Turn]) -> str:
    """The question, with the topic of the last complete question in parentheses."""
    topic = next((turn.asked for turn in reversed(turns) if turn.question == turn.asked), turns[-1].question)
    known = set(topic_words(text).casefold().split())
    words = " ".join(word for word in topic_words(topic).split() if word.casefold() not in known)
    return f"{text} ({words})" if words else text


def _history_messages(summary: str, turns: Sequence[Turn]) -> tuple[Message, ...]:
    before = (Message("user", ABOUT_BEFORE), Message("assistant", summary)) if summary else ()
    return (*before, *_messages(turns))


def _messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    return tuple(
        message
        for turn in turns
        for message in (Message("user", turn.question), Message("assistant", WRITTEN_MARKER.sub("", turn.answer)))
    )


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        first.prompt_tokens + second.prompt_tokens,
        first.completion_tokens + second.completion_tokens,
        first.cached_tokens + second.cached_tokens,
    )
