"""Wait for another process or thread, for as long as it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(happens: Callable[[], object], *, seconds: float = 60) -> None:
    """Return as soon as `happens` is true. Fail the test after `seconds`, which only a hang reaches."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.01)
