"""A recipe with an `[ask]` table: a folder and questions in, answers out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, ClassVar

from rag.answers.ask import asked
from rag.answers.options import AskOptions
from rag.arguments import check_fields, like, option
from rag.documents.loading.find import is_under
from rag.errors import SettingsError
from rag.recipes.tables import IndexTable, InFolder, SourcesTable, decoded_tables
from rag.retrieval.options import Mode
from rag.sampling import Sampling
from rag.specs import using_llm
from rag.system.loops import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rag.ingest.reports import SyncReport
    from rag.protocols import Progress
    from rag.types import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTable:
    """`[ask]`: the questions, and the options of asking. Answers are only written if there is an `output`."""

    questions: list[str] = option(MISSING, "The questions, in order.")
    llm: str = option("local", "The model that answers.")
    k: int = like(AskOptions, "k")
    mode: Mode = like(AskOptions, "mode")
    max_tokens: int = like(Sampling, "max_tokens")
    temperature: float = like(Sampling, "temperature")
    strict: bool = like(AskOptions, "strict")
    output: str | None = option(None, "The file of the answers.")

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def options(self) -> AskOptions:
        """The options of asking."""
        sampling = Sampling(max_tokens=self.max_tokens, temperature=self.temperature)
        return AskOptions(k=self.k, mode=self.mode, sampling=sampling, strict=self.strict)


@dataclass(frozen=True, slots=True)
class AnswerRecipe(InFolder):
    """A recipe that indexes documents and answers questions about them."""

    TABLES: ClassVar = {"sources": SourcesTable, "index": IndexTable, "ask": AskTable}

    sources: SourcesTable
    index: IndexTable
    ask: AskTable

    @classmethod
    def of(cls, path: Path, tables: Mapping[str, object]) -> AnswerRecipe:
        """Check the tables of a file before anything runs. Raises SettingsError, which names the mistake."""
        recipe = cls(path.resolve().parent, **decoded_tables(path, tables, cls.TABLES))
        sources = [str(source) for source in recipe.paths(recipe.sources)]
        output = recipe.output
        if output and (output == path.resolve() or output.suffix == ".toml" or is_under(str(output), sources)):
            raise SettingsError(f"{path}, [ask]: 'output' is a recipe, or one of the sources. Choose another file.")
        return recipe

    @property
    def output(self) -> Path | None:
        """The file for the answers, or None."""
        return self.path(self.ask.output) if self.ask.output else None

    def run(
        self,
        *,
        progress: Progress | None = None,
        on_indexed: Callable[[SyncReport], None] | None = None,
        api_key: str | None = None,
    ) -> Iterator[Answer]:
        """Index the sources, then answer the questions in order. Each answer is in `output` before it is yielded."""
        answers = self._answers(progress, on_indexed, api_key)
        return answers if self.output is None else _written(self.output, answers)

    def _answers(
        self, progress: Progress | None, on_indexed: Callable[[SyncReport], None] | None, api_key: str | None
    ) -> Iterator[Answer]:
        with (
            self.open_index(self.index, api_key=api_key) as index,
            using_llm(self.ask.llm) as llm,  # a wrong model name fails before anything is indexed
        ):
            report = self.sync(self.sources, self.index, index=index, progress=progress)
            if on_indexed:
                on_indexed(report)
            for question in self.ask.questions:
                yield run(asked(question, index=index, llm=llm, options=self.ask.options))


def _written(path: Path, answers: Iterator[Answer]) -> Iterator[Answer]:
    """Yields each answer after it is written. The file of an earlier run is kept until the first answer."""
    _write(path, "a", "")  # a file that is not writable fails now, not after hours of work
    for number, answer in enumerate(answers):
        _write(path, "a" if number else "w", answer_line(answer) + "\n")
        yield answer


def _write(path: Path, mode: str, text: str) -> None:
    """Write text to the file. Raises SettingsError."""
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SettingsError(f"The answers cannot be written to {path}: {error.strerror or error}.") from error


def answer_line(answer: Answer) -> str:
    """One answer as one line of JSON."""
    return json.dumps(answer.to_dict(), ensure_ascii=False)
