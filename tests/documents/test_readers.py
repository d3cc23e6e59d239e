"""Every reader of this package passes the contract of loaders that ships in `rag.testing`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import pytest
from small_files import small_files

from rag.documents import FAMILIES, SUFFIXES, load_bytes
from rag.testing import LoaderContract


@dataclass(frozen=True)
class Reader:
    """The readers of this package as one loader, of the suffixes of one family."""

    suffixes: tuple[str, ...]

    def load(self, content, *, source, name):
        return load_bytes(content, source=source, name_hint=name)


@pytest.fixture(params=small_files())
def sample(request):
    return request.param


class TestContract(LoaderContract):
    @pytest.fixture
    def loader(self, sample):
        return Reader(FAMILIES[SUFFIXES[PurePath(sample).suffix]].suffixes)

    @pytest.fixture
    def content(self, sample):
        return small_files()[sample]
