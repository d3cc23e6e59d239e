"""Passages of an index → draft questions, which a model writes and a person accepts. Each draft names its passage."""

from __future__ import annotations

import asyncio
import json
import random
import re
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError, UsageError
from rag.evaluation.data.lines import objects_in
from rag.evaluation.mirror import Silent
from rag.grounding.lexical import LexicalVerifier
from rag.index.catalog.filters import select_chunks
from rag.models.generators.thoughts import Sign, pieces_without_thoughts
from rag.prompts import OWN_EXAMPLE, OWN_EXAMPLE_TITLE, Prompts, as_data
from rag.sampling import Sampling
from rag.specs import using_index, using_llm
from rag.system.files import expanded
from rag.system.loops import run
from rag.text.surrogates import utf8
from rag.text.words import content_stems, stems
from rag.types import Message, Passage, Prompt, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path
    from typing import IO

    from rag.index.index import Index
    from rag.protocols import Generator, Progress
    from rag.types import Hit, Pages

LIKE = "a line that `rag eval make` wrote."
LEAST_WORDS = 25
"""Words. Shorter passages, such as headings, offer little to ask about."""

PASSAGES_A_DRAFT = 8
"""Passages drawn for each question, because some give no usable draft."""

LINE_START = '{"id": "'
ROOM = 80
EXAMPLE_DRAFT = f"Question: {OWN_EXAMPLE.question}\nAnswer: the Vereen family"
DRAFT = re.compile(r"question\s*:\s*(?P<question>[^\n]*?[?？؟])\s*(?:\n\s*)*answer\s*:\s*(?P<answer>[^\n]+)\n", re.IGNORECASE)
ABOUT_THE_TEXT = re.compile(r"\b(?:the|this) (?:text|passage|source|document|excerpt|question)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Drafting:
    """Counts of a run: questions written, questions already in the file, passages without a usable draft."""

    written: int
    before: int
    useless: int

    def to_dict(self) -> dict[str, int]:
        """JSON-ready values."""
        return {"written": self.written, "before": self.before, "useless": self.useless}


def draft_questions(
    *,
    index: Index | str | Path,
    output: Path | str,
    llm: Generator | str = "local",
    count: int = 20,
    seed: int = 0,
    where: Mapping[str, str] | None = None,
    prompts: Prompts | None = None,
    progress: Progress | None = None,
) -> Drafting:
    """Write draft questions to a file of JSON lines until it has `count`, each with its passage and `"accepted": null`.

    `rag eval` uses the lines in which a person has set `"accepted": true`. Passages are drawn at random with `seed`, from as many
    documents as possible. A draft is dropped if the passage does not support its answer. Lines of an existing file are kept, and
    their passages are not used again. Raises UsageError, and ModelError if the model writes no usable draft.
    """
    path, watched = expanded(output), progress or Silent()
    with using_index(index) as opened, using_llm(llm) as model:
        if model.name == "extractive":
            raise UsageError("The generator 'extractive' quotes and cannot write questions. Choose a model with --llm.")
        existing = _existing(path)
        known = {str(row.get("id")) for row in existing}
        wanted = max(0, count - len(existing))
        watched.expect("drafting", wanted)
        drawn = [hit for hit in _drawn(opened, PASSAGES_A_DRAFT * count, seed, where) if _key(hit) not in known]
        if wanted and not drawn:
            raise UsageError(f"The index {opened.path} has no further passage of {LEAST_WORDS} words or more to ask about.")
        drafter = _Drafter(opened, model, prompts or Prompts(), wanted, watched)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                run(drafter.write(drawn if wanted else [], file))
        except OSError as error:
            raise UsageError(f"Drafts cannot be written to {path}: {error.strerror or error}.") from error
    if wanted and not drafter.written:
        raise ModelError(
            f"{model.name} wrote no question that its passage answers, from {drafter.useless} passages. Try a larger model."
        )
    return Drafting(drafter.written, len(existing), drafter.useless)


class _Drafter:
    """Asks for one draft from each passage, as many at once as the model takes, until there are enough."""

    def __init__(self, index: Index, llm: Generator, prompts: Prompts, wanted: int, progress: Progress) -> None:
        self._index, self._llm, self._prompts, self._wanted, self._progress = index, llm, prompts, wanted, progress
        self._judge = LexicalVerifier()
        self._asked: set[str] = set()
        self.written = self.useless = 0

    async def write(self, drawn: Sequence[Hit], file: IO[str]) -> None:
        waiting = iter(drawn)

        async def work() -> None:
            for hit in waiting:
                if self.written >= self._wanted:
                    return
                draft = await self._draft(hit)
                if draft is None:
                    self.useless += 1
                elif self.written < self._wanted:
                    file.write(json.dumps(draft, ensure_ascii=False) + "\n")
                    file.flush()
                    self.written += 1
                    self._progress.advance("drafting")

        await asyncio.gather(*(work() for _ in range(max(1, self._llm.parallel))))

    def _messages(self, hit: Hit) -> tuple[Message, ...]:
        """The messages for a draft. A model that reads only one source (`max_sources`) also gets an example."""
        render, system = self._prompts.template("draft").render, self._prompts.system
        heading, title = as_data(hit.heading), as_data(hit.title)
        request = Message("user", render(text=as_data(hit.text), title=title, heading=heading, system=system))
        if self._llm.max_sources != 1:
            return (request,)
        shown = render(text=OWN_EXAMPLE.sources[0], title=OWN_EXAMPLE_TITLE, heading="", system=system)
        return Message("user", shown), Message("assistant", EXAMPLE_DRAFT), request

    async def _draft(self, hit: Hit) -> dict[str, Any] | None:
        """A line of the file; None if the draft is not usable."""
        passage = Passage.from_hit(1, hit)
        prompt = Prompt("", (passage,), self._messages(hit))
        if self._llm.count_tokens(prompt.messages) + ROOM > self._llm.window:
            return None
        found = await _first_draft(pieces_without_thoughts(self._llm.stream(prompt, Sampling(max_tokens=ROOM))))
        if found is None:
            return None
        question, answer = found
        judged, spans = self._judge.check(answer, [passage])
        is_about_it = not set(content_stems(question)).isdisjoint(stems(f"{hit.title} {hit.text}"))
        if judged.support != "full" or not spans or not is_about_it or ABOUT_THE_TEXT.search(question):
            return None
        if question.lower() in self._asked:
            return None
        self._asked.add(question.lower())
        _, start, end = spans[0]
        pages, _ = self._index.catalog.locate(hit.source, hit.start + start, hit.start + end)
        return _line(hit, question, answer, pages, self._llm.name)


async def _first_draft(pieces: AsyncGenerator[str | Usage | Sign, None]) -> tuple[str, str] | None:
    """Question and answer, as soon as both lines are complete. The rest is not read, because small models do not stop."""
    written = ""
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Sign):
                written = ""
            written += piece if isinstance(piece, str) else "\n"
            if found := DRAFT.search(written):
                return found["question"].strip(), found["answer"].strip()
    return None


def _line(hit: Hit, question: str, answer: str, pages: Pages | None, model: str) -> dict[str, Any]:
    return {
        "id": _key(hit),
        "question": question,
        "answers": [answer],
        "source": hit.source,
        **({"pages": list(range(pages[0], pages[1] + 1))} if pages else {}),
        "accepted": None,
        "passage": {"start": hit.start, "end": hit.end, "text": hit.text},
        "model": model,
    }


def _key(hit: Hit) -> str:
    """The id of a passage, which stays the same when the index is rebuilt."""
    content = f"{hit.source}\n{hit.start}\n{hit.text}"
    return blake2b(utf8(content), digest_size=6).hexdigest()


def _existing(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of drafts. Removes a last line that a kill has cut off, after all others were checked.

    Raises UsageError for a file of another kind, which is not changed.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole, newline, last = content.rpartition(b"\n")
    is_torn = _is_torn(last.decode(errors="ignore"))
    kept = whole + newline if is_torn else content
    try:
        lines = kept.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text, so it is not a file of drafts. Choose another file.") from error
    rows = [row for _, row in objects_in(enumerate(lines, 1), path, like=LIKE)]
    if last:
        path.write_bytes(kept if is_torn else content + b"\n")
    return rows


def _is_torn(line: str) -> bool:
    """Whether this is the beginning of a line from `_line`, not a line that a person has edited."""
    if not line or not line.startswith(LINE_START[: len(line)]):
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line) or error.msg.startswith(("Unterminated string", "Invalid \\escape", "Invalid \\uXXXX"))
    return False


def _drawn(index: Index, count: int, seed: int, where: Mapping[str, str] | None) -> list[Hit]:
    """Random passages by `seed`, one from each document in turn. At most `count` passages are read."""
    chosen = select_chunks(index.catalog, where) if where else None
    numbers = index.catalog.chunks_added_since(0) if chosen is None else sorted(map(int, chosen))
    chance = random.Random(seed)
    sample = chance.sample(numbers, min(count, len(numbers)))
    by_source: dict[str, list[Hit]] = {}
    for hit in index.hits([(number, 0.0) for number in sample]):
        if len(stems(hit.text)) >= LEAST_WORDS:
            by_source.setdefault(hit.source, []).append(hit)
    return [hit for hit in chain.from_iterable(zip_longest(*by_source.values())) if hit is not None]
