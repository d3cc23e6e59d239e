"""Judges sentences in worker processes, so that the main process stays free to keep the model busy.

Judging is Python code and holds the GIL. In a batch, sentences of many documents are judged while answers stream in. With a fast
server, the two would slow each other down.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rag.grounding.lexical import LexicalVerifier
from rag.system.cpu import usable_cores
from rag.system.processes import Pool, StartError, Worker, module_command, serve
from rag.types import Passage, Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rag.grounding.citations import Judged

WORKER = module_command("rag.grounding.judges")
MOST = 8


def usual_number() -> int:
    """Half of the usable cores, at most MOST, since the model may run on the others."""
    return max(1, min(MOST, usable_cores() // 2))


class Judges:
    """The lexical verifier in up to `most` worker processes, started on demand. Threads may share it.

    If a worker cannot start, or ends early, its sentences are judged in this process.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._here = LexicalVerifier()
        self._pool = Pool([Worker(WORKER) for _ in range(most)])

    @property
    def pids(self) -> set[int]:
        """The process ids of the running workers."""
        return self._pool.pids

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.close()

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """As `LexicalVerifier.check`."""
        return self._here.check(sentence, passages)

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """As `LexicalVerifier.check_all`. Waits for a free worker."""
        if sentences and passages:
            with suppress(StartError), self._pool.worker() as worker:
                reply = worker.ask(request_for(sentences, passages))
                try:
                    return judged_in(reply.line or b"", sentences, passages)
                except (ValueError, LookupError, TypeError):
                    worker.end()
        return [self.check(sentence, passages) for sentence in sentences]


def request_for(sentences: Sequence[str], passages: Sequence[Passage]) -> list[Any]:
    """A request to judge sentences: [sentences, [[text, title, heading] of each passage]]."""
    return [list(sentences), [[passage.text, passage.title, passage.heading] for passage in passages]]


def judged_in(line: bytes | bytearray, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
    """The judged sentences in a worker's reply. Raises ValueError, LookupError or TypeError for an invalid reply."""
    return [
        (Sentence(sentence, support=support, score=score), [(passages[number], start, end) for number, start, end in spans])
        for sentence, (support, score, spans) in zip(sentences, json.loads(line), strict=True)
    ]


def reply_to(request: list[Any], verifier: LexicalVerifier) -> bytes:
    """The reply to a request: a JSON line with [support, score, spans] of each sentence. Passages are numbered from 0."""
    sentences, shown = request
    passages = [Passage(place, text, "", title, heading=heading) for place, (text, title, heading) in enumerate(shown)]
    judged = [verifier.check(sentence, passages) for sentence in sentences]
    reply = [
        [sentence.support, sentence.score, [[passage.number, start, end] for passage, start, end in spans]]
        for sentence, spans in judged
    ]
    return json.dumps(reply).encode() + b"\n"


def main() -> None:
    """Reply to requests from stdin until it ends."""
    verifier = LexicalVerifier()
    serve(lambda request: reply_to(request, verifier), ends_with_thread=False)


if __name__ == "__main__":
    main()
