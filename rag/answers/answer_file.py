"""A file of answers, one JSON object a line: added to as answers come, put into the questions' order at the end.

Answers to other questions, which stood there before, stay in front of them.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from rag.errors import UsageError
from rag.models.identity import identity_of, is_identified
from rag.prompts import NearestExamples, Prompts
from rag.system.files import expanded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from rag.answers.options import Asking
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
        self._file: IO[str] | None = None
        self._lock: FileLock | None = None
        self.known: dict[int, dict[str, Any]] = {}
        self.others: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> AnswerFile:
        if self._path is None:
            return self
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(f"{self._path}.lock", timeout=0)
            self._lock.acquire()
        except Timeout as error:
            self._lock = None
            _check_folder(self._path)
            raise UsageError(f"Another process writes answers to {self._path}. Wait for it, or name another file.") from error
        except OSError as error:
            raise _cannot_be_written(self._path, error) from error
        try:
            earlier = self._earlier(self._path)
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            self._release()
            raise _cannot_be_written(self._path, error) from error
        except UsageError:
            self._release()
            raise
        for place, key in enumerate(self._keys):
            if key in earlier and not self._fresh:
                self._lines[place] = self._line(place, earlier[key])
                self.known[place] = {name: value for name, value in earlier[key].items() if name not in (KEY, "id")}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._path is None or self._lock is None:
            return
        try:
            if self._file:
                self._file.close()
                if error is None:
                    self._write_in_order(self._path)
        except OSError as failed:
            if error is None:
                raise _is_unfinished(self._path, failed) from failed
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock:
            self._lock.release()
            Path(f"{self._path}.lock").unlink(missing_ok=True)

    def add(self, place: int, told: Mapping[str, Any]) -> None:
        """Keep what came of a question. Raises UsageError where it cannot be written."""
        self._lines[place] = self._line(place, told)
        if self._file and self._path:
            try:
                self._file.write(_json(self._lines[place]))
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
            raise UsageError(f"{path} is no file. Name a file for the answers, or leave --output out to print them.")
        content = path.read_bytes()
        lines = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            told = _read(line)
            is_torn = number == len(lines) and told is None and (number > 1 or _begins_like_ours(line))
            if line.strip() and not is_torn and (told is None or KEY not in told):
                raise UsageError(f"{path}, line {number}, is no answer. Name another file, or move this one away.")
            if told and "answer" in told:
                is_asked = str(told.get("question")) in self._questions
                (found if is_asked else self.others)[str(told[KEY])] = told
        _end_last_line(path, content)
        return found

    def _write_in_order(self, path: Path) -> None:
        new = path.with_name(f"{path.name}.new")
        try:
            with new.open("w", encoding="utf-8") as file:
                file.writelines(map(_json, self.others.values()))
                file.writelines(_json(self._lines[place]) for place in sorted(self._lines))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise


def _end_last_line(path: Path, content: bytes) -> None:
    """Take a torn last line away, so that more can follow; a whole one that only lacks its end gets it."""
    last = content[content.rfind(b"\n") + 1 :]
    if last and _read(last) is None:
        os.truncate(path, len(content) - len(last))
    elif last:
        with path.open("ab") as file:
            file.write(b"\n")


def _begins_like_ours(line: bytes) -> bool:
    return any(line.startswith(beginning[: len(line)]) for beginning in BEGINNINGS)


def _read(line: bytes) -> dict[str, Any] | None:
    """The object of a line, or None for an empty or torn one."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else {}


def _json(told: Mapping[str, Any]) -> str:
    """One line. A lone surrogate, which UTF-8 cannot write, is escaped."""
    line = json.dumps(told, ensure_ascii=False) + "\n"
    return line.encode("utf-8", "backslashreplace").decode()


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


def answer_keys(questions: Sequence[str], index: Searchable, llm: Generator, asking: Asking) -> list[str]:
    """For each question a hash of all that its answer depends on."""
    options = (
        asking.k,
        asking.mode,
        sorted((asking.where or {}).items()),
        _identity(asking.reranker),
        asking.sampling,
        asking.strict,
        _identity(asking.verifier),
        _of_prompts(asking.prompts or Prompts()),
    )
    model = _model(llm)
    common = _hash(repr((index.catalog.content_key(), model, options)))
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
