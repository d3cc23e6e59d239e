"""Questions as people type them: slips of the fingers, frames around them, several at once. Seeded: the same in each run.

    worn = perturbed("How tall is the tower?", others=["Who built the bridge?"], paragraph="The bridge is old.", seed=7)
    worn["one pair of letters swapped"]  # "How tall is the twoer?"

Words with a digit stay as they are: a wrong digit is another question.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Sequence

from rag.text.question_parts import ASKS
from rag.text.words import content_stems

Slip = Callable[[str, int], str]

_WORD = re.compile(r"[^\W\d_]{4,}")
_MARKS = re.compile(r"[\u0300-\u036f]")

FRAMES = (
    "Hello, could you please tell me the following: {} Thank you very much!",
    "Hi there, I would like to know: {} Thanks a lot in advance.",
    "Sorry to bother you, but I was wondering: {} Many thanks!",
    "Good morning! Can you help me with this one, please? {}",
)
MAILS = (
    "Dear all,\n\nI hope this mail finds you well. I went through the papers yesterday evening and could not find it. {} "
    "It would be great to hear back before Friday.\n\nMany thanks and kind regards\nKim",
    "Hi Alex,\n\nthanks for your message and for the nice talk last week. My colleague came back to me with one more point today. "
    "{}\n\nIf you are not the right person, please pass this on.\n\nBest wishes\nSam Porter",
)


def perturbed(question: str, *, others: Sequence[str], paragraph: str, seed: int) -> dict[str, str]:
    """The question in each of its forms. `others` are two more questions, `paragraph` a text on something else."""
    chance = random.Random(f"{seed} {question}")
    return {
        "as written": question,
        "one pair of letters swapped": _slipped(question, chance, _swapped, 1),
        "two pairs of letters swapped": _slipped(question, chance, _swapped, 2),
        "two letters dropped": _slipped(question, chance, _dropped, 2),
        "two letters doubled": _slipped(question, chance, _doubled, 2),
        "no accents": without_accents(question),
        "lower case": question.lower(),
        "a polite frame": chance.choice(FRAMES).format(question),
        "within a mail": chance.choice(MAILS).format(question),
        "two questions in one": _joined([question, *others[:1]], chance),
        "three questions in one": _joined([question, *others[:2]], chance),
        "keywords only": keywords(question),
        "a paragraph before it": f"{paragraph}\n\n{question}",
    }


def without_accents(text: str) -> str:
    """Letters of Europe without the signs on them; other scripts need theirs."""
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


def keywords(question: str) -> str:
    """The words that carry meaning, as people type them into a search box."""
    return " ".join(word for word in re.findall(r"[\w'’.,-]*\w", question) if content_stems(word)) or question


def _slipped(question: str, chance: random.Random, slip: Slip, words: int) -> str:
    """The question with a slip in so many of its longer words, as far as it has any."""
    places = [match for match in _WORD.finditer(question) if match.group().isascii() or match.group()[0].isalpha()]
    chosen = chance.sample(places, min(words, len(places)))
    for match in sorted(chosen, key=lambda one: -one.start()):
        word = match.group()
        worn = slip(word, chance.randrange(1, len(word) - 1))
        question = question[: match.start()] + worn + question[match.end() :]
    return question


def _swapped(word: str, place: int) -> str:
    """Two neighbours, as far as they differ, change places. The first letter stays."""
    for start in (*range(place, len(word) - 1), *range(1, place)):
        if word[start] != word[start + 1]:
            return word[:start] + word[start + 1] + word[start] + word[start + 2 :]
    return word


def _dropped(word: str, place: int) -> str:
    return word[:place] + word[place + 1 :]


def _doubled(word: str, place: int) -> str:
    return word[:place] + word[place] + word[place:]


def _joined(questions: list[str], chance: random.Random) -> str:
    """One after the other, each with a question mark."""
    chance.shuffle(questions)
    return " ".join(question if question.rstrip().endswith(ASKS) else f"{question}?" for question in questions)
