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
    NOT_INDEXED: "no document that should be found is in the index",
    NOT_RETRIEVED: "search ranked no passage of what should be found",
    NOT_IN_CONTEXT: "search found it, but not among the passages that a model is shown",
    WRONGLY_REFUSED: "the model was shown it, or nobody has said where it stands, and the answer was that there is none",
    NOT_CITED: "the model was shown it, and the answer rests on something else",
    WRONG: "the answer holds less than half of the words, or of the numbers, of every right answer",
    NOT_REFUSED: "the documents hold no answer, and one was given",
}


def lost_in_retrieval(*, indexed: bool, rank: int | None, context: int) -> str:
    """Why search alone fails, or an empty string. `rank` is that of the first passage of what should be found, from 1."""
    if not indexed:
        return NOT_INDEXED
    if rank is None:
        return NOT_RETRIEVED
    return NOT_IN_CONTEXT if rank > context else ""
