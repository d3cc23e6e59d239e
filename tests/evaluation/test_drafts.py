"""Questions drafted from an index: their passages, resumed runs, and acceptance by a person."""

from __future__ import annotations

import pytest
from evaluation_data import read_lines, write_lines

from rag.errors import ModelError, UsageError
from rag.evaluation.drafts import draft_questions
from rag.evaluation.retrieval import evaluate_retrieval
from rag.ingest.sync import add_documents
from rag.testing.fakes import ScriptedGenerator
from rag.types import Document

TOWNS = ["Avonlea", "Brigg", "Corby", "Derby", "Ely", "Fowey"]


def passage(town: str) -> str:
    return (
        f"The market hall of {town} was built by a guild of weavers, who sold cloth there every Thursday for two hundred years. "
        f"Its bell, cast for the feast of the harvest, was paid for with {len(town)} hundred crowns and hangs in the northern gable."
    )


class Drafter(ScriptedGenerator):
    """Asks who built the market hall of its source. `spoil` changes what it says."""

    def __init__(self, spoil=lambda said: said, *, parallel=1):
        super().__init__([])
        self.spoil, self.parallel = spoil, parallel

    async def stream(self, prompt, sampling):
        town = next(town for town in TOWNS if town in prompt.passages[0].text)
        self.answers.append(
            [self.spoil(f"Question: Who built the market hall of {town}?\nAnswer: a guild of weavers\n\nQuestion:")]
        )
        async for piece in super().stream(prompt, sampling):
            yield piece


@pytest.fixture
def towns(index):
    for town in TOWNS:
        starts = (0, passage(town).index("Its bell"))
        document = Document(passage(town), f"/docs/{town}.pdf", town, page_starts=starts, page_statuses=("ok", "ok"))
        add_documents([document], index=index)
    add_documents([Document("Too short to ask about.", "/docs/short.md", "Short")], index=index)
    return index


def test_drafts_name_their_passages_and_are_not_accepted_yet(towns, tmp_path):
    made = draft_questions(index=towns, llm=Drafter(), output=tmp_path / "q.jsonl", count=4)
    assert (made.written, made.before, made.useless) == (4, 0, 0)
    rows = read_lines(tmp_path / "q.jsonl")
    assert len({row["source"] for row in rows}) == 4
    for row in rows:
        document = towns.catalog.document(row["source"])
        found = row["passage"]
        assert document.text[found["start"] : found["end"]] == found["text"]
        assert (row["accepted"], row["answers"], row["pages"]) == (None, ["a guild of weavers"], [1])
        assert document.title in row["question"]


def test_only_accepted_drafts_are_asked(towns, tmp_path):
    path = tmp_path / "q.jsonl"
    draft_questions(index=towns, llm=Drafter(), output=path, count=3)
    with pytest.raises(UsageError, match=r"\b3\b.*q\.jsonl"):
        evaluate_retrieval(path, index=towns)
    rows = read_lines(path)
    write_lines(path, [{**rows[0], "accepted": True}, {**rows[1], "accepted": False}, rows[2]])
    evaluation = evaluate_retrieval(path, index=towns)
    assert [row["question"] for row in evaluation.questions] == [rows[0]["question"]]
    assert evaluation.main.means["recall@10"] == 1.0


def test_a_second_run_adds_and_changes_no_line(towns, tmp_path):
    path = tmp_path / "q.jsonl"
    draft_questions(index=towns, llm=Drafter(), output=path, count=2)
    rows = read_lines(path)
    write_lines(path, [{**rows[0], "accepted": True, "question": "Mine?"}, rows[1]])
    before = path.read_text()
    path.write_text(before + '{"id": "torn', encoding="utf-8")
    model = Drafter()
    made = draft_questions(index=towns, llm=model, output=path, count=5)
    assert (made.written, made.before, len(model.prompts)) == (3, 2, 3)
    assert path.read_text().startswith(before)
    assert len({row["id"] for row in read_lines(path)}) == 5
    assert draft_questions(index=towns, llm=Drafter(), output=path, count=5).written == 0


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"Dear Anna,\nthis is my letter.\nYours, Bert", "line 1"),
        (b'{\n "a": 1\n}', "line 1"),
        (b"one line", "line 1"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"id": "a", "question": "?"}\n{"id": "b", "accepted": true,, "x": 1}', "line 2"),
        (b'no draft\n{"id": "b", "acc', "line 1"),
    ],
)
def test_a_file_of_another_kind_is_named_and_left_as_it_is(towns, tmp_path, content, place):
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"letter\.txt.*{place}"):
        draft_questions(index=towns, llm=Drafter(), output=path, count=3)
    assert path.read_bytes() == content


def test_missing_ids_and_a_missing_last_newline_do_no_harm(towns, tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "A?", "answers": ["x"]}\n{"question": "B?", "answers": ["y"]}')
    made = draft_questions(index=towns, llm=Drafter(), output=path, count=3)
    assert (made.written, made.before) == (1, 2)
    assert [row["question"] for row in read_lines(path)][:2] == ["A?", "B?"]


def test_the_same_seed_draws_the_same_passages(towns, tmp_path):
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draft_questions(index=towns, llm=Drafter(), output=tmp_path / name, count=4, seed=seed)
        drawn.append([row["source"] for row in read_lines(tmp_path / name)])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "I cannot think of one.",
        lambda said: said.replace("a guild of weavers", "the king of France"),
        lambda said: said.replace("Who built the market hall", "What does the text say"),
        lambda _: "Question: What is it?\nAnswer: a guild of weavers\n",
    ],
)
def test_a_draft_that_its_passage_does_not_support_is_left_out(towns, tmp_path, spoil):
    with pytest.raises(ModelError, match=r"scripted .*\b6 passages"):
        draft_questions(index=towns, llm=Drafter(spoil), output=tmp_path / "q.jsonl", count=2)
    assert read_lines(tmp_path / "q.jsonl") == []


def test_a_model_that_only_quotes_is_refused(towns, tmp_path):
    with pytest.raises(UsageError, match="extractive"):
        draft_questions(index=towns, llm="extractive", output=tmp_path / "q.jsonl")
    with pytest.raises(UsageError, match="25 words"):
        draft_questions(index=towns, llm=Drafter(), output=tmp_path / "q.jsonl", where={"title": "Short"})


def test_as_many_are_asked_at_once_as_the_model_takes(towns, tmp_path):
    made = draft_questions(index=towns, llm=Drafter(parallel=4), output=tmp_path / "q.jsonl", count=3)
    assert made.written == len(read_lines(tmp_path / "q.jsonl")) == 3
