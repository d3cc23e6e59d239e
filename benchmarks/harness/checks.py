"""What `make bench-check` holds against the last kept result: which ratios and qualities, and how far each may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.harness.figures import Figure, find, from_json

WORSE, BETTER, SPREAD, SAME = "**worse**", "better", "within the spread", "as before"


@dataclass(frozen=True, slots=True)
class Check:
    """A ratio or a quality that is to stay as good as it is.

    `figure` names one of a script's figures, with `*` for anything (figures.py); with `over`, it is divided by that one.
    `tolerance` is a share of the kept value, or where `is_quality` a difference from it.
    """

    script: str
    name: str
    figure: str
    over: str = ""
    better: Literal["higher", "lower"] = "higher"
    tolerance: float = 0.15
    is_quality: bool = False

    def of(self, told: Mapping[str, Any]) -> Figure | None:
        """The value in a script's figures, as they are kept in JSON; None where they lack it."""
        figures = from_json(told)
        above = find(figures, self.figure)
        below = find(figures, self.over) if self.over else None
        if above is None or not self.over:
            return above
        return above.over(below) if below and below.low > 0 else None

    def verdict(self, kept: Figure, new: Figure) -> str:
        """How the new value stands beside the kept one."""
        gain = new.value - kept.value if self.better == "higher" else kept.value - new.value
        if abs(gain) <= (self.tolerance if self.is_quality else self.tolerance * abs(kept.value)):
            return SAME
        if not self.is_quality and kept.meets(new):
            return SPREAD
        return BETTER if gain > 0 else WORSE


def quality(script: str, name: str, figure: str, tolerance: float, better: Literal["higher", "lower"] = "higher") -> Check:
    return Check(script, name, figure, better=better, tolerance=tolerance, is_quality=True)


ONE_ROUND = 0.4
"""Tolerance where there is a single round, or none of the ranges that would tell how far to trust it."""

COLD, AGAIN, UPKEEP, STORES = "Cold search", "Indexing again", "Opening, memory, changes, disk", "Beside other stores"
PDF_RATE, EVIDENCE = "Speed on one core (FinanceBench)", "Marked evidence on its page (FinanceBench)"
SPEED_OVER = "groundtext's chunks/s over its"
ANSWERS = "* questions through one vLLM server"

CHECKS = (
    *(Check("ingest/speed.py", f"chunks a second beside {peer}", f"Index speed | {peer} | {SPEED_OVER}")
      for peer in ("LlamaIndex", "LangChain", "txtai")),
    Check("ingest/speed.py", "memory to index, of LangChain's", "Index speed | groundtext | peak MB",
          over="Index speed | LangChain | peak MB", better="lower"),
    Check("retrieval/cold.py", "a cold search beside LangChain", f"{COLD} | rag search | LangChain's seconds over its"),
    Check("retrieval/cold.py", "memory of a cold search, of LangChain's", f"{COLD} | rag search | peak MB",
          over=f"{COLD} | LangChain search | peak MB", better="lower"),
    Check("retrieval/cold.py", "`rag --help` in empty Pythons", f"{COLD} | rag --help | seconds",
          over=f"{COLD} | python -c pass | seconds", better="lower", tolerance=0.25),
    Check("ingest/no_change.py", "indexing again, nothing new, in `rag --help`s", f"{AGAIN} | rag index, nothing changed | seconds",
          over=f"{AGAIN} | rag --help | seconds", better="lower", tolerance=0.25),
    quality("index/kills.py", "indexes that a kill damaged", "Kills | indexes that lost* | number", 0, "lower"),
    Check("index/scale.py", "a search in embeddings of its question", "Search | hybrid, whole | * | p50",
          over="Search | – embed the question | * | p50", better="lower", tolerance=ONE_ROUND),
    Check("index/scale.py", "a search among 20,000 in searches among 10,000", "Search | hybrid, whole | * | p50",
          over="Search | hybrid, whole | 10,00* | p50", better="lower", tolerance=ONE_ROUND),
    Check("index/scale.py", "memory to search, in empty Pythons", f"{UPKEEP} | memory after the questions, MB | *",
          over=f"{UPKEEP} | – Python and packages before the index | *", better="lower"),
    quality("index/scale.py", "true neighbours found", "Search | recall@10 of 10 | *", 0.01),
    *(Check("index/stores.py", f"a search without embedding beside {peer}", f"{STORES} | {peer}, dense | without embedding, p50",
            over=f"{STORES} | groundtext, dense | without embedding, p50", tolerance=0.25)
      for peer in ("LangChain + FAISS", "Chroma")),
    Check("index/stores.py", "memory to search, of LangChain's", f"{STORES} | groundtext | resident while searching, MB",
          over=f"{STORES} | LangChain + FAISS | resident while searching, MB", better="lower"),
    Check("index/stores.py", "opening beside LangChain", f"{STORES} | LangChain + FAISS | load, s",
          over=f"{STORES} | groundtext | load, s", tolerance=0.25),
    Check("documents/pdf.py", "PDF pages a second beside pypdf", f"{PDF_RATE} | groundtext | times pypdf"),
    quality("documents/pdf.py", "marked evidence found, %", f"{EVIDENCE} | groundtext | in the characters*", 0.5),
    quality("documents/pdf.py", "nearness of PDFs to their references", "Nearness to reference texts | mean | groundtext: 4-grams", 0.003),
    quality("documents/office.py", "nearness of office files to docling's", "4-gram F1 against* | all * | groundtext | mean", 0.003),
    quality("documents/office.py", "office files' own words found", "The file's words found | all * | groundtext | mean", 0.003),
    quality("documents/html.py", "articles in web pages, F1", "Articles in web pages | groundtext | F1 [[]95 %]", 0.003),
    Check("documents/cores.py", "loading with all cores beside one", "* | times as fast as one"),
    *(quality("retrieval/quality.py", f"{name}, hybrid, {measure}", f"Retrieval quality | {name}, hybrid | {measure}", tolerance)
      for name in ("scifact", "cranfield") for measure, tolerance in (("nDCG@10", 0.003), ("R@100", 0.005))),
    Check("answers/batch.py", "answers a second, of the engine alone", f"{ANSWERS} | rag.ask_many | of straight"),
    *(Check("answers/batch.py", f"answers beside LangChain, {form}", f"{ANSWERS} | LangChain, {form} | times ours")
      for form in ("default", "best")),
    Check("summaries/everything.py", "summaries, of the engine alone", "* beside the engine | rag map-reduce | of straight",
          tolerance=ONE_ROUND),
    Check("summaries/everything.py", "summaries beside LangChain", "*, map-reduce | LangChain map_reduce, invoke | times ours",
          tolerance=ONE_ROUND),
)  # fmt: skip
