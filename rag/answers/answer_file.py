"""A file of answers, one JSON object a line: added to as answers come, put into the questions' order at the end.

Answers to other questions, which stood there before, stay in front of them.
"""

from __future__ import annotations

from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from rag.errors import UsageError
from rag.models.identity import identity_of, is_identified
from rag.prompts import NearestExamples, Prompts
from rag.system.files import BusyError, expanded, locked, replacing
from rag.system.jsonl import ForeignLineError, line_of, records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from rag.answers.options import AskOptions
    from rag.protocols import Generator, Searchable

KEY = "key"
"""The member of a line that tells what its answer depends on."""

BEGINNINGS = (b'{"id": ', b'{"question": ')
"""How a line begins."""


class AnswerFile:
    """Where answers are kept. `keys` tells for each question what its answer depends on; without a path nothing is kept.

    `known` has the answers of an earlier run by the place of their question; failures are not among them, and neither are
    `others`, the lines of questions that are not asked now. A line that a kill has torn is passed over.
    Raises UsageError for a file that holds something else, or that another process writes to.
    """

    def __init__(
        self,
        path: Path | str | None,
        questions: Sequence[str],
        keys: Sequence[str],
        *,
        ids: Sequence[object] = (),
        fresh: bool = False,
    ) -> None:
        self._path = expanded(path).resolve() if path else None
        self._questions, self._keys, self._ids = frozenset(questions), keys, ids
        self._lines: dict[int, dict[str, Any]] = {}
        self._fresh = fresh
        self._file: IO[bytes] | None = None
        self._held = ExitStack()
        self.known: dict[int, dict[str, Any]] = {}
        self.others: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> AnswerFile:
        if self._path is None:
            return self
        with ExitStack() as opened:
            self._file = self._opened(self._path, opened)
            self._held = opened.pop_all()
        return self

    def _opened(self, path: Path, opened: ExitStack) -> IO[bytes]:
        """The file to add to, under its lock, with what it holds already."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            opened.enter_context(locked(Path(f"{path}.lock"), leave=False))
        except BusyError as error:
            _check_folder(path)
            raise UsageError(f"Another process writes answers to {path}. Wait for it, or name another file.") from error
        except OSError as error:
            raise _cannot_be_written(path, error) from error
        try:
            earlier = self._earlier(path)
            file = opened.enter_context(path.open("ab"))
        except OSError as error:
            raise _cannot_be_written(path, error) from error
        for place, key in enumerate(self._keys):
            if key in earlier and not self._fresh:
                self._lines[place] = self._line(place, earlier[key])
                self.known[place] = {name: value for name, value in earlier[key].items() if name not in (KEY, "id")}
        return file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._path is None:
            return
        with self._held:
            try:
                if self._file:
                    self._file.close()
                if error is None:
                    self._write_in_order(self._path)
            except OSError as failed:
                if error is None:
                    raise _is_unfinished(self._path, failed) from failed

    def add(self, place: int, told: Mapping[str, Any]) -> None:
        """Keep what came of a question. Raises UsageError where it cannot be written."""
        self._lines[place] = self._line(place, told)
        if self._file and self._path:
            try:
                self._file.write(line_of(self._lines[place]))
                self._file.flush()
            except OSError as error:
                raise _is_unfinished(self._path, error) from error

    def _line(self, place: int, told: Mapping[str, Any]) -> dict[str, Any]:
        named = {"id": self._ids[place]} if self._ids else {}
        rest = {name: value for name, value in told.items() if name not in (KEY, "id")}
        return {**named, **rest, KEY: self._keys[place]}

    def _earlier(self, path: Path) -> dict[str, dict[str, Any]]:
        """The answers in the file by their keys. Only the last line may be torn; whatever else is no answer is somebody's."""
        found: dict[str, dict[str, Any]] = {}
        if not path.exists():
            return found
        if not path.is_file():
            raise UsageError(f"{path} is not a regular file. Name a file for the answers, or leave --output out to print them.")
        try:
            for record in records(path, is_ours=lambda record: KEY in record, beginnings=BEGINNINGS):
                if "answer" in record:
                    is_asked = str(record.get("question")) in self._questions
                    (found if is_asked else self.others)[str(record[KEY])] = record
        except ForeignLineError as error:
            raise UsageError(
                f"{path}, line {error.number}: not an answer written by `rag ask`. Choose another --output, or move this file."
            ) from error
        return found

    def _write_in_order(self, path: Path) -> None:
        with replacing(path, durable=True) as file:
            file.writelines(map(line_of, self.others.values()))
            file.writelines(line_of(self._lines[place]) for place in sorted(self._lines))


def _cannot_be_written(path: Path, error: OSError) -> UsageError:
    return UsageError(f"Answers cannot be written to {path}: {error.strerror or error}.")


def _is_unfinished(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"Answers cannot be written to {path}: {error.strerror or error}. Those that stand there are kept: make room, and run the "
        "same again; it goes on there."
    )


def _check_folder(path: Path) -> None:
    """Raise UsageError where no file can be made beside the answers, which looks like a lock that is held."""
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def answer_keys(questions: Sequence[str], index: Searchable, llm: Generator, options: AskOptions) -> list[str]:
    """For each question a hash of all that its answer depends on."""
    chosen = (
        options.k,
        options.mode,
        sorted((options.where or {}).items()),
        _identity(options.reranker),
        options.sampling,
        options.strict,
        _identity(options.verifier),
        _of_prompts(options.prompts or Prompts()),
    )
    model = _model(llm)
    common = _hash(repr((index.catalog.content_key(), model, chosen)))
    return [_hash(f"{common}\n{question}") for question in questions]


def _of_prompts(prompts: Prompts) -> str:
    """The templates as they were written, for no single prompt shows all their branches, and what fills them."""
    sources = [prompts.template(task).source for task in ("answer.system", "answer.user")]
    examples = prompts.examples.choice if isinstance(prompts.examples, NearestExamples) else prompts.examples
    return repr((sources, prompts.system, prompts.history, examples))


def _identity(component: object) -> str:
    """A spec, or the identity of a component; "None" for the default one."""
    return str(component) if component is None or isinstance(component, str) else identity_of(component)


def _model(llm: Generator) -> tuple[str, str]:
    """The name of a model and its description, which names its server; its class where it has no identity of its own."""
    own = "" if is_identified(llm) else type(llm).__name__
    return llm.name, getattr(llm, "description", own)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
