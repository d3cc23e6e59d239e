"""Places for people where there are no pages: slides, cells, rows, messages, times."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag.ingest.sync import add_documents
from rag.text.places import between
from rag.types import Document, Places

SLIDES = Places("slide", (0, 10, 20), ("1", "2", "3"))
ROWS = Places("", (0, 10, 20, 30), ("Budget!A1:F1", "Budget!A2:F2", "Budget!A9:C9", "Staff!A1:B1"))
NOTED = Places("", (0, 10, 20, 30, 40), ("S!B1:C1", "S!A12", "S!A2", "S", "'My sheet'!A1"))
BOX = Places(
    "message",
    (0, 10, 20, 30, 40, 50, 60),
    ("1", "1, x.csv", "1, x.csv row 1", "1, x.csv row 3", "1, big plan.pdf page 2", "2", "2, x.xlsx S!A1:B1"),
)
MAIL = Places("", (0, 10, 20, 30, 40), ("message", "x.csv", "x.csv row 1", "x.csv row 3", "y.xlsx S!A1"))
TIMES = Places("", (0, 10), ("0:00:01", "0:01:05"))


@pytest.mark.parametrize(
    ("places", "start", "end", "expected"),
    [
        (SLIDES, 0, 10, "slide 1"),
        (SLIDES, 9, 11, "slides 1–2"),
        (SLIDES, 20, 99, "slide 3"),
        (SLIDES, 5, 5, "slide 1"),
        (SLIDES, 10, 10, "slide 2"),
        (ROWS, 0, 3, "Budget!A1:F1"),
        (ROWS, 10, 25, "Budget!A2:F9"),
        (ROWS, 25, 35, "Budget!A9:C9–Staff!A1:B1"),
        (NOTED, 0, 25, "S!A1:C12"),
        (NOTED, 10, 35, "S"),
        (NOTED, 10, 45, "S!A12 – 'My sheet'!A1"),
        (BOX, 10, 35, "message 1, x.csv rows 1–3"),
        (BOX, 20, 35, "message 1, x.csv rows 1–3"),
        (BOX, 10, 25, "message 1, x.csv row 1"),
        (BOX, 0, 35, "message 1"),
        (BOX, 30, 45, "message 1, x.csv row 3 – big plan.pdf page 2"),
        (BOX, 40, 55, "message 1, big plan.pdf page 2 – message 2"),
        (BOX, 50, 65, "message 2"),
        (MAIL, 10, 35, "x.csv rows 1–3"),
        (MAIL, 0, 35, "message – x.csv row 3"),
        (MAIL, 30, 45, "x.csv row 3 – y.xlsx S!A1"),
        (TIMES, 0, 15, "0:00:01–0:01:05"),
    ],
)
def test_a_span_goes_from_its_first_to_its_last_place(places, start, end, expected):
    assert places.of(start, end) == expected


@given(st.sets(st.integers(1, 50), max_size=8), st.integers(0, 60), st.integers(0, 20))
def test_a_character_has_the_last_place_before_it(starts, at, length):
    starts = (0, *sorted(starts))
    places = Places("", starts, tuple(map(str, starts)))
    first = max(start for start in starts if start <= at)
    last = max(start for start in starts if start <= max(at, at + length - 1))
    assert places.of(at, at + length) == (str(first) if first == last else f"{first}–{last}")


@pytest.mark.parametrize(("starts", "labels"), [((1,), ("1",)), ((), ()), ((0, 5, 3), ("1", "2", "3")), ((0, 3), ("1",))])
def test_places_that_cannot_be_are_refused(starts, labels):
    with pytest.raises(ValueError, match="places"):
        Places("line", starts, labels)


def talk() -> Document:
    slides = ["Herons nest in spring.", "Otters swim at night.", "Carp are fed at noon."]
    starts = [sum(len(slide) + 2 for slide in slides[:n]) for n in range(3)]
    return Document("\n\n".join(slides), "talk.pptx", "Talk", places=Places("slide", tuple(starts), ("1", "2", "3")))


def test_passages_and_citations_say_where_they_are(index):
    add_documents([talk()], index=index)
    (hit,) = rag.search("When do otters swim?", index=index, k=1)
    assert hit.place == "slides 1–3"
    answer = rag.ask("When do otters swim?", index=index, llm="extractive")
    assert answer.citations[0].place == "slide 2"
    assert answer.to_dict()["citations"][0]["place"] == "slide 2"
    assert index.catalog.document("talk.pptx") == talk()


def test_verify_finds_passages_with_wrong_places(index):
    add_documents([talk()], index=index)
    with closing(sqlite3.connect(index.path / "catalog.sqlite")) as connection:
        connection.execute("UPDATE chunks SET place = 'slide 9'")
        connection.commit()
    assert any("is not at slide 9" in problem for problem in index.verify())


@pytest.mark.parametrize("places", ["[]x", "[1]", '{"unit": "x"}', '{"unit": "x", "starts": [3], "labels": ["a"]}'])
def test_damaged_places_are_an_error_of_the_index(index, places):
    add_documents([talk()], index=index)
    with closing(sqlite3.connect(index.path / "catalog.sqlite")) as connection:
        connection.execute("UPDATE contents SET places = ?", (places,))
        connection.commit()
    with pytest.raises(rag.errors.IndexFormatError, match=str(index.path)):
        index.catalog.document("talk.pptx")


def test_places_are_stored_as_documented(index):
    add_documents([talk()], index=index)
    with closing(sqlite3.connect(index.path / "catalog.sqlite")) as connection:
        ((told,),) = connection.execute("SELECT places FROM contents").fetchall()
    assert json.loads(told) == {"unit": "slide", "starts": [0, 24, 47], "labels": ["1", "2", "3"]}


def test_cells_and_the_whole_of_a_sheet_in_quotes_are_the_sheet():
    assert between(("'It''s a, b'!A1:B1", "It's a, b"), "") == "It's a, b"
    assert between(("'It''s a, b'!A1:B1", "'It''s a, b'!C2"), "") == "'It''s a, b'!A1:C2"
    assert between(("Budget!A1", "Budget"), "") == "Budget"
