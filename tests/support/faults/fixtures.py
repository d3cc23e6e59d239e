"""What the tests of faults have in common. A module takes a fixture by assigning it to a name of its own."""

from __future__ import annotations

import atexit
import copy
import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from faults.nursery import the_nursery
from faults.sources import Sources


@pytest.fixture
def nursery():
    if sys.platform != "linux":
        pytest.skip("children are forked, watched and limited as only Linux does it")
    return the_nursery()


@pytest.fixture
def place():
    """An empty folder that other users can reach, in memory where that is possible: what a killed process wrote, it wrote."""
    return emptied(home() / "here")


@pytest.fixture
def sources(place):
    """Some documents that have changed before; the next `step` changes them again."""
    made, _ = with_history()
    shutil.copytree(home() / "made" / "sources", place / "sources")
    return copy.deepcopy(made)


@pytest.fixture
def index(place, sources):
    """An index of `sources` with some history: documents were added, changed and removed after the first run."""
    shutil.copytree(home() / "made" / "index", place / "index")
    return place / "index"


@lru_cache
def home():
    """A folder for this test run; it goes away with it."""
    memory = Path("/dev/shm")
    folder = TemporaryDirectory(prefix="groundtext-faults-", dir=memory if os.access(memory, os.W_OK) else None)
    atexit.register(folder.cleanup)
    Path(folder.name).chmod(0o755)
    return Path(folder.name)


@lru_cache
def with_history():
    """Documents and their index, made once; they lie in "here" and, for copying, in "made"."""
    here = emptied(home() / "here")
    sources, index = Sources(here / "sources", seed=5), here / "index"
    for _ in range(3):
        the_nursery().run("sync", index=str(index), folder=str(sources.folder)).result()
        sources.step(5)
    the_nursery().run("sync", index=str(index), folder=str(sources.folder)).result()
    shutil.copytree(here, home() / "made")
    return sources, emptied(here)


def emptied(folder):
    """The folder, new and open to all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o777)
    return folder
