"""What the Python functions say to arguments that cannot be: what it is, what it must be; never a bare error."""

from __future__ import annotations

import pytest

import rag
from rag.errors import RagError, UsageError
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
    ({"k": "5"}, "k must be a whole number, at least 1, not '5'"),
    ({"k": True}, "not True"),
    ({"k": 0}, "at least 1, not 0"),
    ({"mode": "dnse"}, "Did you mean 'dense'"),
    ({"mode": None}, "one of hybrid, dense, keyword"),
    ({"where": "source=*.pdf"}, "where must be a dict of texts"),
    ({"where": {"page": 3}}, "where must be a dict of texts"),
    ({"reranker": 5}, "what rag.open_reranker gives, not 5"),
    ({"sampling": {"temperature": 1}}, "what rag.Sampling(…) makes"),
    ({"prompts": "folder"}, "what rag.Prompts(folder) makes"),
    ({"verifier": "lexcal"}, "Did you mean 'lexical'"),
    ({"verifier": 5}, "a spec such as 'lexical'"),
    ({"llm": None}, "llm must be a spec such as 'local'"),
    ({"index": None}, "index must be the path"),
    ({"strict": "no"}, "strict must be True or False"),
    ({"strict": None}, "strict must be True or False"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_an_option_that_cannot_be_is_named_by_all_that_ask(towers, options, message):
    options = {"index": towers, "llm": "extractive", **options}
    for act in (
        lambda: rag.ask("How tall is the tower?", **options),
        lambda: rag.ask_many(["How tall is the tower?"], **options),
        lambda: rag.Chat(**options),
    ):
        with pytest.raises(UsageError) as caught:
            act()
        told = str(caught.value)
        assert message in told or (options["index"] is None and "index must be a list of indexes" in told)


@pytest.mark.parametrize("question", [5, None, ["How tall?"], b"How tall?"])
def test_a_question_is_a_text(towers, question):
    chat = rag.Chat(index=towers, llm="extractive")
    for act in (
        lambda: rag.ask(question, index=towers, llm="extractive"),
        lambda: rag.search(question, index=towers),
        lambda: rag.ask_document(question, TOWER, llm="extractive"),
        lambda: chat.ask(question),
    ):
        with pytest.raises(UsageError, match="The question must be a text"):
            act()


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ("How tall is it?", r"a list of texts, such as \['How tall is it\?'\]"),
        (None, "a list of texts, not None"),
        (["How tall?", 5], "Number 2 of questions must be one of the texts, not 5"),
    ],
)
def test_many_questions_are_a_list_of_texts(towers, questions, message):
    with pytest.raises(UsageError, match=message):
        rag.ask_many(questions, index=towers, llm="extractive")


def test_any_iterable_of_questions_is_one(towers):
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
    ({"words": "x"}, "words must be a whole number, at least 1, not 'x'"),
    ({"words": 0}, "words must be at least 1, not 0"),
    ({"piece_tokens": 2.5}, "piece_tokens must be a whole number"),
    ({"piece_words": True}, "piece_words must be a whole number"),
    ({"focus": 5}, "focus must be a text"),
    ({"chain": 5}, "chain must be one of auto, stuff"),
    ({"chain": "refin"}, "Did you mean 'refine'"),
    ({"strict": "yes"}, "strict must be True or False"),
    ({"look_back": 1}, "look_back must be True or False"),
    ({"fresh": "no"}, "fresh must be True or False"),
    ({"sampling": {"temperature": 1}}, "what rag.Sampling(…) makes"),
    ({"prompts": "folder"}, "what rag.Prompts(folder) makes"),
    ({"verifier": 5}, "a spec such as 'lexical'"),
    ({"verifier": "lexcal"}, "Did you mean 'lexical'"),
    ({"calls": 5}, "calls must be the path of a file"),
    ({"llm": 5}, "llm must be a spec such as 'local'"),
]


@pytest.mark.parametrize(("wishes", "message"), WISHES)
def test_a_wish_that_cannot_be_is_named_by_all_that_sum_up(tmp_path, wishes, message):
    wishes = {"llm": "extractive", "calls": tmp_path / "calls.sqlite", **wishes}
    for act in (lambda: rag.summarize(TOWER, **wishes), lambda: list(rag.summarize_many([TOWER], **wishes))):
        with pytest.raises(UsageError) as caught:
            act()
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        ("report.pdf", {}, "a list of paths and documents, such as ['report.pdf']"),
        (TOWER, {}, "sources must be a list of paths and documents"),
        ([TOWER, 5], {}, "Number 2 of sources must be one of the paths and documents, not 5"),
        ([TOWER], {"jobs": "2"}, "jobs must be a whole number"),
        ([TOWER], {"limits": 300}, "a rag.Limits(…)"),
        ([TOWER], {"selection": "*.pdf"}, "selection must be"),
        ([TOWER], {"passwords": 5}, "passwords must be a list of texts"),
        ([TOWER], {"progress": print}, "progress must be an object with the methods"),
    ],
)
def test_what_cannot_be_summed_up_one_after_the_other_is_told(sources, options, message):
    with pytest.raises(UsageError) as caught:
        next(rag.summarize_many(sources, llm="extractive", **options))
    assert message in str(caught.value)


ACTS = {
    "sources in one text": (lambda: rag.check("x", sources="one text"), "such as ['one text']"),
    "sources of numbers": (lambda: rag.check("x", sources=[1]), "Number 1 of sources"),
    "nothing to check": (lambda: rag.check(None, sources=["x"]), "The text to check must be a text"),
    "load": (lambda: rag.load(5), "must be the path of a file, not 5"),
    "split": (lambda: rag.split("text"), "what rag.load gives"),
    "sync": (lambda: rag.sync("docs", index="i"), "a list of paths, such as ['docs']"),
    "remove": (lambda: rag.remove([5], index="i"), "Number 1 of sources"),
    "open_index": (lambda: rag.open_index(None), "the path of a folder"),
    "open_embedder": (lambda: rag.open_embedder(5), "a text such as 'minilm'"),
    "open_llm": (lambda: rag.open_llm(None), "a text such as 'local'"),
    "open_reranker": (lambda: rag.open_reranker(5), "must be a text"),
    "max_tokens": (lambda: rag.Sampling(max_tokens="5"), "max_tokens must be a whole number, at least 1, not '5'"),
    "temperature": (lambda: rag.Sampling(temperature="warm"), "temperature must be a number"),
    "chunk sizes": (lambda: rag.ChunkSizes("200"), "chunk_tokens must be a whole number"),
    "examples": (lambda: rag.Prompts(examples=["x"]), "Number 1 of examples"),
    "folder": (lambda: rag.Prompts(5), "the path of a folder of templates"),
    "history": (lambda: rag.Prompts(history="hello"), "a list of messages"),
    "no document to sum up": (lambda: rag.summarize(5), "source must be the path of a file, or what rag.load gives, not 5"),
    "document": (lambda: rag.ask_document("How tall?", 5, llm="extractive"), "the path of a file"),
    "words without a model": (lambda: rag.ask_document("How tall?", TOWER, llm="extractive", words=5), "cannot use words"),
}


@pytest.mark.parametrize("name", ACTS)
def test_other_arguments_that_cannot_be_are_told_too(name):
    act, message = ACTS[name]
    with pytest.raises(RagError) as caught:
        act()
    assert message in str(caught.value)


def test_a_session_is_a_name_or_a_path(towers):
    with pytest.raises(UsageError, match="session must be a name"):
        rag.Chat(index=towers, llm="extractive", session=5)


def test_what_is_told_is_bounded(towers):
    with pytest.raises(UsageError) as caught:
        rag.ask(["word"] * 1000, index=towers, llm="extractive")
    assert len(str(caught.value)) < 200
