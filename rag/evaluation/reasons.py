"""Why a question failed: the first step that lost what was expected."""

from __future__ import annotations

FAILED = "not asked to the end"
NOT_INDEXED = "not in the index"
NOT_RETRIEVED = "not retrieved"
NOT_IN_CONTEXT = "retrieved, but not in the context"
WRONGLY_REFUSED = "wrongly refused"
NOT_CITED = "in the context, but not cited"
WRONG = "the answer lacks what is expected"
NOT_REFUSED = "answered, though there is no answer"

IN_ORDER = (FAILED, NOT_INDEXED, NOT_RETRIEVED, NOT_IN_CONTEXT, WRONGLY_REFUSED, NOT_CITED, WRONG, NOT_REFUSED)

MEANINGS = {
    FAILED: "an error ended it; the row says which",
    NOT_INDEXED: "no expected document is in the index",
    NOT_RETRIEVED: "search found no passage of an expected document",
    NOT_IN_CONTEXT: "search found an expected document, but ranked it below the passages in the prompt",
    WRONGLY_REFUSED: "an expected passage was in the prompt, or none is known, and the answer was that the documents have none",
    NOT_CITED: "an expected passage was in the prompt, and the answer cites others",
    WRONG: "the answer has less than half of the words, or of the numbers, of every right answer",
    NOT_REFUSED: "the documents do not contain the answer, and the model gave one",
}


def lost_in_retrieval(*, indexed: bool, rank: int | None, context: int) -> str:
    """The reason if search fails, or an empty string. `rank` is the rank of the first expected passage, from 1.

    >>> lost_in_retrieval(indexed=True, rank=12, context=8)
    'retrieved, but not in the context'
    """
    if not indexed:
        return NOT_INDEXED
    if rank is None:
        return NOT_RETRIEVED
    return NOT_IN_CONTEXT if rank > context else ""
