"""The most important sentences of a document, spread from its beginning to its end.

Each stretch of the document gives its best sentence: the one whose words are the most frequent in the whole document. The
probability of a word is squared once a chosen sentence has it (SumBasic; Nenkova and Vanderwende, "The Impact of Frequency on
Summarization", 2005).
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
"""Words of a sentence worth quoting. Shorter ones depend on their context; longer ones are mostly tables."""

NOT_PLAIN = '"“”„«»「」<>'
END = re.compile(r"[.!?…。！？।॥؟۔።။។]['’)\]]*\s*$")

MOST_SENTENCES = 4000
"""Sentences that are considered. Of a longer text, evenly spaced ones."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    words: frozenset[str]
    length: int


def telling_sentences(
    text: str, words: int, *, stretch: tuple[float, float] = (0.0, 1.0), said: Iterable[str] = (), focus: str = ""
) -> list[tuple[int, int]]:
    """Spans (start, end) of the most important sentences in text order, with at most `words` words in total.

    The sentences begin in `stretch`, given as shares of the text's length (0 to 1). `said` are sentences that the summary
    has already: repetitions are left out, and their words count less. With a `focus`, only sentences with one of its words
    qualify, and its rarest words count most.
    """
    everything = _sentences(text)
    asked = rarity(content_stems(focus), frequencies(sentence.words for sentence in everything), len(everything))
    first, last = (share * len(text) for share in stretch)
    in_stretch = [sentence for sentence in everything if first <= sentence.start < last]
    sentences = [sentence for sentence in in_stretch if not asked or sentence.words & asked.keys()]
    if not sentences or words < LEAST_WORDS:
        return []
    counts = frequencies(sentence.words for sentence in sentences)
    likely = {word: count / len(sentences) for word, count in counts.items()}
    known = [frozenset(content_stems(sentence)) for sentence in said]
    for word in frozenset().union(*known) & likely.keys():
        likely[word] **= 2
    chosen: list[_Sentence] = []
    while fitting := _fitting(sentences, words, known):
        mean_length = sum(sentence.length for sentence in fitting) / len(fitting)
        stretches = max(1, round(words / mean_length))
        for near in _stretches(fitting, stretches / (len(text) + 1)):
            still_fitting = [sentence for sentence in near if sentence.length <= words and sentence.words not in known]
            if not still_fitting:
                continue
            best = max(still_fitting, key=lambda sentence: _worth(sentence, likely, asked))
            chosen.append(best)
            known.append(best.words)
            words -= best.length
            likely.update({word: likely[word] ** 2 for word in best.words})
    return sorted((sentence.start, sentence.end) for sentence in chosen)


def _fitting(sentences: Iterable[_Sentence], words: int, known: Sequence[frozenset[str]]) -> list[_Sentence]:
    """Sentences of at most `words` words that say something new."""
    short = (sentence for sentence in sentences if sentence.length <= words)
    return [sentence for sentence in short if not any(sentence.words <= others for others in known)]


def _stretches(sentences: Iterable[_Sentence], a_character: float) -> list[list[_Sentence]]:
    """Group sentences by the stretch in which they begin; `a_character` is stretches per character."""
    return [list(stretch) for _, stretch in groupby(sentences, lambda sentence: int(sentence.start * a_character))]


def _worth(sentence: _Sentence, likely: dict[str, float], asked: dict[str, float]) -> tuple[float, float]:
    """Sort key: the weight of the focus words in the sentence, then the mean probability of its words."""
    about_focus = sum(weight for word, weight in asked.items() if word in sentence.words)
    return about_focus, sum(likely[word] for word in sentence.words) / len(sentence.words)


def _sentences(text: str) -> list[_Sentence]:
    """The sentences that are understood alone: no direct speech, nothing that looks like a marker or markup."""
    spans = sentence_spans(text)
    found: list[_Sentence] = []
    for start, end in _evenly(spans, MOST_SENTENCES):
        sentence = text[start:end]
        length = count_words(sentence)
        begins, ends = sentence[:1].isalnum() and not sentence[:1].islower(), END.search(sentence)
        is_whole = LEAST_WORDS <= length <= MOST_WORDS and begins and ends
        is_plain = not any(mark in sentence for mark in NOT_PLAIN) and without_markers(as_data(sentence)) == sentence
        words = frozenset(content_stems(sentence)) if is_whole and is_plain else frozenset()
        if words:
            found.append(_Sentence(start, end, words, length))
    return found


def _evenly(spans: Sequence[tuple[int, int]], most: int) -> Sequence[tuple[int, int]]:
    return spans if len(spans) <= most else [spans[number * len(spans) // most] for number in range(most)]
