"""Names of retrieval metrics → values a question, computed by ir-measures."""

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
"""Names as people write them, and as ir-measures knows them; other names of its own are taken as they are."""

SHOWN_NAMES = ("ndcg@10", "map", "mrr@10", "recall@100", "p@5", "success@5")
ALLOWED = re.compile(r"[\w@.(),='α+-]{1,60}")
NO_CUT = re.compile(r"@0*$|@0+\D")


def measures_of(names: Sequence[str]) -> dict[str, Any]:
    """ir-measures' measure for each name. Raises UsageError for a name that is none, MissingExtraError without the library."""
    measures = {}
    for name in names:
        measures[name] = _measure(name)
        _check_works(name, measures[name])
    return measures


def values_of(measures: Mapping[str, Any], questions: Sequence[Question], run: Run) -> dict[str, dict[str, float]]:
    """For each metric the value (mostly 0 to 1) of each question; one that nothing was found for has 0.

    Only the order of a ranking counts. Libraries put equal scores into orders of their own, each into another.
    """
    import ir_measures

    judged = [ir_measures.Qrel(question.id, one.unit, one.level) for question in questions for one in question.expected]
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
    """The largest cut-off among the names, 100 at least."""
    return max([100, *(int(cut) for name in names for cut in re.findall(r"@(\d+)$", name))])


def _measure(name: str) -> Any:
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtraError(
            "Retrieval is measured by ir-measures. Install it with: pip install 'groundtext[eval]'"
        ) from error
    stem, mark, cut = name.partition("@")
    spelled = NAMES.get(stem.lower(), stem) + mark + cut
    try:
        if not ALLOWED.fullmatch(spelled) or NO_CUT.search(spelled):  # at which a library ends the process
            raise ValueError
        return ir_measures.parse_measure(spelled)
    except (NameError, ValueError, SyntaxError) as error:
        raise UsageError(
            f"'{name}' is no metric.{nearest(stem.lower(), NAMES)} Known are names such as {', '.join(SHOWN_NAMES)}, and those of "
            "ir-measures; a cut-off is 1 or more."
        ) from error


def _check_works(name: str, measure: Any) -> None:
    """Some need a cut-off or another program, which ir-measures tells only when it computes."""
    import ir_measures

    try:
        list(ir_measures.iter_calc([measure], [ir_measures.Qrel("q", "d", 1)], [ir_measures.ScoredDoc("q", "d", 1.0)]))
    except Exception as error:
        cut = "" if "@" in name else f" Does it need a cut-off, as in {name}@10?"
        raise UsageError(
            f"The metric '{name}' cannot be computed here: {str(error)[:100] or type(error).__name__}.{cut}"
        ) from error
