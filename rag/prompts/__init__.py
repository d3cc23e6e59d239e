"""The prompts, as text beside this file, and how they are filled in.

What stands in a prompt in this order: the system's words, examples, what was said before, and then the sources with the
question after them. What is the same for many questions comes first, so that a server that keeps the prompts it has read
reads it once. All texts of others are data; see `rag.prompts.data`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.arguments import listed, require_path, require_text
from rag.errors import UsageError
from rag.prompts.data import Source, as_data
from rag.prompts.examples import Example, NearestExamples, load_examples, nearest_examples
from rag.prompts.templates import Template, packaged_template, templates_in
from rag.types import Message, Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Example",
    "NearestExamples",
    "Prompts",
    "as_data",
    "load_examples",
    "nearest_examples",
    "render_answer_prompt",
]

OWN_EXAMPLE = Example(
    "Who bought the old mill?",
    "The old mill was bought by the Vereen family in 1911.",
    ("The old mill was bought by the Vereen family in 1911, who turned it into a bakery.",),
)
OWN_EXAMPLE_TITLE = "Town history"


@dataclass(frozen=True, slots=True)
class Prompts:
    """How models are asked.

    `folder` holds templates that take the place of the packaged ones by name; they are read and checked now, and UsageError
    names the file and the line of a mistake. `examples` are demonstrations, fixed or chosen for each question. `system` is what
    the system message begins with. `history` is what was said before: turns of "user" and "assistant", in pairs.
    """

    folder: Path | str | None = None
    examples: tuple[Example, ...] | NearestExamples = ()
    system: str = ""
    history: tuple[Message, ...] = ()
    _own: dict[str, Template] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.folder is not None:
            require_path(self.folder, "folder", "the path of a folder of templates")
        require_text(self.system, "system")
        if not isinstance(self.examples, NearestExamples):
            listed(self.examples, "examples", kinds=Example, of="examples; rag.prompts.load_examples reads them")
        listed(self.history, "history", kinds=Message, of="messages")
        roles = [message.role for message in self.history]
        if roles != ["user", "assistant"] * (len(roles) // 2):
            raise UsageError(f"The history must be pairs of a user's and an assistant's message, not {', '.join(roles)}.")
        if self.folder is not None:
            self._own.update(templates_in(Path(self.folder).expanduser()))

    def answer(self, question: str, passages: Sequence[Passage], *, by_example: bool = False) -> tuple[Message, ...]:
        """The messages that ask a chat model to answer from the passages, the question last.

        `by_example` is for small models, which are given a single source: an example turn shows them what an answer looks
        like, and they are not asked for the numbers of their sources.
        """
        system = self.template("answer.system").render(by_example=by_example, system=self.system)
        return (
            *([Message("system", system)] if system else []),
            *self._demonstrations(question, by_example=by_example),
            *(Message(message.role, as_data(message.content)) for message in self.history),
            self._question(question, passages),
        )

    def rewrite(self, question: str, turns: Sequence[Message]) -> tuple[Message, ...]:
        """The messages that ask for the question made whole with what was said before it."""
        return (Message("user", self.template("rewrite").render(question=_on_one_line(question), turns=_as_lines(turns))),)

    def summary(self, turns: Sequence[Message], *, summary: str = "") -> tuple[Message, ...]:
        """The messages that ask for what was said, in short; `summary` is that of still earlier turns."""
        return (Message("user", self.template("summary").render(turns=_as_lines(turns), summary=_on_one_line(summary))),)

    def after(self, history: tuple[Message, ...]) -> Prompts:
        """The same, with what was said before."""
        return self._with(history=history)

    def led_by(self, system: str) -> Prompts:
        """The same, with other words for the system message to begin with."""
        return self._with(system=system)

    def lighter(self) -> Prompts | None:
        """The same with the oldest pair of messages left out; without history, with one example less; then None."""
        if self.history:
            return self._with(history=self.history[2:])
        if isinstance(self.examples, NearestExamples):
            fewer = self.examples.fewer()
            return self._with(examples=fewer if fewer else ())
        return self._with(examples=self.examples[:-1]) if self.examples else None

    def _with(self, **changes: Any) -> Prompts:
        changed = replace(self, folder=None, **changes)
        changed._own.update(self._own)  # the folder is not read again
        return changed

    def template(self, task: str) -> Template:
        return self._own.get(task) or packaged_template(task)

    def _question(self, question: str, passages: Sequence[Passage]) -> Message:
        shown = tuple(map(Source.of, passages))
        return Message("user", self.template("answer.user").render(question=as_data(question), passages=shown))

    def _demonstrations(self, question: str, *, by_example: bool) -> list[Message]:
        examples = self.examples.of(question) if isinstance(self.examples, NearestExamples) else self.examples
        title = ""
        if by_example and not examples:
            examples, title = (OWN_EXAMPLE,), OWN_EXAMPLE_TITLE
        messages = []
        for example in examples:
            passages = [Passage(number, text, "", title) for number, text in enumerate(example.sources, 1)]
            messages += [self._question(example.question, passages), Message("assistant", as_data(example.answer))]
        return messages


def render_answer_prompt(question: str, passages: Sequence[Passage], *, by_example: bool = False) -> tuple[Message, ...]:
    """The messages of the packaged prompts, without examples; see `Prompts.answer`."""
    return Prompts().answer(question, passages, by_example=by_example)


def _as_lines(turns: Sequence[Message]) -> tuple[Message, ...]:
    """A turn a line, so that none can pretend to be several."""
    return tuple(Message(turn.role, _on_one_line(turn.content)) for turn in turns)


def _on_one_line(text: str) -> str:
    return " ".join(as_data(text).split())
