"""Tokens counted word by word equal the tokenizer's count of the whole text."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag.models.embedders import word_counts
from rag.models.embedders.word_counts import WordCounts, keeps_words_apart
from rag.models.pretrained import packaged_minilm

TOKENIZER = Tokenizer.from_file(str(packaged_minilm() / "tokenizer.json"))
TOKENIZER.no_truncation()
TOKENIZER.no_padding()
AWKWARD = (
    "a Ab é é ﬁ \x0b\x0c\x1c\x85\u00a0\u2003\u2028\u3000\u200b\u0301 中文 かな 🚀 [SEP] [ UNK] ##x 3.14 don't -- \r\n\t".split(
        " "
    )
)
texts = st.lists(st.one_of(st.sampled_from([*AWKWARD, " ", "\n", "\t"]), st.text(max_size=8))).map("".join)


def whole(text: str) -> int:
    return len(TOKENIZER.encode(text, add_special_tokens=False).ids)


@given(st.lists(texts, max_size=4))
def test_the_words_of_a_text_have_as_many_tokens_as_the_text(several):
    several = [text.encode("utf-8", "replace").decode() for text in several]
    counted = WordCounts(TOKENIZER)
    assert counted(several) == [whole(text) for text in several]
    assert counted(several) == [whole(text) for text in several]


def test_no_space_or_control_character_makes_a_difference():
    count = WordCounts(TOKENIZER)
    for character in map(chr, range(0x3100)):
        if character.isspace() or not character.isprintable():
            text = f"river{character}bank {character} of{character}{character}sand"
            assert count([text]) == [whole(text)], f"U+{ord(character):04X}"


def test_words_are_forgotten_when_they_are_many(monkeypatch):
    monkeypatch.setattr(word_counts, "MOST_WORDS", 3)
    counted = WordCounts(TOKENIZER)
    for text in ("one two three four", "five six", "one two " + "x" * 50, ""):
        assert counted([text]) == [whole(text)]


def test_only_tokenizers_like_berts_are_taken_apart():
    assert keeps_words_apart(TOKENIZER)
    told = json.loads(TOKENIZER.to_str())
    told["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    assert not keeps_words_apart(Tokenizer.from_str(json.dumps(told)))
