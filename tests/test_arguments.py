"""Wrong arguments of Python functions: the error names the argument, its value, and what it must be."""

from __future__ import annotations

import pytest

import rag
from rag.errors import UsageError
from rag.ingest.sync import add_documents
from rag.testing.fakes import HashEmbedder
from rag.types import Document

TOWER = Document("The tower is 34 m tall.", "tower.txt", "Tower")


@pytest.fixture
def towers(tmp_path):
    with rag.open_index(tmp_path / "index", embedder=HashEmbedder(), create=True) as index:
        add_documents([TOWER], index=index)
        yield index


OPTIONS = [
    ({"k": "5"}, r"^k .*\b1\b.*'5'"),
    ({"k": True}, "^k .*True"),
    ({"k": 0}, r"^k .*\b1\b.*0"),
    ({"mode": "dnse"}, "mode.*'dense'"),
    ({"mode": None}, "mode.*hybrid, dense, keyword"),
    ({"where": "source=*.pdf"}, r"where .*'source=\*\.pdf'"),
    ({"where": {"page": 3}}, "where .*3"),
    ({"reranker": 5}, r"rag\.open_reranker.*5"),
    ({"sampling": {"temperature": 1}}, r"sampling .*rag\.Sampling"),
    ({"prompts": "folder"}, r"prompts .*rag\.Prompts"),
    ({"verifier": "lexcal"}, "'lexcal'.*'lexical'"),
    ({"verifier": 5}, "verifier .*'lexical'.*5"),
    ({"llm": None}, "llm .*'local'"),
    ({"index": None}, "index"),
    ({"strict": "no"}, "strict .*'no'"),
    ({"strict": None}, "strict .*None"),
]


@pytest.mark.parametrize(("options", "named"), OPTIONS)
def test_a_wrong_option_is_named_by_all_that_ask(towers, options, named):
    options = {"index": towers, "llm": "extractive", **options}
    for act in (
        lambda: rag.ask("How tall is the tower?", **options),
        lambda: rag.ask_many(["How tall is the tower?"], **options),
        lambda: rag.Chat(**options),
    ):
        with pytest.raises(UsageError, match=named):
            act()


@pytest.mark.parametrize("question", [5, None, ["How tall?"], b"How tall?"])
def test_a_question_is_a_text(towers, question):
    chat = rag.Chat(index=towers, llm="extractive")
    for act in (
        lambda: rag.ask(question, index=towers, llm="extractive"),
        lambda: rag.search(question, index=towers),
        lambda: rag.ask_document(question, TOWER, llm="extractive"),
        lambda: chat.ask(question),
    ):
        with pytest.raises(UsageError, match="question"):
            act()


@pytest.mark.parametrize(
    ("questions", "named"),
    [
        ("How tall is it?", r"\['How tall is it\?'\]"),
        (None, "questions .*None"),
        (["How tall?", 5], "2 of questions .*5"),
    ],
)
def test_many_questions_are_a_list_of_texts(towers, questions, named):
    with pytest.raises(UsageError, match=named):
        rag.ask_many(questions, index=towers, llm="extractive")


def test_questions_may_be_any_iterable(towers):
    (answer,) = rag.ask_many((one for one in ["How tall is the tower?"]), index=towers, llm="extractive")
    assert "34" in answer.text


def test_the_default_verifier_can_be_named_everywhere(towers):
    options = {"index": towers, "llm": "extractive", "verifier": "lexical"}
    assert rag.ask("How tall is the tower?", **options).citations
    assert rag.ask_many(["How tall is the tower?"], **options)[0].citations
    assert rag.Chat(**options).ask("How tall is the tower?").citations
    assert rag.ask_document("How tall is the tower?", TOWER, llm="extractive", verifier="lexical").citations
    assert rag.check("The tower is 34 m tall.", sources=[TOWER.text], verifier="lexical")[0].support == "full"


WISHES = [
    ({"words": "x"}, r"^words .*\b1\b.*'x'"),
    ({"words": 0}, r"^words .*\b1\b.*0"),
    ({"piece_tokens": 2.5}, r"^piece_tokens .*2\.5"),
    ({"piece_words": True}, "^piece_words .*True"),
    ({"focus": 5}, "^focus .*5"),
    ({"chain": 5}, "^chain .*auto, stuff"),
    ({"chain": "refin"}, "'refine'"),
    ({"strict": "yes"}, "^strict .*'yes'"),
    ({"look_back": 1}, "^look_back .*1"),
    ({"fresh": "no"}, "^fresh .*'no'"),
    ({"sampling": {"temperature": 1}}, r"^sampling .*rag\.Sampling"),
    ({"prompts": "folder"}, r"^prompts .*rag\.Prompts"),
    ({"verifier": 5}, "^verifier .*'lexical'.*5"),
    ({"verifier": "lexcal"}, "'lexcal'.*'lexical'"),
    ({"calls": 5}, "^calls .*5"),
    ({"llm": 5}, "^llm .*'local'.*5"),
]


@pytest.mark.parametrize(("wishes", "named"), WISHES)
def test_a_wrong_option_is_named_by_all_that_summarize(tmp_path, wishes, named):
    wishes = {"llm": "extractive", "calls": tmp_path / "calls.sqlite", **wishes}
    for act in (lambda: rag.summarize(TOWER, **wishes), lambda: list(rag.summarize_many([TOWER], **wishes))):
        with pytest.raises(UsageError, match=named):
            act()


@pytest.mark.parametrize(
    ("sources", "options", "named"),
    [
        ("report.pdf", {}, r"^sources .*\['report\.pdf'\]"),
        (TOWER, {}, "^sources "),
        ([TOWER, 5], {}, "2 of sources .*5"),
        ([TOWER], {"jobs": "2"}, "^jobs .*'2'"),
        ([TOWER], {"limits": 300}, r"^limits .*rag\.Limits.*300"),
        ([TOWER], {"selection": "*.pdf"}, "^selection "),
        ([TOWER], {"passwords": 5}, "^passwords .*5"),
        ([TOWER], {"progress": print}, "^progress "),
    ],
)
def test_a_wrong_argument_of_summarize_many_is_named(sources, options, named):
    with pytest.raises(UsageError, match=named):
        next(rag.summarize_many(sources, llm="extractive", **options))


ACTS = {
    "sources in one text": (lambda: rag.check("x", sources="one text"), r"sources .*\['one text'\]"),
    "sources of numbers": (lambda: rag.check("x", sources=[1]), "1 of sources .*1"),
    "nothing to check": (lambda: rag.check(None, sources=["x"]), "text to check .*None"),
    "load": (lambda: rag.load(5), "path .*5"),
    "split": (lambda: rag.split("text"), r"rag\.load"),
    "sync": (lambda: rag.sync("docs", index="i"), r"sources .*\['docs'\]"),
    "remove": (lambda: rag.remove([5], index="i"), "1 of sources .*5"),
    "open_index": (lambda: rag.open_index(None), "path .*None"),
    "open_embedder": (lambda: rag.open_embedder(5), "'minilm'.*5"),
    "open_llm": (lambda: rag.open_llm(None), "'local'.*None"),
    "open_reranker": (lambda: rag.open_reranker(5), "5"),
    "max_tokens": (lambda: rag.Sampling(max_tokens="5"), r"^max_tokens .*\b1\b.*'5'"),
    "temperature": (lambda: rag.Sampling(temperature="warm"), "^temperature .*'warm'"),
    "chunk sizes": (lambda: rag.ChunkSizes("200"), "^chunk_tokens .*'200'"),
    "examples": (lambda: rag.Prompts(examples=["x"]), "1 of examples .*'x'"),
    "folder": (lambda: rag.Prompts(5), "folder .*5"),
    "history": (lambda: rag.Prompts(history="hello"), "^history .*'hello'"),
    "no document to sum up": (lambda: rag.summarize(5), r"^source .*rag\.load.*5"),
    "document": (lambda: rag.ask_document("How tall?", 5, llm="extractive"), "5"),
}


@pytest.mark.parametrize("name", ACTS)
def test_other_wrong_arguments_are_named(name):
    act, named = ACTS[name]
    with pytest.raises(UsageError, match=named):
        act()


def test_a_session_is_a_name_or_a_path(towers):
    with pytest.raises(UsageError, match=r"session .*5"):
        rag.Chat(index=towers, llm="extractive", session=5)


def test_an_error_shows_long_values_in_part(towers):
    with pytest.raises(UsageError) as caught:
        rag.ask(["word"] * 1000, index=towers, llm="extractive")
    assert len(str(caught.value)) < 200
