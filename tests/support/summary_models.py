"""Models that sum up in predictable ways, and refuse prompts that overflow them."""

from __future__ import annotations

import asyncio
import random
import re
from typing import TYPE_CHECKING

from rag.errors import ModelError
from rag.sampling import ALL_OPTIONS
from rag.types import Sentence, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from rag.sampling import Sampling
    from rag.types import Message, Passage, Prompt

TOKEN = re.compile(r"\w{1,5}|[^\w\s]")
SOURCE = re.compile(r"<source[^>]*>\n(.*)\n</source>", re.DOTALL)
ASKED_WORDS = re.compile(r"(\d+) words")


def tokens_of(text: str) -> int:
    return len(TOKEN.findall(text))


def shown(messages: Sequence[Message]) -> str:
    """The text that a prompt asks about."""
    return SOURCE.search(messages[-1].content)[1]


class SummaryModel:
    """Answers what `answer` makes of the messages; five letters are a token, each message costs four more.

    Raises ModelError for a prompt and an answer that do not fit the window together. An answer is cut at `max_tokens`, but by a
    model that is not `obedient`. With `together`, nothing is answered before so many calls have been there at once.
    """

    name = "summary-model"
    max_sources = None
    options = ALL_OPTIONS

    def __init__(
        self,
        answer: Callable[[Sequence[Message]], str],
        *,
        window: int = 4096,
        parallel: int = 4,
        obedient: bool = True,
        together: int = 1,
    ) -> None:
        self.together = together
        self.answer, self.window, self.parallel, self.obedient = answer, window, parallel, obedient
        self.prompts: list[Prompt] = []
        self.counted = self.at_once = self.most_at_once = 0
        self.closed = False
        self._all_are_there = asyncio.Event()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        self.counted += 1
        return sum(4 + tokens_of(message.content) for message in messages)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        tokens = sum(4 + tokens_of(message.content) for message in prompt.messages)
        if tokens + sampling.max_tokens > self.window:
            raise ModelError(f"overflow: {tokens} + {sampling.max_tokens} > {self.window}")
        self.prompts.append(prompt)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.most_at_once < self.together:
                await asyncio.wait_for(self._all_are_there.wait(), 60)
            self._all_are_there.set()
            text = self.answer(prompt.messages)
        finally:
            self.at_once -= 1
        if self.obedient:
            cut = list(TOKEN.finditer(text))[: sampling.max_tokens]
            text = text[: cut[-1].end()] if cut else ""
        yield text
        yield Usage(tokens, tokens_of(text))

    def close(self) -> None:
        self.closed = True


class VerbatimVerifier:
    """Supports sentences that a passage holds word for word, apart from white space. Much faster than judging words and facts."""

    def check(self, sentence: str, passages: Sequence[Passage]) -> tuple[Sentence, list[tuple[Passage, int, int]]]:
        pattern = re.compile(r"\s+".join(map(re.escape, sentence.split())))
        for passage in passages:
            if sentence.strip() and (found := pattern.search(passage.text)):
                return Sentence(sentence, support="full", score=1.0), [(passage, found.start(), found.end())]
        return Sentence(sentence), []


def first_sentences(messages: Sequence[Message]) -> str:
    """As many sentences of the text as come to the words asked for; two at least."""
    wanted = int(ASKED_WORDS.search(messages[0].content)[1])
    sentences = re.split(r"(?<=[.!?])\s+", shown(messages).strip())
    kept: list[str] = []
    while sentences and (len(kept) < 2 or sum(len(s.split()) for s in kept) + len(sentences[0].split()) <= wanted):
        kept.append(sentences.pop(0))
    return " ".join(kept)


def facts(count: int, *, seed: int = 1) -> str:
    """So many sentences that each say something else, in paragraphs of three."""
    chance = random.Random(seed)
    things = "mill bridge tower harbour school market chapel garden quarry station".split()
    deeds = "built painted sold repaired flooded visited measured closed opened moved".split()
    sentences = [
        f"The {chance.choice(things)} of district {number} was {chance.choice(deeds)} in {1500 + number} "
        f"by family {chance.randrange(10**6)}."
        for number in range(count)
    ]
    return "\n\n".join(" ".join(sentences[start : start + 3]) for start in range(0, count, 3))
