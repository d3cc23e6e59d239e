"""What must hold after a kill, as functions that return what is wrong, in words."""

from __future__ import annotations

from collections import Counter

from rag.index.vectors.vectors import RANKED_EXACTLY

EXACT = 0.001
DIFFERENCE = {"dense": 0.15, "keyword": 2.0, "hybrid": 0.4}
"""BM25 counts removed passages until their files are merged, so its scores depend on an index's history; the passages do not.
Large layouts score all but the best by their codes, which are coarse where a quantiser is trained on a dozen vectors; those that
both rankings have among the best must be EXACT."""


def after_a_kill(look, before, after):
    """The index must be sound and hold, of every file, the text `before` or the one `after`, whole and without a gap."""
    held = {source: document["text"] for source, document in look["documents"].items()}
    problems = [f"the catalog at once: {problem}" for problem in look["at_once"]]
    problems += [f"after a search: {problem}" for problem in look["after"]]
    problems += [f"{source} is not complete" for source, document in look["documents"].items() if not document["complete"]]
    for source, text in held.items():
        if text not in (before.get(source), after.get(source)):
            problems.append(f"{source} holds a text that its file never had")
    problems += [f"{source} is gone" for source in before.keys() & after.keys() if source not in held]
    for old, new in moves(before, after):
        if (old in held) == (new in held):
            problems.append(f"{old} moved to {new}: {'both are' if old in held else 'neither is'} there")
    return problems + wrong_hits(look)


def moves(before, after):
    """(old, new) of the files that have another path now and a text that no other file has or had."""
    was, now = Counter(before.values()), Counter(after.values())
    gone = {text: source for source, text in before.items() if source not in after and was[text] == 1}
    come = {text: source for source, text in after.items() if source not in before and now[text] == 1}
    return [(gone[text], come[text]) for text in gone.keys() & come.keys()]


def wrong_hits(look):
    """Hits whose text is not the span of their document; passages found twice, or not at all by their vectors."""
    problems = []
    everything = sum(len(document["chunks"]) for document in look["documents"].values())
    for search, hits in look["searches"].items():
        for source, start, end, text, _ in hits:
            document = look["documents"].get(source)
            if document is None or document["text"][start:end] != text:
                problems.append(f"{search}: a hit in {source} from {start} to {end} is not there")
        if len({tuple(hit[:3]) for hit in hits}) != len(hits):
            problems.append(f"{search}: a passage was found twice")
        if search.startswith("dense") and len(hits) != everything:
            problems.append(f"{search}: {len(hits)} of {everything} passages found")
    return problems


def differences(look, fresh):
    """How an index differs from one that was made of the same folder at once."""
    problems = [f"{problem}" for problem in look["at_once"] + look["after"]]
    for source in look["documents"].keys() | fresh["documents"].keys():
        if look["documents"].get(source) != fresh["documents"].get(source):
            problems.append(f"{source} is not what a fresh index holds of it")
    if look["failed"] != fresh["failed"]:
        problems.append(f"failed files: {look['failed']}, not {fresh['failed']}")
    for search, hits in look["searches"].items():
        problems += ranking_differences(search, hits, fresh["searches"][search])
    return problems


def ranking_differences(search, hits, expected):
    """The same passages with nearly the same scores; equal scores may stand in any order."""
    scores, wanted = ({tuple(hit[:4]): hit[4] for hit in ranking} for ranking in (hits, expected))
    if scores.keys() != wanted.keys():
        return [
            f"{search}: {len(scores.keys() - wanted.keys())} passages too many, {len(wanted.keys() - scores.keys())} missing"
        ]
    mode = search.partition(":")[0]
    exact = set(list(scores)[:RANKED_EXACTLY]) & set(list(wanted)[:RANKED_EXACTLY]) if mode == "dense" else set()
    far = [hit for hit in scores if abs(scores[hit] - wanted[hit]) > (EXACT if hit in exact else DIFFERENCE[mode])]
    return [f"{search}: {hit[0]} scores {scores[hit]:.4f}, not {wanted[hit]:.4f}" for hit in far]
