from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.grounding.lexical import LexicalVerifier
from rag.grounding.quantities import quantities
from rag.protocols import Verifier
from rag.testing.fakes import HashEmbedder
from rag.types import Passage

REPORT = Passage(
    1,
    "Net sales rose by 3.5 million crowns to 34,229 million crowns in 2022. The Vereen family bought the mill on 14 July 1911. "
    "Adele Moor does not own shares. Profit was 18 percent in the north and 16 percent in the south. "
    "Jonas Bark met Ada Brandt in Lund before the war began.",
    "report.pdf",
    title="Annual report of Halden Mills",
)


def support(sentence, *passages):
    return LexicalVerifier().check(sentence, passages or (REPORT,))[0].support


@pytest.mark.parametrize(
    "sentence",
    [
        "Net sales rose by 3,500,000 crowns.",
        "Net sales in 2022 were 34.2 billion crowns.",
        "The Vereen family bought the mill on July 14th, 1911.",
        "The mill was bought by the Vereen family in July 1911.",
        "Profit was 18 % in the north and 16 % in the south.",
        "Profit was eighteen percent in the north.",
        "Adele Moor doesn't own shares.",
        "Halden Mills made a profit of 18 percent in the north.",
    ],
)
def test_the_same_fact_in_another_spelling_is_supported_in_full(sentence):
    assert support(sentence) == "full"


TOWER = Passage(1, "The tower is 34 metres tall. It was built between 1871 and 1874 by masons from Brin.", "tower.md")
CAPTAIN = Passage(2, "The ferry captain is called Red Anna. She sails at 9 each day.", "ferry.md")


@pytest.mark.parametrize(
    "sentence",
    [
        "Bosun is 34 metres tall.",
        "The bridge is 34 metres tall.",
        "Bosun was built between 1871 and 1874.",
        "The ferry captain is 34 metres tall.",
        "Red Anna was built by masons from Brin.",
    ],
)
def test_another_subject_is_not_fully_supported(sentence):
    assert support(sentence, TOWER, CAPTAIN) == "partial"


def test_text_without_spaces_has_no_subject_to_mistake():
    assert support("该塔建于一八七一年三月五日。", Passage(1, "这座塔建于一八七一年三月五日。", "ta.txt")) == "full"


@pytest.mark.parametrize(
    "sentence",
    [
        "Currently, the tower is 34 metres tall.",
        "In total the tower is 34 metres tall.",
        "The tower was built between 1871 and 1874.",
        "The tower is 34 metres tall and the captain of the ferry is called Red Anna.",
    ],
)
def test_the_words_before_the_subject_are_not_the_subject(sentence):
    assert support(sentence, TOWER, CAPTAIN) == "full"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("number", "Net sales rose by 4.5 million crowns to 34,229 million crowns in 2022."),
        ("scale", "Net sales rose by 3.5 billion crowns to 34,229 million crowns in 2022."),
        ("year", "Net sales rose by 3.5 million crowns to 34,229 million crowns in 2021."),
        ("day", "The Vereen family bought the mill on 15 July 1911."),
        ("month", "The Vereen family bought the mill on 14 June 1911."),
        ("day of a bare year", "Net sales rose by 3.5 million crowns on 3 May 2022."),
        ("written number", "Profit was nineteen percent in the north."),
        ("unit", "Profit was 18 million in the north and 16 million in the south."),
        ("numbers exchanged", "Profit was 16 percent in the north and 18 percent in the south."),
        ("name", "The Halden family bought the mill on 14 July 1911."),
        ("unknown name", "The Vereen family of Oslo bought the mill on 14 July 1911."),
        ("name of a neighbour", "Adele Moor met Ada Brandt in Lund before the war began."),
        ("names exchanged", "Jonas Lund met Ada Brandt in Bark before the war began."),
        ("denial put in", "The Vereen family never bought the mill on 14 July 1911."),
        ("denial taken out", "Adele Moor does own shares."),
        ("opposite", "Net sales fell by 3.5 million crowns to 34,229 million crowns in 2022."),
        ("opposite time", "Jonas Bark met Ada Brandt in Lund after the war began."),
    ],
)
def test_one_wrong_fact_takes_full_support_away(kind, sentence):
    assert support(sentence) != "full"


def test_the_sentence_before_or_the_title_explains_it():
    passage = Passage(1, "Insulin is a hormone. It regulates the sugar in the blood of animals.", "i.txt", title="Hormones")
    assert support("Insulin regulates the sugar in the blood of animals.", passage) == "full"
    titled = Passage(1, "It regulates the sugar in the blood of animals.", "i.txt", title="Insulin")
    assert support("The hormone Insulin regulates the sugar in the blood of animals.", titled) == "full"
    assert support("The hormone Adrenalin regulates the sugar in the blood of animals.", titled) != "full"


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("The museum is open on Tuesday.", "The museum is open every day except Tuesday."),
        ("The museum is open on Tuesday.", "The museum is open every day except Monday and Tuesday."),
        ("Dogs are allowed on Sunday.", "Dogs are allowed on all days but Sunday."),
        ("The museum is open on Monday.", "The museum is open daily apart from Monday."),
        ("The museum is open on Monday.", "The museum is open daily, with the exception of Monday."),
        ("Das Museum ist montags geöffnet.", "Das Museum ist täglich außer montags geöffnet."),
        ("Le musée est ouvert le mardi.", "Le musée est ouvert tous les jours sauf le mardi."),
    ],
)
def test_an_exception_in_a_source_is_respected(sentence, source):
    assert support(sentence, Passage(1, source, "m.txt")) == "partial"
    assert support(source, Passage(1, source, "m.txt")) == "full"


def test_a_but_that_joins_clauses_excepts_nothing():
    passage = Passage(1, "The museum is open every day but the cafe closes early. All rooms are old but beautiful.", "m.txt")
    assert support("The museum is open every day.", passage) == "full"
    assert support("All rooms are beautiful.", passage) == "full"


@pytest.mark.parametrize(
    ("sentence", "source", "is_true"),
    [
        ("The museum opens at 0:00.", "The museum opens at 9:00.", False),
        ("The museum opens at 9:30.", "The museum opens at 9:00.", False),
        ("The museum opens at 9 pm.", "The museum opens at 9:00.", False),
        ("The museum opens at 7:30 am.", "The museum opens at 7:30 pm.", False),
        ("The causeway is 0 metres long.", "The causeway is dry between 9:00 and 17:00.", False),
        ("The museum opens at 9.", "The museum opens at 9:00.", True),
        ("The museum opens at 9:00 am.", "The museum opens at 9 am.", True),
        ("The museum opens at 17:00.", "The museum opens at 5 pm.", True),
        ("The museum opens at 7:30.", "The museum opens at 7:30 pm.", True),
    ],
)
def test_a_time_of_day_is_one_number(sentence, source, is_true):
    assert (support(sentence, Passage(1, source, "m.txt")) == "full") == is_true


@pytest.mark.parametrize(
    ("sentence", "source", "is_true"),
    [
        ("The temperature was -5 degrees.", "The temperature was 5 degrees.", False),
        ("The temperature was 5 degrees.", "The temperature was −5 degrees.", False),
        ("The temperature was minus 5 degrees.", "The temperature was 5 degrees.", False),
        ("Profit was -3 million.", "Profit was 3 million.", False),
        ("Profit was 3 in Lund.", "| Lund | Profit |\n|---|---|\n| Lund profit | (3) |", False),
        ("The temperature was -5 degrees.", "The temperature was −5 degrees.", True),
        ("The temperature was minus 5 degrees.", "The temperature was −5 degrees.", True),
        ("Lund profit was -3.", "| Lund | Profit |\n|---|---|\n| Lund profit | (3) |", True),
        ("Profit fell by 3 percent.", "Profit, which fell, changed by -3 percent.", True),
        ("Profit was 3% in the north and -3% in the south.", "Profit was -3% in the north and 3% in the south.", False),
        ("Profit was -3% in the north and 3% in the south.", "Profit was -3% in the north and 3% in the south.", True),
        (
            "A loss of 3% in the north, and a profit of 3% in the south.",
            "Profit was -3% in the north and 3% in the south.",
            True,
        ),
    ],
)
def test_a_number_keeps_its_sign(sentence, source, is_true):
    assert (support(sentence, Passage(1, source, "m.txt")) == "full") == is_true


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Profit was 7%.", "Profit was 9%. Tax was 7%."),
        ("Profit was 7%.", "Profit was 9% and tax was 7%."),
        ("Profit was 7%.", "Profit was 9%, tax 7%."),
        ("Profit was 7% in 2023.", "Profit was 9% in 2022. Tax was 7% in 2023."),
        ("The tower is 20 metres tall.", "The tower is 330 metres tall. Its antenna is 20 metres tall."),
        ("The mill has 7 floors.", "The mill has 9 floors. The tower has 7 floors."),
        ("The tower was built in 1911.", "The tower was built in 1872. The mill was built in 1911."),
        ("Net sales were 2 million.", "(in millions)\n| Net sales | 7 | 6 |\n| Profit | 2 | 1 |"),
    ],
)
def test_a_number_of_another_subject_is_not_supported(sentence, source):
    assert support(sentence, Passage(1, source, "r.txt")) == "partial"


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Tax was 7%.", "Profit was 9%. Tax was 7%."),
        ("Profit was 9% and tax was 7%.", "Profit was 9%. Tax was 7%."),
        ("Profit was 7%.", "Profit was 9% in 2021 and 7% in 2022."),
        ("Profit was 7% in the south.", "Profit was 9% in the north. In the south it was 7%."),
        ("Profit of Halden and Moor was 7%.", "Profit was 9% before. Then the profit of Halden and Moor was 7%."),
        ("The shares stood at 7.", "The shares stood at 9 crowns. Near the end of that decade they were worth 7."),
        ("The mill had 500 workers by 1920.", "The mill employed 300 people in 1911. The works had 500 workers by 1920."),
        ("The tower was finished in 1875.", "The tower was begun in 1872 by Brandt. The building was finished in 1875."),
        ("Net sales were 6 million.", "(in millions)\n| Net sales | 7 | 6 |\n| Profit | 2 | 1 |"),
        (
            "The tower is 34 metres tall.",
            "The tower was built in 1872. The mill has 7 floors. It is 34 metres tall, this tower.",
        ),
    ],
)
def test_a_number_and_its_subject_may_be_in_two_clauses(sentence, source):
    assert support(sentence, Passage(1, source, "r.txt")) == "full"


@pytest.mark.parametrize(
    "text", ["3-5 rooms", "2010-2012", "2010 – 2012", "2010 -2012", "B-5", "- 5 rooms", "five (5) million", "(2010)"]
)
def test_hyphens_ranges_dashes_and_brackets_are_no_signs(text):
    assert not any(q.is_negative for q in quantities(f"It was {text} in all."))


@pytest.mark.parametrize(
    ("sentence", "source", "is_true"),
    [
        (
            "The causeway is 2 metres long.",
            "The causeway is 1,350 metres long.\n\n| Causeway warden | 2 |\n| Cook | 3 |",
            False,
        ),
        ("The causeway is 5 metres long.", "Table 5: the causeway. The causeway is 1,350 metres long.", False),
        ("The causeway is 1,350 metres long.", "Lengths in metres\n\n| The long causeway | 1,350 |", True),
        ("The causeway is 3 metres wide.", "The causeway is 3 to 5 metres wide.", True),
        ("The causeway is 3 metres wide.", "The causeway is 3-5 metres wide.", True),
    ],
)
def test_a_bare_number_supports_no_measure(sentence, source, is_true):
    assert (support(sentence, Passage(1, source, "m.txt")) == "full") == is_true


def test_not_only_denies_nothing():
    passage = Passage(1, "The pond feeds the mill and the garden.", "p.txt")
    assert support("The pond feeds not only the mill but the garden.", passage) == "full"


def test_numbers_of_a_table_take_the_scale_of_its_heading():
    table = Passage(1, "Statement of income (in millions)\nNet sales 34,229 in 2022", "t.pdf")
    assert support("Net sales were 34,229 million in 2022.", table) == "full"
    assert support("Net sales were 34,229 thousand in 2022.", table) == "partial"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("34,229 or 3.50 or 1.234,5", [("34229", ""), ("3.5", ""), ("1234.5", "")]),
        ("twenty-five and three hundred thousand", [("25", ""), ("300000", "")]),
        ("5 percent, 5 % and 5 per cent", [("5", "%")] * 3),
        ("$3.5 billion", [("3500000000", "$")]),
        ("14 July, July 14th and 1911-07-14", [("714", "date"), ("714", "date"), ("1911", ""), ("714", "date")]),
        ("5–7 June", [("605", "date"), ("607", "date")]),
        ("It may be one of them; they march.", []),
        ("9:00, 9 am, 5 p.m. and 17:30", [("900", "time"), ("900", "am"), ("1700", "pm"), ("1730", "time")]),
        ("2:1 and 16:9", [("2", ""), ("1", ""), ("16", ""), ("9", "")]),
        ("۱۳ سال", [("13", "")]),
    ],
)
def test_numbers_and_dates_have_one_spelling(text, found):
    months = {f"{100 * month}" for month in range(1, 13)}
    values = [(f"{q.value.normalize():f}", q.unit) for q in quantities(text)]
    assert [pair for pair in values if pair[0] not in months or pair[1] != "date"] == found


class Fixed(HashEmbedder):
    """Gives all texts one vector. Records the texts."""

    def __init__(self, name):
        super().__init__(name=name)
        self.asked = []

    def embed_question(self, text):
        self.asked.append(text)
        return np.array([1, 0], np.float32)


def test_nearness_in_meaning_lifts_a_score():
    wreck = Passage(1, "The vessel with her crew went down in the gale of March 1880.", "w.txt")
    sentence = "The boat with its sailors sank in March 1880."
    embedder = Fixed("minilm")
    near, _ = LexicalVerifier(embedder).check(sentence, [wreck])
    words, _ = LexicalVerifier().check(sentence, [wreck])
    assert near.score > words.score
    assert embedder.asked == [sentence, wreck.text]


def test_no_nearness_lifts_a_wrong_number_to_full_support():
    wreck = Passage(1, "The vessel with her crew went down in the gale of March 1880.", "w.txt")
    judged, _ = LexicalVerifier(Fixed("minilm")).check("The boat with its sailors sank in March 1881.", [wreck])
    assert judged.support != "full"


def test_an_embedder_that_nothing_was_fitted_for_is_not_asked():
    embedder = Fixed("other")
    LexicalVerifier(embedder).check("The family sold some mill.", [REPORT])
    assert embedder.asked == []


def test_any_text_gets_a_verdict_with_valid_spans():
    verifier = LexicalVerifier()
    assert isinstance(verifier, Verifier)

    @settings(max_examples=150, deadline=None)
    @given(st.text(st.sampled_from("Ab 1.,%$\n。not日é\u00a0-5"), max_size=80), st.text(max_size=80))
    def holds(sentence, text):
        judged, spans = verifier.check(sentence, [Passage(1, text, "t"), Passage(2, sentence + text, "u")])
        assert 0 <= judged.score <= 1
        assert judged.support in ("full", "partial", "none")
        assert all(0 <= start < end <= len(passage.text) for passage, start, end in spans)
        assert (judged.support == "none") == (not spans)

    holds()
