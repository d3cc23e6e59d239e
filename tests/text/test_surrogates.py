"""Texts with halves of surrogate pairs."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from rag.text.surrogates import escaped, utf8, well_formed

ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT)
def test_every_text_can_be_written_and_valid_ones_stay(text):
    valid = not any("\ud800" <= character <= "\udfff" for character in text)
    assert (well_formed(text) == text) is (escaped(text) == text) is valid
    assert well_formed(text).encode().decode() == well_formed(text)
    assert len(well_formed(text)) == len(text)


@given(ANY_TEXT)
def test_json_reads_an_escape_back(text):
    assert json.loads(escaped(json.dumps(text, ensure_ascii=False))) == text


@given(ANY_TEXT, ANY_TEXT)
def test_bytes_differ_for_texts_that_differ(text, other):
    assert (utf8(text) == utf8(other)) is (text == other)
