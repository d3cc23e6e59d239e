"""The output file of many questions: JSON lines, appended as answers come and sorted into the questions' order at the end.

Earlier answers to other questions stay at the top of the file.
"""

from __future__ import annotations

from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from rag.errors import UsageError
from rag.models.identity import identity_of
from rag.prompts import NearestExamples, Prompts
from rag.system.files import BusyError, expanded, lock_beside, locked, replacing
from rag.system.jsonl import ForeignLineError, line_of, records
from rag.text.surrogates import utf8

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from rag.answers.options import AskOptions
    from rag.protocols import Generator, Searchable

KEY = "key"
"""The member of a line with the hash of everything its answer depends on."""

KNOWN_BY_DESCRIPTION = frozenset({"ExtractiveGenerator", "HttpGenerator", "LlamaCppGenerator", "VllmGenerator"})
"""Generators that release 0.1 identified by their description (which names the server) or by their name alone."""

BEGINNINGS = (b'{"id": ', b'{"question": ')
"""The first bytes of every line."""


class AnswerFile:
    """A context manager for the file of answers. Without a `path`, nothing is saved.

    `keys` has a hash for each question, of everything its answer depends on. `known` maps the position of a question to its
    answer from an earlier run; failures are asked again. `others` has the lines of questions outside this run, by key. A torn
    last line is skipped. Raises UsageError if the file has other content, or if another process writes to it.
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
        self._lock = ExitStack()
        self.known: dict[int, dict[str, Any]] = {}
        self.others: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> AnswerFile:
        if self._path is None:
            return self
        with ExitStack() as opened:
            self._file = self._opened(self._path, opened)
            self._lock = opened.pop_all()
        return self

    def _opened(self, path: Path, opened: ExitStack) -> IO[bytes]:
        """The locked file, open for appending. Fills `known` and `others` from its lines."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            opened.enter_context(locked(lock_beside(path), leave=False))
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
        with self._lock:
            try:
                if self._file:
                    self._file.close()
                if error is None:
                    self._write_in_order(self._path)
            except OSError as failed:
                if error is None:
                    raise _is_unfinished(self._path, failed) from failed

    def add(self, place: int, answer: Mapping[str, Any]) -> None:
        """Append the answer or failure of the question at position `place`. Raises UsageError if the file cannot be written."""
        self._lines[place] = self._line(place, answer)
        if self._file and self._path:
            try:
                self._file.write(line_of(self._lines[place]))
                self._file.flush()
            except OSError as error:
                raise _is_unfinished(self._path, error) from error

    def _line(self, place: int, answer: Mapping[str, Any]) -> dict[str, Any]:
        identifier = {"id": self._ids[place]} if self._ids else {}
        rest = {name: value for name, value in answer.items() if name not in (KEY, "id")}
        return {**identifier, **rest, KEY: self._keys[place]}

    def _earlier(self, path: Path) -> dict[str, dict[str, Any]]:
        """The answers in the file by key. Only the last line may be torn: any other foreign line raises UsageError."""
        found: dict[str, dict[str, Any]] = {}
        if not path.exists():
            return found
        if not path.is_file():
            raise UsageError(f"{path} is not a regular file. Name a file for the answers, or leave --output out to print them.")
        try:
            for record in records(path, is_ours=lambda record: KEY in record, beginnings=BEGINNINGS):
                if "answer" not in record:
                    continue
                is_asked = str(record.get("question")) in self._questions
                lines = found if is_asked else self.others
                lines[str(record[KEY])] = record
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
        f"Answers cannot be written to {path}: {error.strerror or error}. The answers so far are saved. Free some disk space and "
        "run the same command again: it continues from there."
    )


def _check_folder(path: Path) -> None:
    """Raise UsageError if the folder is not writable, which looks like a busy lock."""
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def answer_keys(questions: Sequence[str], index: Searchable, llm: Generator, options: AskOptions) -> list[str]:
    """A hash for each question: of the documents, the model, the options, the prompts and the question itself."""
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
    """The source of the templates, since no single prompt shows all their branches, and their inputs."""
    sources = [prompts.template(task).source for task in ("answer.system", "answer.user")]
    examples = prompts.examples.choice if isinstance(prompts.examples, NearestExamples) else prompts.examples
    return repr((sources, prompts.system, prompts.history, examples))


def _identity(component: object) -> str:
    """A spec as it is, or the identity of a component; "None" for the default component."""
    return str(component) if component is None or isinstance(component, str) else identity_of(component)


def _model(llm: Generator) -> tuple[str, str]:
    """The name and identity of a model. Generators of release 0.1 keep the key they had there."""
    if type(llm).__name__ in KNOWN_BY_DESCRIPTION:
        return llm.name, getattr(llm, "description", "")
    return llm.name, identity_of(llm)


def _hash(text: str) -> str:
    return blake2b(utf8(text), digest_size=12).hexdigest()
