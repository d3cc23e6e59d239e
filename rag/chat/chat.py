"""A conversation over documents: each question made whole, answered from the documents, and remembered."""

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
"""What was said before takes at most one part in so many of the window."""

TURNS_SHOWN = 6
TURNS_TO_REWRITE_BY = 3
TOKENS_OF_A_QUESTION = 96
TOKENS_OF_A_SUMMARY = 160
ABOUT_BEFORE = "What did we speak about before?"


class Chat:
    """A conversation that remembers: in `session` (a name kept in the first index's folder, or a file), else while it lasts.

    `index` is one index or several, as objects, folders or addresses; `llm` a generator or a spec. What is given as a string is opened
    now and kept open until `close()`. `system` is said to the model before the toolkit's own instructions. The other options
    are those of `rag.ask`. Where a named session cannot be written, there is a warning, and the conversation lasts as long as
    this object; a file that cannot be written raises IndexStoreError. One question is asked at a time; other processes may go
    on with the same session.

    A model that can tell several sources apart is shown what was said before, and makes follow-ups whole; for a small one,
    the topic of the latest whole question is added to what is searched for.
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
        named = list(index) if isinstance(index, Sequence) and not isinstance(index, str) else [index]
        if not named:
            raise UsageError("A chat needs an index.")
        require_text(system, "system")
        require(session is None or isinstance(session, (str, Path)), session, "session", "a name, or the path of a file")
        self._options = AskOptions.of(options)
        with ExitStack() as opened:
            indexes = [opened.enter_context(using_searchable(one)) for one in named]
            self._index: Searchable = indexes[0] if len(indexes) == 1 else Indexes(indexes)
            self._llm = opened.enter_context(using_llm(llm))
            check_options(self._options.sampling, model=self._llm.name, able=self._llm.options)
            self._session = session_at(session, index=indexes[0].path)
            self._opened = opened.pop_all()
        own = self._options.prompts or Prompts()
        self._prompts = own.led_by(system) if system else own
        self._spent = Usage()  # by the turn in hand, besides its answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened for this chat; a session that is kept stays."""
        self._opened.close()

    @property
    def history(self) -> tuple[Turn, ...]:
        """What was asked and answered since the beginning, or since `clear()`, the oldest first."""
        return self._session.told().turns

    def clear(self) -> None:
        """Forget what was said. The file of a session keeps it, marked as cleared."""
        self._keep(self._session.clear)

    def ask(
        self, text: str, *, on_sentence: OnSentence | None = None, on_question: Callable[[str], None] | None = None
    ) -> Answer:
        """The answer to what a person says; its `question` is the whole question that was looked for.

        `on_question` is called with that question where it differs from what was said; `on_sentence` is as in `rag.ask`. Small
        talk gets a short fixed reply that rests on nothing (`answerable` is False, there are no hits). A turn is remembered when
        its answer is complete.
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
        said = " ".join(sentence.text for sentence in answer.sentences) or answer.text
        turn = Turn(text, answer.question, said, answer.answerable, answer.citations, answer.model)
        await asyncio.to_thread(self._keep, partial(self._session.add, turn))
        return answer

    def _keep(self, write: Callable[[], None]) -> None:
        """Where nothing can be written any more, an answer is not to be lost: the conversation goes on in memory."""
        try:
            write()
        except IndexStoreError as error:
            warnings.warn(f"{error} What is said from now on is remembered until the end only.", stacklevel=2)
            self._session.detach()
            write()

    async def _answer(
        self, text: str, started: float, on_sentence: OnSentence | None, on_question: Callable[[str], None] | None
    ) -> Answer:
        told = self._session.told()
        self._spent = Usage()
        question, is_understood = await self._whole(text, told)
        if question != text and on_question:
            on_question(question)
        options = replace(self._options, prompts=self._prompts.after(await self._history(question, told)))
        said = "" if is_understood else text
        prepared = await asyncio.to_thread(prepare, question, index=self._index, llm=self._llm, options=options, said=said)
        if not is_understood and prepared.prompt:
            prepared = replace(prepared, prompt=await asyncio.to_thread(self._asked_as, text, prepared.prompt, options))
        answer = await write(prepared, llm=self._llm, options=options, on_sentence=on_sentence, started=started)
        return replace(answer, usage=_sum(answer.usage, self._spent))

    def _asked_as(self, text: str, prompt: Prompt, options: AskOptions) -> Prompt:
        """The prompt with the shorter question that the person asked: with the right sources before it, it is understood best."""
        prompts = options.prompts or self._prompts
        messages = prompts.answer(text, prompt.passages, by_example=self._llm.max_sources == 1)
        tokens = self._llm.count_tokens(messages)
        return replace(prompt, question=text, messages=messages, tokens=tokens) if tokens <= prompt.tokens else prompt

    # a question that leans on what was said

    async def _whole(self, text: str, told: Told) -> tuple[str, bool]:
        """The question to look for, and whether it is one, and not one with a topic added."""
        turns = [turn for turn in told.turns if small_talk(turn.asked) is None]
        if not turns or not leans_on_earlier(text):
            return text, True
        if self._llm.max_sources is None:
            latest = turns[-TURNS_TO_REWRITE_BY:]
            written = await self._write(
                [self._prompts.rewrite(text, _messages(latest[first:])) for first in range(len(latest))], TOKENS_OF_A_QUESTION
            )
            if rewriting := accepted_rewriting(written, text, [f"{turn.question} {turn.answer}" for turn in turns]):
                return rewriting, True
        return _with_topic(text, turns), False

    async def _write(self, prompts: Sequence[tuple[Message, ...]], max_tokens: int) -> str:
        """What the model writes to the first of the prompts that fits its window; nothing where none does."""
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

    # what was said, as far as there is room for it

    async def _history(self, question: str, told: Told) -> tuple[Message, ...]:
        """Pairs of messages that take a part of the window at most; what is older is summed up, or left out."""
        if self._llm.max_sources is not None:
            return ()
        turns = [turn for turn in told.turns[told.summarised :] if turn.answerable]
        summary, kept = told.summary, await self._that_fit(question, told.summary, turns[-TURNS_SHOWN:])
        if len(kept) < len(turns):
            kept = kept[len(kept) // 2 :]  # so that not every further turn needs another summary
            older = turns[: len(turns) - len(kept)]
            prompts = [self._prompts.summary(_messages(older[first:]), summary=summary) for first in range(len(older))]
            if written := await self._write(prompts, TOKENS_OF_A_SUMMARY):
                summary = written
                through = next(number for number, turn in enumerate(told.turns, 1) if turn is older[-1])
                await asyncio.to_thread(self._keep, partial(self._session.summarise, summary, through))
            kept = await self._that_fit(question, summary, kept)
        past = _past(summary, kept)
        return past if kept or await self._fits(question, past) else ()

    async def _that_fit(self, question: str, summary: str, turns: list[Turn]) -> list[Turn]:
        """The latest turns that fit beside the summary."""
        while turns and not await self._fits(question, _past(summary, turns)):
            turns = turns[1:]
        return turns

    async def _fits(self, question: str, past: tuple[Message, ...]) -> bool:
        """Whether that is no more than the part of the window that the past may take, counted by the model."""
        room = (self._llm.window - self._options.sampling.max_tokens) // SHARE_OF_THE_PAST
        return await asyncio.to_thread(self._llm.count_tokens, (*past, Message("user", question))) <= room


def _with_topic(text: str, turns: Sequence[Turn]) -> str:
    """The question, and in brackets what the latest question that stood for itself was about."""
    topic = next((turn.asked for turn in reversed(turns) if turn.question == turn.asked), turns[-1].question)
    known = set(topic_words(text).casefold().split())
    words = " ".join(word for word in topic_words(topic).split() if word.casefold() not in known)
    return f"{text} ({words})" if words else text


def _past(summary: str, turns: Sequence[Turn]) -> tuple[Message, ...]:
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
