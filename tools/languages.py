"""Write the parts of `rag/text/languages/*.json` that come from CLDR: months, percent and scales. Babel has them at hand.

    python -m tools.languages            # write the files again
    python -m tools.languages --check    # say which files differ, and end with 1 if any does

Only sections whose source is CLDR are replaced. The rest of each file is compiled by hand, and is written back as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path

import babel
from babel import Locale
from babel.units import format_unit

FOLDER = Path(__file__).parents[1] / "rag" / "text" / "languages"
LANGUAGES = ("en", "de", "fr", "es", "it")
WIDTH = 118

ABBREVIATED = {"en"}
"""Languages whose short month names are read. Those of others are words elsewhere: "ago" is a month in Spanish."""

ALSO = {"en": {"sept": 9}}
"""Short forms that people write and CLDR does not list for every region."""

SCALED = {"en"}
"""Languages whose words for a thousand and a million are compiled by hand, with their short forms."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    different = []
    for path in sorted(FOLDER.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        renewed = written(renew(json.loads(text)))
        if renewed == text:
            continue
        different.append(path.name)
        if not check:
            path.write_text(renewed, encoding="utf-8")
    print(f"{'Different' if check else 'Written'}: {', '.join(different) or 'none'}")
    return 1 if check and different else 0


def renew(data: dict) -> dict:
    """The content of a file with its CLDR sections replaced."""
    code = data["code"]
    if code not in LANGUAGES:
        return data
    source = f"Unicode CLDR by Babel {babel.__version__}, tools/languages.py."
    sections = {"months": months_of(code), "percents": percents_of(code)}
    if code not in SCALED:
        sections["scales"] = scales_of(code)
    return data | {name: {"source": source, name: content} for name, content in sections.items() if content}


def months_of(code: str) -> dict[str, int]:
    """Month names, in a date and by themselves, in lower case without a dot."""
    months = Locale(code).months
    widths = ("wide", "abbreviated") if code in ABBREVIATED else ("wide",)
    found = {
        name.lower().rstrip("."): number
        for width in widths
        for kind in ("format", "stand-alone")
        for number, name in months[kind][width].items()
    }
    return found | ALSO.get(code, {})


def percents_of(code: str) -> list[str]:
    """Words for percent, as in "5 percent"."""
    own = {words_of(format_unit(0, "concentr-percent", "long", locale=code))}
    return sorted(own | ({"per cent", "percentage point", "percentage points"} if code == "en" else set()))


def scales_of(code: str) -> dict[str, int]:
    """Words for powers of ten, without those that mean another power in English."""
    english = json.loads((FOLDER / "en.json").read_text(encoding="utf-8"))["numbers"]["scales"]
    found: dict[str, int] = {}
    for forms in Locale(code).compact_decimal_formats["long"].values():
        for size, pattern in forms.items():
            word = words_of(pattern.pattern)
            zeros = pattern.pattern.count("0")
            if size.isdigit() and zeros == 1 and word.isalpha():
                found[word] = int(size)
    return {word: size for word, size in found.items() if english.get(word, size) == size}


def words_of(pattern: str) -> str:
    """What a pattern of CLDR has beside its number, in lower case."""
    return pattern.replace("0", "").replace("\u00a0", " ").strip(" .'").lower()


def written(data: dict) -> str:
    """JSON with short lists and maps of several items a line."""
    return "{\n" + ",\n".join(_entry(key, value, 2) for key, value in data.items()) + "\n}\n"


def _entry(key: str, value: object, indent: int) -> str:
    space = " " * indent
    name = f"{space}{json.dumps(key, ensure_ascii=False)}: "
    if isinstance(value, dict) and any(isinstance(item, list | dict) for item in value.values()):
        return f"{name}{{\n" + ",\n".join(_entry(*item, indent + 2) for item in value.items()) + f"\n{space}}}"
    if not isinstance(value, list | dict):
        return f"{name}{json.dumps(value, ensure_ascii=False)}"
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    items = [json.dumps(item, ensure_ascii=False) for item in value]
    if isinstance(value, dict):
        items = [f"{json.dumps(item, ensure_ascii=False)}: {json.dumps(of, ensure_ascii=False)}" for item, of in value.items()]
    if len(name) + len(", ".join(items)) + 3 <= WIDTH:
        return f"{name}{opening}{', '.join(items)}{closing}"
    lines = textwrap.wrap(
        ", ".join(item.replace(" ", "\0") for item in items), WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False
    )
    inner = "\n".join(f"{space}  {line}" for line in lines).replace("\0", " ")
    return f"{name}{opening}\n{inner}\n{space}{closing}"


if __name__ == "__main__":
    sys.exit(main())
