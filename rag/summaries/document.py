"""Document → summary: count its tokens, choose a chain, cut it into pieces, sum up, adjust the length, cite."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from math import floor, log
from typing import TYPE_CHECKING

from rag.errors import DocumentError, ModelError, UsageError
from rag.grounding.lexical import LexicalVerifier
from rag.models.generators.extractive import ExtractiveGenerator
from rag.models.identity import identity_of
from rag.prompts import Prompts
from rag.summaries.budget import BETWEEN, plan_budget
from rag.summaries.chains import ONLY_THOUGHTS, Tally, Work, map_reduce, refine
from rag.summaries.length import each_said_once, filled, near_length
from rag.summaries.options import SummaryOptions
from rag.summaries.parts import Judge, Part
from rag.summaries.pieces import Piece, cut
from rag.summaries.prompts import Asking
from rag.summaries.types import Summary
from rag.summaries.wording import count_words
from rag.types import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.models.calls import Calls
    from rag.protocols import Generator
    from rag.summaries.budget import Budget
    from rag.types import Document

SHARE_OF_A_SHORT_DOCUMENT = 3
"""Without a chosen length, the summary of a short document has a third of its words."""

LEAST_WORDS = 30
SAMPLE_CHARACTERS = 20_000
STEP = 1.05
"""Characters per token are rounded down to a power of this, so that a small change in a document changes few pieces."""

WORTH_REFINING = 2
"""Number of pieces for which "auto" refines: with two, that takes as many calls in a row as merging, and one less in total."""

DENSEST = 12.0
"""Characters per token that hardly any text exceeds. A document that would not fit even at this density is not counted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The settings that all documents of a run share.

    `model` is the identity of `llm`. `instructions` is the tokens of the longest prompt without text, `template` those of an
    empty message.
    """

    options: SummaryOptions
    asking: Asking
    llm: Generator
    model: str
    instructions: int
    template: int

    @classmethod
    def of(cls, options: SummaryOptions, llm: Generator) -> Frame:
        """Count the prompts' tokens. Raises UsageError for the extractive generator, and for a model whose window is too small."""
        if isinstance(llm, ExtractiveGenerator):
            raise UsageError(f"{llm.name} only quotes, and cannot sum up. Choose a model (--llm).")
        asking = Asking(" ".join(options.focus.split()), options.is_question, options.prompts or Prompts())
        empty = asking.empty(words=options.words or options.usual_words)
        instructions, template = max(map(llm.count_tokens, empty)), llm.count_tokens([Message("user", "")])
        frame = cls(options, asking, llm, identity_of(llm), instructions, template)
        frame.budget(options.words or options.usual_words, 1.5)
        return frame

    def budget(self, words: int, tokens_a_word: float) -> Budget:
        """The budget of a document with this many tokens per word."""
        return plan_budget(
            model=self.llm.name,
            window=self.llm.window,
            instructions=self.instructions,
            words=words,
            tokens_a_word=tokens_a_word,
            piece_tokens=self.options.piece_tokens,
            part_words=self.options.piece_words,
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """A document in pieces, with the chosen chain and its reason."""

    chain: str
    reason: str
    budget: Budget
    pieces: tuple[Piece, ...]
    words: int
    tokens_a_character: float
    document_words: int


async def summarize_document(
    document: Document,
    *,
    frame: Frame,
    calls: Calls,
    turn: int = 0,
    on_cut: Callable[[int], None] | None = None,
    on_read: Callable[[int], None] | None = None,
) -> Summary:
    """Summarise one document. `calls` of a lower `turn` go first.

    `on_cut` gets the tokens of all pieces, `on_read` the tokens of each finished piece. Raises DocumentError for a document
    without text, UsageError if the chain "stuff" does not fit, and ModelError.
    """
    started = time.perf_counter()
    planned = await asyncio.to_thread(plan, document, frame)
    if on_cut:
        on_cut(sum(piece.tokens for piece in planned.pieces))
    judge = Judge(document, frame.options.verifier or LexicalVerifier(), strict=frame.options.strict)
    tally = Tally()
    density = planned.tokens_a_character
    sampling, look_back = frame.options.sampling, frame.options.look_back
    work = Work(planned.budget, frame.asking, sampling, calls, judge, tally, density, look_back, turn, on_read)
    parts, levels = await (refine if planned.chain == "refine" else map_reduce)(planned.pieces, work)
    if not parts and not judge.dropped and (not frame.options.focus or tally.notes[ONLY_THOUGHTS]):
        nothing = "nothing but thoughts" if tally.notes[ONLY_THOUGHTS] else "nothing"
        raise ModelError(
            f"{frame.llm.name} wrote {nothing} about any of the {len(planned.pieces)} pieces of {document.source}. "
            "Use another model (--llm)."
        )
    parts = await _of_the_right_length(parts, planned, work, frame)
    sentences, citations = await asyncio.to_thread(judge.cited, [judged for part in parts for judged in part.judged])
    summary = Summary(
        source=document.source,
        title=document.title,
        sentences=sentences,
        citations=citations,
        chain=planned.chain,
        reason=planned.reason,
        levels=levels,
        calls=tally.calls,
        reused_calls=tally.reused,
        model=frame.llm.name,
        usage=tally.usage,
        seconds=time.perf_counter() - started,
    )
    return replace(summary, notes=tuple(_notes(summary, tally, judge, frame.options)))


def plan(document: Document, frame: Frame) -> Planned:
    """Choose the chain and cut the document. Counts tokens with the model, so it may take a while."""
    if not document.text.strip():
        raise DocumentError(f"{document.source} holds no text. Leave it out.", status="no-text")
    sample = document.text.lstrip()[:SAMPLE_CHARACTERS]
    tokens = max(1, frame.llm.count_tokens([Message("user", sample)]) - frame.template)
    document_words = count_words(document.text)
    short = max(LEAST_WORDS, document_words // SHARE_OF_A_SHORT_DOCUMENT)
    words = min(frame.options.words or min(frame.options.usual_words, short), max(LEAST_WORDS, document_words))
    budget = frame.budget(words, tokens / max(1, count_words(sample)))
    characters_a_token = STEP ** floor(log(len(sample) / tokens, STEP))
    chain, reason, pieces = _chain(document, frame, budget, characters_a_token)
    return Planned(chain, reason, budget, tuple(pieces), words, 1 / characters_a_token, document_words)


def _chain(document: Document, frame: Frame, budget: Budget, density: float) -> tuple[str, str, Sequence[Piece]]:
    options, room = frame.options, budget.window - budget.answer
    if options.piece_tokens and options.chain != "stuff":
        room = min(room, budget.piece)
    if options.chain in ("auto", "stuff"):
        whole = _whole(document, frame, budget, density)
        if whole.tokens <= room and (options.chain == "stuff" or budget.final_parts == 1):
            return "stuff", f"the document fits one prompt ({whole.tokens} of {room} tokens)", [whole]
        if options.chain == "stuff":
            raise UsageError(
                f"{document.source} takes about {whole.tokens} tokens, and a prompt to {frame.llm.name} has room for "
                f"{room}. Use another chain (--chain auto), or a model with a larger window."
            )
    if options.chain in ("refine", "map-reduce"):
        return options.chain, "it was asked for", list(_pieces(document, frame, budget, density, options.chain))
    pieces = list(_pieces(document, frame, budget, density, "map-reduce"))
    if len(pieces) == WORTH_REFINING and budget.final_parts == 1:
        in_a_row = list(_pieces(document, frame, budget, density, "refine"))
        if len(in_a_row) == WORTH_REFINING:
            return "refine", "the document is two prompts long: two calls, where merging would take a third", in_a_row
    why = "the document does not fit one prompt" if budget.final_parts == 1 else "so many words do not fit one answer"
    at_once = f"; {len(pieces)} pieces can be read at the same time" if len(pieces) > 1 else ""
    return "map-reduce", f"{why}{at_once}", pieces


def _whole(document: Document, frame: Frame, budget: Budget, density: float) -> Piece:
    """The document as one piece. If it is far too long, its tokens are estimated from `density`, not counted."""
    text = document.text
    start = len(text) - len(text.lstrip())
    piece = Piece(document, 0, start, len(text.rstrip()))
    if (piece.end - piece.start) / DENSEST > budget.window:
        return replace(piece, tokens=int((piece.end - piece.start) / min(DENSEST, density)))
    return replace(piece, tokens=_measured(piece, frame, budget))


def _measured(piece: Piece, frame: Frame, budget: Budget) -> int:
    return frame.llm.count_tokens(frame.asking.of_piece(piece, words=budget.part_words, window=budget.window))


def _pieces(document: Document, frame: Frame, budget: Budget, density: float, chain: str) -> Iterator[Piece]:
    """Cut the document. For "refine", each prompt also has room for the summary so far."""
    if chain != "refine":
        return cut(
            document, room=budget.piece, measure=lambda piece: _measured(piece, frame, budget), characters_a_token=density
        )

    def measure(piece: Piece) -> int:
        return frame.llm.count_tokens(frame.asking.of_next("", piece, words=budget.words))

    room = min(budget.piece, budget.window - 2 * (budget.answer + BETWEEN))
    return cut(document, room=room, measure=measure, characters_a_token=density)


async def _of_the_right_length(parts: list[Part], planned: Planned, work: Work, frame: Frame) -> list[Part]:
    """Adjust each text to its share of the requested words. If `strict` has dropped every sentence, quote the document instead."""
    if frame.options.words is None or not (parts or work.judge.dropped):
        return parts
    parts = parts or [Part()]
    each = round(planned.words / len(parts))
    can_grow = planned.document_words > planned.words
    adjusted = await asyncio.gather(*(near_length(part, each, work, can_grow=can_grow) for part in parts))
    parts = each_said_once(adjusted)
    said = [text for part in parts for text in part.sentences]
    edges = [number / len(parts) for number in range(len(parts) + 1)]
    for place, stretch in enumerate(pairwise(edges)):
        if can_grow and not frame.options.is_question:
            parts[place] = await work.calls.aside((work.turn,), filled, parts[place], each, work, stretch, said)
            said += parts[place].sentences
    return parts


def _notes(summary: Summary, tally: Tally, judge: Judge, options: SummaryOptions) -> Iterator[str]:
    """Notes for the reader: text that was cut, left out or missing."""
    for note, times in sorted((+tally.notes).items()):
        yield f"{times} × {note}"
    if judge.dropped:
        yield f"{judge.dropped} × sentences left out that the document does not support"
    if not summary.sentences:
        yield f"nothing was found about: {options.focus}" if options.focus else "no sentence is left that the document supports"
    elif options.words and abs(summary.words - options.words) > 0.15 * options.words:
        yield f"{options.words} words were asked for; these are {summary.words}"
