"""The sentences of a document that say most of what it is about, from its beginning to its end.

Each stretch of the document gives its best one: the sentence whose words are the likeliest in the whole, where a word that was said
already counts as its likelihood squared (SumBasic; Nenkova and Vanderwende, "The Impact of Frequency on Summarization", 2005).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rag.grounding.citations import without_markers
from rag.prompts.data import as_data
from rag.summaries.wording import count_words
from rag.text.rarity import frequencies, rarity
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEAST_WORDS, MOST_WORDS = 6, 45
"""Of a sentence that is worth quoting: shorter ones lean on others, longer ones are mostly tables."""

NOT_PLAIN = '"“”„«»「」<>'
END = re.compile(r"[.!?…。！？।॥؟۔።။។]['’)\]]*\s*$")

MOST_SENTENCES = 4000
"""Of a longer text, so many that lie evenly in it."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    words: frozenset[str]
    length: int


def telling_sentences(
    text: str, words: int, *, stretch: tuple[float, float] = (0.0, 1.0), said: Iterable[str] = (), focus: str = ""
) -> list[tuple[int, int]]:
    """(start, end) of sentences of the text, in its order, of `words` words together at most.

    They begin in `stretch`, given as shares of the text's length.
    `said` are sentences that the reader has: what they say is left out or counts less. With a `focus`, only sentences with a word
    of it count, and what it shares with few sentences counts most.
    """
    everything = _sentences(text)
    asked = rarity(content_stems(focus), frequencies(one.words for one in everything), len(everything))
    first, last = (share * len(text) for share in stretch)
    sentences = [one for one in everything if first <= one.start < last and (not asked or one.words & asked.keys())]
    if not sentences or words < LEAST_WORDS:
        return []
    counts = frequencies(one.words for one in sentences)
    likely = {word: count / len(sentences) for word, count in counts.items()}
    known = [frozenset(content_stems(one)) for one in said]
    for word in frozenset().union(*known) & likely.keys():
        likely[word] **= 2
    chosen: list[_Sentence] = []
    while fitting := [one for one in sentences if one.length <= words and not any(one.words <= told for told in known)]:
        stretches = max(1, round(words / (sum(one.length for one in fitting) / len(fitting))))
        for near in _stretches(fitting, stretches / (len(text) + 1)):
            if still := [one for one in near if one.length <= words and one.words not in known]:
                best = max(still, key=lambda one: _worth(one, likely, asked))
                chosen.append(best)
                known.append(best.words)
                words -= best.length
                likely.update({word: likely[word] ** 2 for word in best.words})
    return sorted((one.start, one.end) for one in chosen)


def _stretches(sentences: Iterable[_Sentence], a_character: float) -> list[list[_Sentence]]:
    """The sentences by the stretch in which they begin."""
    return [list(stretch) for _, stretch in groupby(sentences, lambda one: int(one.start * a_character))]


def _worth(sentence: _Sentence, likely: dict[str, float], asked: dict[str, float]) -> tuple[float, float]:
    """What bears on more of the question goes first."""
    words = sentence.words
    return sum(weight for word, weight in asked.items() if word in words), sum(likely[word] for word in words) / len(words)


def _sentences(text: str) -> list[_Sentence]:
    """Those that can stand alone: no talk, which leans on what was said before, and nothing that looks like a marker or markup."""
    spans = sentence_spans(text)
    found: list[_Sentence] = []
    for start, end in _evenly(spans, MOST_SENTENCES):
        sentence = text[start:end]
        length = count_words(sentence)
        begins, ends = sentence[:1].isalnum() and not sentence[:1].islower(), END.search(sentence)
        is_whole = LEAST_WORDS <= length <= MOST_WORDS and begins and ends
        is_plain = not any(mark in sentence for mark in NOT_PLAIN) and without_markers(as_data(sentence)) == sentence
        if is_whole and is_plain and (words := frozenset(content_stems(sentence))):
            found.append(_Sentence(start, end, words, length))
    return found


def _evenly(spans: Sequence[tuple[int, int]], most: int) -> Sequence[tuple[int, int]]:
    return spans if len(spans) <= most else [spans[number * len(spans) // most] for number in range(most)]
