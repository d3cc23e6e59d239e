"""Where the checkout and the shared evaluation data are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SHARED_DATA = ROOT.parent / "shared" / "data"
