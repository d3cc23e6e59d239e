"""The points of a run at which a kill could hurt: they are counted, and one of them can be made the last.

A point comes before each of these, in the order in which the process gets there: a statement of SQLite; a file in
the index folder opened to be written, written, renamed, removed or locked, a folder made or removed; and before and
after each commit of tantivy. Python itself reports them (audit events, SQLite's trace, the profile of calls into C),
so nothing in the code under test has to be replaced.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

CHANGES = (
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.truncate",
    "os.link",
    "os.symlink",
    "shutil.rmtree",
    "fcntl.flock",
)
WRITES = {"write", "writelines", "flush", "close", "truncate", "fsync", "fdatasync", "sync", "ftruncate", "pwrite"}
FILES = {"BufferedWriter", "BufferedRandom", "TextIOWrapper", "FileIO", "mmap", "module"}
OF_TANTIVY = {"commit", "wait_merging_threads", "merge", "rollback", "garbage_collect_files", "writer"}


class _Counter:
    """What has been passed so far: a name each."""

    def __init__(self, kill_at, linger):
        self.kill_at = kill_at
        self.linger = linger
        self.names = []
        self.inside = False

    def passes(self, name):
        """Note a point; die at the one that was chosen, or a moment later."""
        if self.inside:
            return
        self.inside = True
        self.names.append(name)
        if len(self.names) == self.kill_at:
            if self.linger:
                threading.Thread(target=self._die_later, daemon=True).start()
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        self.inside = False

    def _die_later(self):
        time.sleep(self.linger)
        os.kill(os.getpid(), signal.SIGKILL)


def watch(*, kill_at=0, linger=0.0):
    """Count from here to the end of this process, in all its threads; returns the list that grows."""
    counter = _Counter(kill_at, linger)
    sys.setswitchinterval(0.0001)  # so that dying a moment later is that

    connections = []  # that are not yet ready to be listened to

    def heard(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and isinstance(path, (str, bytes, os.PathLike)):
                counter.passes("open")
        elif event == "sqlite3.connect/handle":
            connections.append(arguments[0])
        elif event in CHANGES:
            counter.passes(event)

    def called(_, event, function):
        while connections and event == "c_call":
            connections.pop().set_trace_callback(lambda statement: counter.passes(_verb(statement)))
        if event in ("c_call", "c_return"):
            name, owner = function.__name__, type(function.__self__)
            if name in OF_TANTIVY and owner.__module__.startswith("tantivy"):
                counter.passes(f"tantivy {name}" if event == "c_call" else f"after tantivy {name}")
            elif event == "c_call" and name in WRITES and owner.__name__ in FILES:
                counter.passes(f"file {name}")

    sys.addaudithook(heard)
    sys.setprofile(called)
    threading.setprofile(called)
    return counter.names


def _verb(statement):
    """The first words of a statement, which tell what kind it is."""
    words = statement.split()
    return "SQL " + " ".join(words[:1] if words[:1] not in (["PRAGMA"], ["CREATE"]) else words[:2])
