"""The options of the public functions: their keywords, defaults and help live in one place."""

from __future__ import annotations

import inspect

import pytest

import rag
from rag.answers.options import AskKeywords, AskOptions
from rag.arguments import options_in
from rag.errors import UsageError
from rag.ingest.costs import count_costs
from rag.reading import ChunkSizes, Limits, ReadKeywords, ReadOptions, Selection
from rag.recipes.answer import AskTable
from rag.recipes.evaluate import EvaluateTable
from rag.recipes.summarize import SummarizeTable
from rag.recipes.tables import IndexTable, SourcesTable
from rag.retrieval.options import SearchKeywords, SearchOptions
from rag.sampling import Sampling
from rag.summaries.options import SummaryKeywords, SummaryOptions
from rag.testing.fakes import HashEmbedder

DOORS = {
    rag.search: (SearchOptions,),
    rag.ask: (AskOptions,),
    rag.aask: (AskOptions,),
    rag.ask_many: (AskOptions,),
    rag.aask_many: (AskOptions,),
    rag.Chat.__init__: (AskOptions,),
    rag.evaluate_answers: (AskOptions,),
    rag.summarize: (SummaryOptions,),
    rag.asummarize: (SummaryOptions,),
    rag.ask_document: (SummaryOptions,),
    rag.aask_document: (SummaryOptions,),
    rag.evaluate_summaries: (SummaryOptions,),
    rag.summarize_many: (SummaryOptions, ReadOptions),
    rag.asummarize_many: (SummaryOptions, ReadOptions),
    rag.sync: (ReadOptions,),
    count_costs: (ReadOptions,),
}
CLASSES = (SearchOptions, AskOptions, SummaryOptions, ReadOptions, Sampling, Limits, Selection, ChunkSizes,
           AskTable, EvaluateTable, SummarizeTable, IndexTable, SourcesTable)  # fmt: skip


@pytest.mark.parametrize(
    ("keywords", "options", "more"),
    [
        (SearchKeywords, SearchOptions, set()),
        (AskKeywords, AskOptions, set()),
        (SummaryKeywords, SummaryOptions, set()),
        (ReadKeywords, ReadOptions, {"selection"}),
    ],
)
def test_keywords_are_exactly_the_options(keywords, options, more):
    assert set(keywords.__annotations__) == {*options_in(options), *more}


@pytest.mark.parametrize(("door", "options"), DOORS.items(), ids=lambda value: getattr(value, "__qualname__", ""))
def test_help_shows_each_option_with_its_default(door, options):
    parameters = inspect.signature(door).parameters
    for one in options:
        for name, (field, about) in options_in(one).items():
            assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
            assert parameters[name].default == field.default
            assert f"- `{name}`: {about.help}" in door.__doc__
    assert not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


@pytest.mark.parametrize("options", CLASSES, ids=lambda one: one.__name__)
def test_help_is_one_short_sentence(options):
    for name, (_, about) in options_in(options).items():
        assert about.help.endswith("."), name
        assert about.help[0].isupper() or about.help[0].isdigit(), name
        assert len(about.help.split()) <= 24, name


@pytest.mark.parametrize(
    ("table", "options", "names"),
    [
        (AskTable, AskOptions, ("k", "mode", "strict")),
        (AskTable, Sampling, ("max_tokens", "temperature")),
        (EvaluateTable, AskOptions, ("k", "strict")),
        (SummarizeTable, SummaryOptions, ("chain", "words", "focus", "strict", "piece_tokens")),
        (IndexTable, ChunkSizes, ("chunk_tokens", "overlap_tokens")),
    ],
)
def test_keys_of_recipes_are_options(table, options, names):
    for name in names:
        (key, of_key), (field, of_field) = options_in(table)[name], options_in(options)[name]
        assert (of_key, key.default) == (of_field, field.default)


@pytest.mark.parametrize(
    ("act", "nearest"),
    [
        (lambda **options: rag.search("x", index="i", **options), {"mod": "mode"}),
        (lambda **options: rag.ask("x", index="i", **options), {"strct": "strict"}),
        (lambda **options: rag.ask_many(["x"], index="i", **options), {"samplng": "sampling"}),
        (lambda **options: rag.Chat(index="i", **options), {"rerank": "reranker"}),
        (lambda **options: rag.evaluate_answers("d", **options), {"promts": "prompts"}),
        (lambda **options: rag.summarize("x", **options), {"word": "words"}),
        (lambda **options: next(rag.summarize_many(["x"], **options)), {"job": "jobs"}),
        (lambda **options: rag.ask_document("x", "y", **options), {"frsh": "fresh"}),
        (lambda **options: rag.sync(["x"], index="i", **options), {"exlude": "exclude"}),
        (lambda **options: count_costs(["x"], embedder=HashEmbedder(), **options), {"password": "passwords"}),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_name(act, nearest):
    ((wrong, right),) = nearest.items()
    with pytest.raises(UsageError, match=f"'{wrong}'.*'{right}'"):
        act(**{wrong: 1})


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"include": "*.pdf"}, "include"),
        ({"exclude": [5]}, "exclude"),
        ({"jobs": 0}, "jobs"),
        ({"limits": 5}, "limits"),
        ({"hidden": 1}, "hidden"),
        ({"selection": ["*.pdf"]}, "selection"),
    ],
)
def test_options_of_reading_are_checked_by_all_readers(options, name):
    for act in (
        lambda: rag.sync(["x"], index="i", **options),
        lambda: next(rag.summarize_many(["x"], llm="extractive", **options)),
        lambda: count_costs(["x"], embedder=HashEmbedder(), **options),
    ):
        with pytest.raises(UsageError, match=name):
            act()


def test_a_spec_is_opened_after_all_options_are_checked(monkeypatch):
    opened = []
    monkeypatch.setattr("rag.specs.open_reranker", lambda spec, **_: opened.append(spec))
    with pytest.raises(UsageError, match=r"^k\b"):
        rag.ask("x", index="i", reranker="some-model", k=0)
    assert opened == []
