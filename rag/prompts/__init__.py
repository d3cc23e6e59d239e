"""Prompts: the templates beside this file, and the code that fills them in.

The messages of a prompt: the system message, the examples, the conversation so far, and the sources followed by the question.
The parts that many questions share come first, so that a server with a prefix cache reads them once. All text from documents and
users is escaped as data; see `rag.prompts.data`.
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
    """The templates, examples and system text of a model's prompts.

    - `folder`: your templates, which replace the packaged ones of the same name. They are read and checked at once; UsageError
      names the file and line of a mistake.
    - `examples`: demonstrations for the model, fixed ones (from `load_examples`) or the nearest to each question.
    - `system`: the beginning of the system message.
    - `history`: the conversation so far, as pairs of a "user" and an "assistant" message.

    >>> system, question = Prompts(system="You are a guide.").answer("How tall is it?", [Passage(1, "It is 96 m tall.", "kell.txt")])
    >>> system.role, system.content.startswith("You are a guide."), question.role
    ('system', True, 'user')
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
        """The messages for an answer from the passages. The question is last.

        `by_example` is for models that read a single source: an example turn shows them an answer, and the prompt does not ask
        for source numbers.
        """
        system = self.template("answer.system").render(by_example=by_example, system=self.system)
        return (
            *([Message("system", system)] if system else []),
            *self._demonstrations(question, by_example=by_example),
            *(Message(message.role, as_data(message.content)) for message in self.history),
            self._question(question, passages),
        )

    def rewrite(self, question: str, turns: Sequence[Message]) -> tuple[Message, ...]:
        """The messages that ask a model to complete a follow-up question from the turns before it."""
        return (Message("user", self.template("rewrite").render(question=_on_one_line(question), turns=_as_lines(turns))),)

    def summary(self, turns: Sequence[Message], *, summary: str = "") -> tuple[Message, ...]:
        """The messages that ask for a summary of turns. `summary` is the summary of the turns before them."""
        return (Message("user", self.template("summary").render(turns=_as_lines(turns), summary=_on_one_line(summary))),)

    def after(self, history: tuple[Message, ...]) -> Prompts:
        """A copy with another history."""
        return self._with(history=history)

    def led_by(self, system: str) -> Prompts:
        """A copy with another beginning of the system message."""
        return self._with(system=system)

    def lighter(self) -> Prompts | None:
        """A copy without the oldest pair of messages; if there is no history, with one example less; None if there are none."""
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
        """The template of a task: from the folder, or the packaged one."""
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
    """The messages of the packaged prompts without examples; see `Prompts.answer`."""
    return Prompts().answer(question, passages, by_example=by_example)


def _as_lines(turns: Sequence[Message]) -> tuple[Message, ...]:
    """Each turn on one line, so that a text cannot imitate several turns."""
    return tuple(Message(turn.role, _on_one_line(turn.content)) for turn in turns)


def _on_one_line(text: str) -> str:
    return " ".join(as_data(text).split())
