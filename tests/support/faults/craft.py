"""Indexes as a stranger could make them: every checksum is right, and what it vouches for is not."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing

STAMPS = {"keywords.stamp": "keywords", "vectors.stamp": "vectors"}


def restamp(index, change=None):
    """Make the stamps vouch for the derived files as they are now; `change(stamp name, payload)` may alter what they say."""
    for name, folder in STAMPS.items():
        _, _, body = (index / name).read_bytes().partition(b"\n")
        payload = json.loads(body)
        _sum_anew(payload, index / folder)
        if change:
            change(name, payload)
        write_stamp(index / name, json.dumps(payload).encode())


def write_stamp(path, payload):
    """A stamp with any payload, of the state of the one that is there, in the form that `indexes/README.md` describes."""
    before = json.loads(path.read_bytes().partition(b"\n")[0])
    header = {**before, "bytes": len(payload), "crc32": zlib.crc32(payload)}
    path.write_bytes(json.dumps(header).encode() + b"\n" + payload)


def _sum_anew(payload, folder):
    """Length and CRC-32 of every file that is named anywhere in it."""
    for name, value in list(payload.items()):
        if isinstance(value, dict):
            _sum_anew(value, folder)
        elif isinstance(value, list) and len(value) == 2 and (folder / name).is_file():
            content = (folder / name).read_bytes()
            payload[name] = [len(content), zlib.crc32(content)]


def run_sql(index, *statements):
    """Do something to a catalog that groundtext would not."""
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def leaves(value, path=()):
    """The paths of all numbers and texts in JSON values."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for number, item in enumerate(value) for leaf in leaves(item, (*path, number))]
    return [path]


def put(value, path, new):
    """Replace what is at a path of JSON values."""
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new
