"""Code in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from paths import ROOT


def run_python(code, *arguments, **environment):
    """Run code in a fresh process, for what is decided at import or once in a process. Returns its standard output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    return done.stdout
