"""The values that flow through the toolkit. All are frozen, and `to_dict()` returns the JSON that the command line prints."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from rag import notebook
from rag.text.places import between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Pages = tuple[int, int]
"""First and last page, counted from 1, both included."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that begins at character `start`; `level` 1 is the highest."""

    start: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """Names of the places in a text besides page numbers: lines, slides, cells, times.

    The text from character `starts[i]` to the next start is at `labels[i]`; the first start is 0. `unit` is the singular of
    what the labels count: "line", "slide", "row", "cell", or "page" for printed page labels. It is empty for labels that
    need no unit, such as "Budget!A1:F1" or "0:01:05".

    >>> Places("line", starts=(0, 12, 30), labels=("1", "2", "3")).of(14, 35)
    'lines 2–3'
    """

    unit: str
    starts: tuple[int, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.starts or self.starts[0] != 0 or list(self.starts) != sorted(self.starts):
            raise ValueError("places must begin at 0 and never decrease")
        if len(self.labels) != len(self.starts):
            raise ValueError("places must have one label for each start")

    def of(self, start: int, end: int) -> str:
        """The place of the characters `start` to `end` (exclusive), such as "line 3", "slides 2–4" or "Budget!A2:F9"."""
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = max(bisect_left(self.starts, max(end, start + 1)) - 1, 0)
        return between(self.labels[first : max(last, first) + 1], self.unit)


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one source and where its pages and headings begin.

    `page_starts[i]` is the character at which page i+1 begins. The first is 0; formats without pages have none.
    `page_statuses[i]` is the status of the same page: "ok", "ocr", "no-text" or "failed". `headings` follow the text.
    `places` name lines, slides, cells, times or printed page labels. `metadata` comes from the document's own properties,
    its front matter or the file beside it, as JSON-ready values.

    Raises ValueError for page starts that decrease, or that do not match the statuses.

    >>> document = Document("Tall tower.\\n\\nDeep pond.", "guide.pdf", "Guide", page_starts=(0, 13), page_statuses=("ok", "ok"))
    >>> document.pages_of(0, 20)
    (1, 2)
    """

    text: str
    source: str
    title: str
    media_type: str = "text/plain"
    page_starts: tuple[int, ...] = ()
    page_statuses: tuple[str, ...] = ()
    headings: tuple[Heading, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    places: Places | None = None

    def __post_init__(self) -> None:
        if self.page_starts and (self.page_starts[0] != 0 or list(self.page_starts) != sorted(self.page_starts)):
            raise ValueError("page_starts must begin at 0 and never decrease")
        if len(self.page_statuses) != len(self.page_starts):
            raise ValueError("page_statuses must have one entry for each page")

    def pages_of(self, start: int, end: int) -> Pages | None:
        """First and last page, from 1, of the characters `start` to `end` (exclusive). None for a format without pages."""
        return pages_of_span(self.page_starts, start, end)

    def place_of(self, start: int, end: int) -> str:
        """The place of the characters `start` to `end` (exclusive). Empty for a document that has pages only."""
        return self.places.of(start, end) if self.places else ""

    def heading_at(self, position: int) -> str:
        """The headings above `position`, outermost first, joined by " > ". Empty above the first heading."""
        path: list[Heading] = []
        for heading in self.headings[: bisect_right(self.headings, position, key=lambda h: h.start)]:
            path = [above for above in path if above.level < heading.level] + [heading]
        return " > ".join(heading.text for heading in path)


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be read. `status` is one of `errors.DOCUMENT_STATUSES`; `page` is set if one page is to blame."""

    source: str
    status: str
    message: str
    page: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The failure as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document that is embedded and found as a unit: `document.text[start:end] == text`."""

    text: str
    start: int
    end: int
    pages: Pages | None = None
    heading: str = ""
    place: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The chunk as JSON-ready values."""
        return plain_dict(asdict(self))


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found, `rank` 1 first. A higher `score` is better; `chunk` is its number in the index.

    Scores of two searches do not compare.
    """

    rank: int
    score: float
    source: str
    title: str
    pages: Pages | None
    heading: str
    start: int
    end: int
    text: str
    chunk: int
    place: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The hit as JSON-ready values."""
        return plain_dict(asdict(self))

    def _repr_html_(self) -> str:
        return notebook.hits_html([self.to_dict()])


class Hits(list[Hit]):
    """A list of hits, best first. It shows itself in a notebook, and so does a slice of it."""

    def __init__(self, hits: Iterable[Hit] = (), *, question: str = "") -> None:
        super().__init__(hits)
        self.question = question

    @overload
    def __getitem__(self, position: SupportsIndex) -> Hit: ...
    @overload
    def __getitem__(self, position: slice) -> Hits: ...
    def __getitem__(self, position: SupportsIndex | slice) -> Hit | Hits:
        found = super().__getitem__(position)
        return Hits(found, question=self.question) if isinstance(found, list) else found

    def _repr_html_(self) -> str:
        return notebook.hits_html([hit.to_dict() for hit in self], question=self.question)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model read and wrote, by its own count. `cached_tokens` of the prompt came from its prefix cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered source, as a generator reads it and a verifier checks against it. `start` is its offset in the document."""

    number: int
    text: str
    source: str
    title: str = ""
    pages: Pages | None = None
    heading: str = ""
    start: int = 0
    chunk: int = -1
    place: str = ""

    @classmethod
    def from_hit(cls, number: int, hit: Hit) -> Passage:
        """The hit as source `number` of a prompt."""
        return cls(number, hit.text, hit.source, hit.title, hit.pages, hit.heading, hit.start, hit.chunk, hit.place)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages for a generator, and the question and passages that they were rendered from.

    `tokens` is the model's own count of the messages; 0 if they have not been counted.
    """

    question: str
    passages: tuple[Passage, ...]
    messages: tuple[Message, ...]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that supports a sentence: exactly the document's text from `start` to `end`, on `pages`, at `place`."""

    marker: int
    source: str
    pages: Pages | None
    start: int
    end: int
    quote: str
    chunk: int
    place: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The citation as JSON-ready values."""
        return plain_dict(asdict(self))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, the markers of its citations, and how well these support it.

    `support` is "full", "partial" or "none"; `score` is between 0 and 1.

    >>> Sentence("It is 330 m tall.", citations=(1,), support="full", score=0.98).cited_text
    'It is 330 m tall [1].'
    """

    text: str
    citations: tuple[int, ...] = ()
    support: str = "none"
    score: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The sentence as JSON-ready values."""
        return plain_dict(asdict(self))

    @property
    def cited_text(self) -> str:
        """The sentence with its markers before the last full stop."""
        if not self.citations:
            return self.text
        markers = "".join(f"[{marker}]" for marker in self.citations)
        body = self.text.rstrip(".!?。！？")
        return f"{body} {markers}{self.text[len(body) :]}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, its sentences, and the citations that support them.

    `evidence` (0 to 1) estimates, before the model writes, how likely the documents are to contain the answer.
    `removed_citations` counts the model's citations that were dropped: invented numbers, and sources that do not support
    the sentence. In a conversation, `asked` is the person's own wording and `question` its complete form. `cut` is True
    if the model ran out of tokens, so that the answer may end too early.
    """

    question: str
    text: str
    answerable: bool
    evidence: float
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    hits: Hits
    model: str
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    removed_citations: int = 0
    asked: str = ""
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON-ready values."""
        return {
            "question": self.question,
            "answer": self.text,
            "answerable": self.answerable,
            "evidence": round(self.evidence, 4),
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "citations": [citation.to_dict() for citation in self.citations],
            "hits": [hit.to_dict() for hit in self.hits],
            "model": self.model,
            "usage": asdict(self.usage),
            "seconds": round(self.seconds, 4),
            "removed_citations": self.removed_citations,
            "asked": self.asked or self.question,
            "cut": self.cut,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Answer:
        """The answer of a record made by `to_dict`, such as a line of a file of answers."""
        from msgspec import convert

        return cls(
            question=record["question"],
            text=record["answer"],
            answerable=record["answerable"],
            evidence=record["evidence"],
            sentences=convert(record["sentences"], tuple[Sentence, ...]),
            citations=convert(record["citations"], tuple[Citation, ...]),
            hits=Hits(convert(record["hits"], list[Hit]), question=record["question"]),
            model=record["model"],
            usage=convert(record["usage"], Usage),
            seconds=record["seconds"],
            removed_citations=record["removed_citations"],
            cut=record.get("cut", False),
            asked=record["asked"],
        )

    def _repr_html_(self) -> str:
        return notebook.answer_html(self.to_dict())


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """The properties that make two embedders interchangeable. An index refuses an embedder with another identity.

    `revision` is a hash of the weights, or the model's name on a server. `dimension` is the length of a vector.
    `max_tokens` is the longest passage in tokens, without special tokens.
    """

    name: str
    revision: str
    dimension: int
    max_tokens: int
    pooling: str = "mean"
    question_prefix: str = ""
    passage_prefix: str = ""


def pages_of_span(page_starts: Sequence[int], start: int, end: int) -> Pages | None:
    """First and last page, from 1, of the characters `start` to `end` (exclusive). None without page starts."""
    if not page_starts:
        return None
    first = bisect_right(page_starts, start)
    return first, max(first, bisect_right(page_starts, max(start, end - 1)))


def plain_dict(values: dict[str, Any]) -> dict[str, Any]:
    """JSON-ready values: tuples as lists, floats to six digits so that equal values print equally."""
    return {key: _plain(item) for key, item in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain_dict(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
