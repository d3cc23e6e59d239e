"""What each rule of the verifier and of the summaries gains, with it and without it, on every shared set where it can matter.

    python -m benchmarks.rules                                 # sets in ../shared/data
    python -m benchmarks.rules DATA --items 200                # a quick look
    python -m benchmarks.rules DATA --wordnet FOLDER           # also the antonyms of WordNet's database files (data.noun …)

Rules of the verifier are lists of `rag/text/languages`. A variant is a copy of that folder with one list changed. So a rule that was
removed can be put back here, and measured again. Verdicts are by words alone, without an embedder. Sets that are not there are
skipped, and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from benchmarks.grounding.planted import planted
from benchmarks.grounding.verifier import Gold, claim_pairs, clapnq_answers, passages_of, read_lines, xquad_sentences
from benchmarks.harness.measure import note
from benchmarks.harness.pages import Table, table
from benchmarks.summaries.data import SETS as SUMMARIES
from benchmarks.summaries.data import WORDS, Task
from rag.grounding import disagreements, lexical, statements
from rag.grounding.lexical import FULL, LexicalVerifier
from rag.summaries import telling
from rag.text import language
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems, stem_of
from rag.types import Passage

SEEN = {
    "scifact",
    "scifact, contradicted",
    "pubmedqa, planted",
    "financebench, planted",
    "clapnq, planted",
    "xquad en, planted",
}
"""Sets that rules were written from, or that were looked at meanwhile."""

BIOMEDICAL = (
    "promote inhibit|promote suppress|promote prevent|induce inhibit|induce suppress|activate inhibit|activate suppress|"
    "activate inactivate|enhance reduce|enhance impair|enhance inhibit|improve impair|upregulate downregulate|elevate reduce|"
    "elevate decrease|high reduce|increase low|sensitive resistant|presence absence"
).split("|")
"""Removed: opposites from the vocabulary of SciFact and PubMedQA."""

FINANCIAL = ("drop deficit shortfall less lower cut below minus deduct owe overdraft debt expense").split()
"""Removed: further words that turn a number's sign, from the vocabulary of FinanceBench."""

IMPLICIT = "hardly rarely fail fails failed lack lacks lacked lacking unable".split()
"""Removed: words that deny without a "not". They gain nowhere."""

FROM_CLDR = ("months", "percents", "scales")
GERMAN_MONTHS = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()

HESITATION = re.compile(r"(?<!\d)(?<!\d\s)\b(?:uhm?|umm?)\b", re.IGNORECASE)
SPEAKER = re.compile(r"^\s*[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,2}\s*:\s")
MARK_UP = re.compile(r"\{(?:vocalsound|nonvocalsound|disfmarker|gap|pause|comment)\}")
SOUNDS = frozenset("ah aha erm hm hmm huh mhm oh uh uhm um umm yeah".split())
REMARK = re.compile(
    r"^(?:the|this) (?:text|summary) is (?:also |very )?(?:well[- ](?:written|structured|organi[sz]ed)"
    r"|(?:written|presented|formatted) in an? (?:[\w-]+,? (?:and )?){0,3}(?:tone|style|manner)|(?:short|clear|concise|easy)\b)",
    re.IGNORECASE,
)
"""Removed: noise of the AMI and ICSI transcripts in QMSum, and how a model of 135M parameters praised texts."""

DOCUMENTS = 6

Change = Callable[[dict[str, dict]], None]
Items = list[tuple[str, list[Passage]]]


@dataclass(frozen=True, slots=True)
class Claims:
    """Sentences with their sources, and whether each is supported."""

    items: Items
    labels: np.ndarray


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in `rag/text/languages`: how to take it out or put it in; `is_kept` says which of the two is the code's."""

    name: str
    is_kept: bool
    change: Change
    signs: Sequence[str] = ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--items", type=int, default=1000, help="claims of each set at most")
    parser.add_argument("--wordnet", type=Path, help="folder with WordNet's data files")
    arguments = parser.parse_args()
    sets = dict(claim_sets(arguments.data, arguments.items))
    print(f"\n{verifier_table(sets, rules(arguments.wordnet))}\n")
    print(summaries_table(arguments.data))


# Rules of the verifier.


def rules(wordnet: Path | None) -> Iterator[Rule]:
    yield Rule("general opposites", True, without_opposites)
    yield Rule("biomedical opposites", False, lambda files: files["en"]["opposites"]["opposites"].extend(BIOMEDICAL))
    yield Rule("a fall turns the sign", True, without_turned_signs)
    yield Rule("financial losses turn it too", False, lambda files: None, FINANCIAL)
    yield Rule("denials such as fail, lack, rarely", False, lambda files: files["en"]["denials"]["denials"].extend(IMPLICIT))
    yield Rule("months, percent, scales of CLDR beyond English", True, without_cldr)
    if wordnet:
        pairs = antonyms(wordnet)
        yield Rule(
            f"{len(pairs):,} antonyms of WordNet", False, lambda files: files["en"]["opposites"]["opposites"].extend(pairs)
        )
    else:
        note("skipped: antonyms of WordNet, for no --wordnet was named")
    if importlib.util.find_spec("stopwordsiso"):
        yield Rule("function words of stopwordsiso in place of ours", False, with_stopwordsiso)
    else:
        note("skipped: function words of stopwordsiso, which is not installed")


def without_opposites(files: dict[str, dict]) -> None:
    files["en"]["opposites"] |= {"opposites": [], "up_and_down": []}


def without_turned_signs(files: dict[str, dict]) -> None:
    """The pairs stay opposites."""
    section = files["en"]["opposites"]
    section["opposites"] += section.pop("up_and_down")


def without_cldr(files: dict[str, dict]) -> None:
    for code, content in files.items():
        if code != "en":
            for name in FROM_CLDR:
                content.pop(name, None)


def with_stopwordsiso(files: dict[str, dict]) -> None:
    import stopwordsiso

    for code, content in files.items():
        if "function_words" in content:
            content["function_words"]["function_words"] = sorted(stopwordsiso.stopwords(code))


def antonyms(folder: Path) -> list[str]:
    """Pairs of single words that WordNet calls antonyms (pointer `!` in data.POS; see wndb(5WN))."""
    found = set()
    for part in ("noun", "verb", "adj", "adv"):
        synsets = dict(map(synset, (line for line in (folder / f"data.{part}").open() if not line.startswith(" "))))
        for words, pointers in synsets.values():
            for symbol, offset, _, places in pointers:
                if symbol == "!" and offset in synsets and int(places[:2], 16):
                    pair = words[int(places[:2], 16) - 1], synsets[offset][0][int(places[2:], 16) - 1]
                    if all(word.isascii() and word.isalpha() for word in pair):
                        found.add(" ".join(sorted(pair)))
    return sorted(found)


def synset(line: str) -> tuple[str, tuple[list[str], list[list[str]]]]:
    fields = line.partition("|")[0].split()
    count = int(fields[3], 16)
    words = [re.sub(r"\(.*\)", "", fields[4 + 2 * i]).lower() for i in range(count)]
    first = 5 + 2 * count
    return fields[0], (words, [fields[first + 4 * i : first + 4 * i + 4] for i in range(int(fields[first - 1]))])


@contextmanager
def languages_with(rule: Rule | None) -> Iterator[None]:
    """The language files with a rule put in or taken out."""
    if rule is None:
        yield
        return
    before, losses = language.FOLDER, statements.losses
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in before.glob("*.json")}
    rule.change(files)
    more = losses() | {stem_of(word) for word in rule.signs}
    with tempfile.TemporaryDirectory() as folder:
        for code, content in files.items():
            Path(folder, f"{code}.json").write_text(json.dumps(content), encoding="utf-8")
        try:
            language.FOLDER = Path(folder)
            if rule.signs:
                disagreements.losses = lexical.losses = lambda: more
            forget()
            yield
        finally:
            language.FOLDER = before
            disagreements.losses = lexical.losses = losses
            forget()


def forget() -> None:
    """Every cached list, pattern and token of the modules that read language files."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("rag.text.", "rag.grounding.")):
            for value in vars(module).values():
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()


# Sets of claims.


def claim_sets(data: Path, most: int) -> Iterator[tuple[str, Claims]]:
    for path in sorted((data / "trust").glob("*/claims.jsonl")):
        rows = spread(read_lines(path), most)
        sources = [[Passage(n, text, f"{n}") for n, text in enumerate(row["evidence"], 1)] for row in rows]
        items = [(row["claim"], own) for row, own in zip(rows, sources, strict=True)]
        yield path.parent.name, Claims(items, np.array([row["label"] == "supported" for row in rows]))
    if not (data / "trust").is_dir():
        note(f"skipped: sets of claims, for {data / 'trust'} is not there")
    if there(data / "scifact"):
        pairs = list(claim_pairs(data, "test"))
        for name, among in (("scifact", pairs), ("scifact, contradicted", [pair for pair in pairs if pair[2]])):
            items = [(claim, [Passage(1, sentence, "s")]) for claim, sentence, _ in among]
            yield name, Claims(items, np.array([label == 1 for *_, label in among]))
    golds: dict[str, tuple[Path, Callable[[Path], Iterator[Gold]]]] = {
        "clapnq, planted": (data / "clapnq_dev", clapnq_answers),
        "xquad en, planted": (data / "xquad" / "en", xquad_sentences),
        "pubmedqa, planted": (data / "pubmedqa", pubmedqa_sentences),
        "financebench, planted": (data / "financebench", financebench_sentences),
        "xquad de, months planted": (data / "xquad" / "de", german_sentences),
    }
    for name, (folder, load) in golds.items():
        if there(folder):
            plant = german_month if name.endswith("months planted") else planted
            yield name, with_errors(spread(list(load(data)), most // 3), plant)


def with_errors(golds: Sequence[Gold], plant: Callable[[str, str], dict[str, str]]) -> Claims:
    """True sentences, and beside each the same with errors in it."""
    items: Items = []
    labels = []
    for gold in golds:
        for sentence in (gold.sentence, *plant(gold.sentence, gold.passages[0].text).values()):
            items.append((sentence, gold.passages))
            labels.append(sentence == gold.sentence)
    return Claims(items, np.array(labels))


def pubmedqa_sentences(data: Path) -> Iterator[Gold]:
    """The last sentence of each abstract's results, as it is."""
    for row in read_lines(data / "pubmedqa" / "qa.jsonl"):
        text = row["contexts"][-1]
        start, end = sentence_spans(text)[-1]
        yield Gold(text[start:end], [Passage(1, text, row["doc_id"])])


def financebench_sentences(data: Path) -> Iterator[Gold]:
    """The first three sentences of each page that an answer is on."""
    for row in read_lines(data / "financebench" / "dev" / "questions.jsonl"):
        for evidence in row["evidence"]:
            text = evidence["evidence_text"]
            for start, end in sentence_spans(text)[:3]:
                yield Gold(text[start:end], [Passage(1, text, row["doc_name"])])


def german_sentences(data: Path) -> Iterator[Gold]:
    """Sentences of XQuAD in German that name a month."""
    corpus = {row["_id"]: row for row in read_lines(data / "xquad" / "de" / "corpus.jsonl")}
    for key, row in corpus.items():
        for start, end in sentence_spans(row["text"]):
            if german_month(sentence := row["text"][start:end], ""):
                yield Gold(sentence, passages_of(corpus, [key]))


def german_month(sentence: str, source: str) -> dict[str, str]:
    """The sentence with another month."""
    found = re.search(rf"\b(?:{'|'.join(GERMAN_MONTHS)})\b", sentence)
    if not found:
        return {}
    other = GERMAN_MONTHS[(GERMAN_MONTHS.index(found[0]) + 5) % 12]
    return {"month": sentence[: found.start()] + other + sentence[found.end() :]}


def verifier_table(sets: dict[str, Claims], among: Iterator[Rule]) -> Table:
    """Of each rule and set that it changes: AUROC, accuracy and F1 of "full" for "supported", without the rule and with it."""
    as_it_is = {name: scores(claims, None) for name, claims in sets.items()}
    rows = []
    for rule in among:
        note(rule.name)
        unchanged = []
        for name, claims in sets.items():
            changed = scores(claims, rule)
            if np.array_equal(changed, as_it_is[name]):
                unchanged.append(name)
                continue
            without, with_it = (changed, as_it_is[name]) if rule.is_kept else (as_it_is[name], changed)
            figures = [(measured(claims, without)[i], measured(claims, with_it)[i]) for i in range(3)]
            cells = [f"{a:.4f} → {b:.4f} ({b - a:+.4f})" for a, b in figures]
            rows.append(
                (rule.name, "kept" if rule.is_kept else "not in use", name + " *" * (name in SEEN), len(claims.items), *cells)
            )
        if unchanged:
            rows.append(
                (rule.name, "kept" if rule.is_kept else "not in use", f"no change: {', '.join(unchanged)}", "", "", "", "")
            )
    return table(("rule", "", "set (* looked at while rules were written)", "items", "AUROC", "accuracy", "F1"), rows)


def scores(claims: Claims, rule: Rule | None) -> np.ndarray:
    with languages_with(rule):
        verifier = LexicalVerifier()
        return np.array([verifier.check(sentence, passages)[0].score for sentence, passages in claims.items])


def measured(claims: Claims, found: np.ndarray) -> tuple[float, float, float]:
    called = found >= FULL
    return roc_auc_score(claims.labels, found), float((called == claims.labels).mean()), f1_score(claims.labels, called)


# Rules of the summaries.


def summaries_table(data: Path) -> Table:
    """Without a model: quoted summaries with and without hesitations, and how many sentences the removed rules would drop."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
    rows = []
    for name, load in SUMMARIES.items():
        folder = {"SQuALITY dev": "squality", "QMSum val": "qmsum", "L-Eval gov_report": "leval"}[name]
        if not there(data / folder):
            continue
        tasks = load(data)[:DOCUMENTS]
        figures = []
        for read in (content_stems, lambda text: content_stems(HESITATION.sub(" ", text))):
            telling.content_stems = read
            texts = [quoted(task, WORDS[name]) for task in tasks]
            marks = [scorer.score_multi(list(task.references), text) for task, text in zip(tasks, texts, strict=True)]
            figures.append([float(np.mean([mark[kind].fmeasure for mark in marks])) for kind in ("rouge1", "rougeL")])
            figures[-1].append(float(np.mean([len(text.split()) for text in texts])))
        telling.content_stems = content_stems
        sentences = [s for task in tasks for s in sentences_of(task.document.text)]
        references = [s for task in tasks for text in task.references for s in sentences_of(text)]
        cells = [f"{a:.3f} → {b:.3f}" if a < 1 else f"{a:.0f} → {b:.0f}" for a, b in zip(*figures, strict=True)]
        rows.append(
            (name, len(tasks), *cells, share(is_noise, sentences), share(praises, sentences), share(is_noise, references))
        )
    header = (
        "set",
        "documents",
        "ROUGE-1, without → with the rule for hesitations",
        "ROUGE-L",
        "words",
        "noise in documents",
        "praise",
        "noise in references",
    )
    return table(header, rows)


def quoted(task: Task, words: int) -> str:
    text = task.document.text
    spans = telling.telling_sentences(text, words, focus=task.question)
    return " ".join(" ".join(text[start:end].split()) for start, end in spans)


def sentences_of(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def is_noise(sentence: str) -> bool:
    spoken = SPEAKER.sub("", MARK_UP.sub(" um ", sentence))
    words = set(re.findall(r"[a-z]+", spoken.lower()))
    return words <= SOUNDS | {"mm", "ok", "okay"} and bool(words & SOUNDS)


def praises(sentence: str) -> bool:
    return REMARK.match(sentence) is not None


def share(test: Callable[[str], bool], sentences: Sequence[str]) -> str:
    found = sum(map(test, sentences))
    return f"{found} of {len(sentences)} ({found / max(1, len(sentences)):.1%})"


def spread(rows: list, most: int) -> list:
    """At most so many, evenly."""
    return rows[:: max(1, len(rows) // most)][:most]


def there(folder: Path) -> bool:
    if not folder.is_dir():
        note(f"skipped: {folder.name}, for {folder} is not there")
    return folder.is_dir()


if __name__ == "__main__":
    main()
