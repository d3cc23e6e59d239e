"""Names of retrieval metrics → a value for each question, computed by ir-measures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rag.errors import MissingExtraError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.data.questions import Question
    from rag.evaluation.data.runs import Run

USUAL = ("ndcg@10", "map", "mrr@10", "recall@10", "recall@100")
NAMES = {
    "ndcg": "nDCG", "map": "AP", "ap": "AP", "mrr": "RR", "rr": "RR", "recall": "R", "r": "R", "precision": "P", "p": "P",
    "success": "Success", "hit": "Success", "rbp": "RBP", "rprec": "Rprec", "bpref": "Bpref", "judged": "Judged", "err": "ERR",
}  # fmt: skip
"""Common names of metrics → names in ir-measures, whose other names can be used directly."""

SHOWN_NAMES = ("ndcg@10", "map", "mrr@10", "recall@100", "p@5", "success@5")
ALLOWED = re.compile(r"[\w@.(),='α+-]{1,60}")
NO_CUT = re.compile(r"@0*$|@0+\D")


def measures_of(names: Sequence[str]) -> dict[str, Any]:
    """The measure of ir-measures for each name. Raises UsageError for an unknown name, MissingExtraError without the library."""
    measures = {}
    for name in names:
        measures[name] = _measure(name)
        _check_works(name, measures[name])
    return measures


def values_of(measures: Mapping[str, Any], questions: Sequence[Question], run: Run) -> dict[str, dict[str, float]]:
    """The values by metric and question, mostly between 0 and 1. A question without a ranking has 0.

    Ranks are passed on as scores, because libraries order equal scores differently.
    """
    import ir_measures

    judged = [
        ir_measures.Qrel(question.id, expected.unit, expected.level) for question in questions for expected in question.expected
    ]
    ranked = [
        ir_measures.ScoredDoc(question.id, unit, float(-rank))
        for question in questions
        for rank, (unit, _) in enumerate(run.get(question.id, ()))
    ]
    values = {name: dict.fromkeys((question.id for question in questions), 0.0) for name in measures}
    names: dict[Any, list[str]] = {}
    for name, measure in measures.items():
        names.setdefault(measure, []).append(name)
    if judged and ranked:
        for metric in ir_measures.iter_calc(list(names), judged, ranked):
            for name in names[metric.measure]:
                values[name][metric.query_id] = float(metric.value)
    return values


def deepest(names: Sequence[str]) -> int:
    """The largest cut-off among the names, and at least 100.

    >>> deepest(["ndcg@10", "recall@1000"])
    1000
    """
    return max([100, *(int(cut) for name in names for cut in re.findall(r"@(\d+)$", name))])


def _measure(name: str) -> Any:
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtraError(
            "The metrics of retrieval need ir-measures. Install it with: pip install 'groundtext[eval]'"
        ) from error
    stem, mark, cut = name.partition("@")
    spelled = NAMES.get(stem.lower(), stem) + mark + cut
    try:
        if not ALLOWED.fullmatch(spelled) or NO_CUT.search(spelled):  # with such a name, a library ends the process
            raise ValueError
        return ir_measures.parse_measure(spelled)
    except (NameError, ValueError, SyntaxError) as error:
        raise UsageError(
            f"'{name}' is not a metric.{nearest(stem.lower(), NAMES)} Known: {', '.join(SHOWN_NAMES)}, and all names of "
            "ir-measures. A cut-off is 1 or more."
        ) from error


def _check_works(name: str, measure: Any) -> None:
    """Compute the measure once. Some need a cut-off or another program, and ir-measures reports that only then."""
    import ir_measures

    try:
        list(ir_measures.iter_calc([measure], [ir_measures.Qrel("q", "d", 1)], [ir_measures.ScoredDoc("q", "d", 1.0)]))
    except Exception as error:
        cut = "" if "@" in name else f" Does it need a cut-off, as in {name}@10?"
        raise UsageError(
            f"The metric '{name}' cannot be computed here: {str(error)[:100] or type(error).__name__}.{cut}"
        ) from error
