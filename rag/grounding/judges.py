"""Sentences judged by processes of their own, so that judging takes no turns of what keeps the model busy.

Judging is Python code, of which one thread of a process runs at a time. Of a batch, sentences of many documents wait to be
judged while answers stream in, and beside a fast server the two would hold each other up. A worker reads one JSON line a
request, writes one a reply, and ends when its stdin does, whatever has become of the run.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.grounding.lexical import LexicalVerifier
from rag.system.cpu import usable_cores
from rag.types import Passage, Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rag.grounding.citations import Judged

WORKER = [sys.executable, "-P", "-m", "rag.grounding.judges"]
MOST = 8


def usual_number() -> int:
    """Half of the cores, since the model may run on the others."""
    return max(1, min(MOST, usable_cores() // 2))


class Judges:
    """The default verifier in `most` processes, started as they are needed. May be used by several threads.

    Where a process cannot be started, or ends, the sentences are judged here.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._here = LexicalVerifier()
        self._is_closed = False
        self._starting = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._free: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()
        for _ in range(most):
            self._free.put(None)

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._starting:
            self._is_closed = True
        for process in list(self._processes):
            self._end(process)

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """As `LexicalVerifier.check`."""
        return self._here.check(sentence, passages)

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """Each sentence as `check` judges it. Waits for a free process."""
        if not sentences or not passages:
            return [self.check(sentence, passages) for sentence in sentences]
        process = self._free.get()
        try:
            process = process or self._started()
            return _judged_by(process, sentences, passages)
        except (OSError, ValueError, LookupError, TypeError):
            if process:
                self._end(process)
                process = None
            return [self.check(sentence, passages) for sentence in sentences]
        finally:
            self._free.put(process)

    def _started(self) -> subprocess.Popen[bytes]:
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        with self._starting:
            if self._is_closed:
                raise BrokenPipeError
            process = subprocess.Popen(
                WORKER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                start_new_session=True,  # so that Ctrl-C does not reach it
            )
            self._processes.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._processes.discard(process)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not yet written to it is of no use any more
                    pipe.close()
        process.wait()


def _judged_by(process: subprocess.Popen[bytes], sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
    """What a worker replies. Raises OSError or ValueError where it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    shown = [[passage.text, passage.title, passage.heading] for passage in passages]
    process.stdin.write(json.dumps([list(sentences), shown]).encode() + b"\n")
    process.stdin.flush()
    replies = json.loads(process.stdout.readline())
    return [
        (Sentence(sentence, support=support, score=score), [(passages[number], start, end) for number, start, end in spans])
        for sentence, (support, score, spans) in zip(sentences, replies, strict=True)
    ]


def reply_to(line: bytes, verifier: LexicalVerifier) -> list[Any]:
    """Support, score and spans of each sentence of a request; passages are told by their place in it."""
    sentences, shown = json.loads(line)
    passages = [Passage(place, text, "", title, heading=heading) for place, (text, title, heading) in enumerate(shown)]
    judged = [verifier.check(sentence, passages) for sentence in sentences]
    return [
        [sentence.support, sentence.score, [[passage.number, start, end] for passage, start, end in spans]]
        for sentence, spans in judged
    ]


def main() -> None:
    """Reply to requests until there are no more."""
    verifier = LexicalVerifier()
    with suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            sys.stdout.buffer.write(json.dumps(reply_to(line, verifier)).encode() + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
