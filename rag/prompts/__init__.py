"""The prompts, as text beside this file, and how they are filled in.

Document text is data: it stands between delimiters that it cannot close, and the control tokens of chat templates are
spelled so that no tokenizer takes them for such.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.types import Message, Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

DELIMITER = re.compile(r"<(?=\s*/?\s*sources?\b)", re.IGNORECASE)
CONTROL_TOKEN = re.compile(
    r"<(?=[|｜])|(?<=[|｜])>|<(?=/?(?:s|bos|eos|pad|unk)>)|<(?=(?:start|end)_of_turn>)|<(?=</?SYS>>)|\[(?=/?(?:INST|[A-Z]+_[A-Z_]+)\])",
    re.IGNORECASE,
)
EXAMPLE_SOURCE = "The old mill was bought by the Vereen family in 1911, who turned it into a bakery."
EXAMPLE_QUESTION = "Who bought the old mill?"
EXAMPLE_ANSWER = "The old mill was bought by the Vereen family in 1911."
SPELLED = {"<": "‹", ">": "›", "[": "("}


def render_answer_prompt(question: str, passages: Sequence[Passage], *, by_example: bool = False) -> tuple[Message, ...]:
    """The messages that ask a chat model to answer from the passages.

    `by_example` is for small models, which are given a single source: an example turn shows them what an answer looks
    like. With several sources, the example's words would turn up in answers.
    """
    system = Message("system", _template("answer.system.jinja").render(by_example=by_example))
    user = Message("user", _template("answer.user.jinja").render(question=question, passages=passages))
    if not by_example:
        return system, user
    example = Passage(1, EXAMPLE_SOURCE, "", "Town history")
    asked = _template("answer.user.jinja").render(question=EXAMPLE_QUESTION, passages=[example])
    return system, Message("user", asked), Message("assistant", EXAMPLE_ANSWER), user


def as_data(text: str) -> str:
    """Text that can neither close its delimiters nor be read as a control token."""
    for pattern in (DELIMITER, CONTROL_TOKEN):
        text = pattern.sub(lambda match: SPELLED[match.group()], text)
    return text


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("rag", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["data"] = as_data
    return environment


def _template(name: str) -> Any:
    return _environment().get_template(name)
