"""What a person says in a conversation: small talk, a question that stands for itself, or one that leans on what was said.

Rules decide whether a question leans on the earlier ones, for a model that is asked to rewrite every question rewrites
those too that are whole. They know English; a question in another language is taken to lean on the conversation when it
is very short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Sequence

GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|how are you(?: doing)?(?: today)?|hallo|guten "
    r"(?:tag|morgen|abend)|bonjour|salut|hola|buenos días|ciao|buongiorno|olá|hej|ahoj|merhaba|привет|你好|こんにちは|سلام|नमस्ते)"
    r"(?:[ ,]+(?:there|all|everyone|again|you|bot|assistant|dear))*"
)
AGREEING = r"(?:ok(?:ay)?|great|perfect|cool|nice|good|fine|alright|all right|super|wonderful|yes|no|got it|i see|sure)"
AGREEMENT = re.compile(rf"{AGREEING}(?:[ ,.!]+{AGREEING})*")
THANKS = re.compile(
    rf"(?:{AGREEING}[ ,.!]+)*(?:thanks?(?: you)?(?: (?:so|very) much| a lot| again)?|thx|cheers|many thanks|danke(?: schön)?|"
    r"vielen dank|merci(?: beaucoup)?|gracias|grazie|obrigad[oa]|tack|спасибо|谢谢|ありがとう)"
    r"(?:[ ,.!]+(?:that is all|that's all|for now|for (?:the|your) help))*"
)
FAREWELL = re.compile(
    r"(?:good ?bye|bye(?:[ -]bye)?|see you(?: later| soon)?|good ?night|ciao ciao|tschüss|au revoir|adiós|再见)"
)
REPLIES = (
    (GREETING, "Hello. Ask me something about the documents."),
    (FAREWELL, "Goodbye."),
    (THANKS, "You are welcome."),
    (AGREEMENT, "All right. Ask me more about the documents."),
)

PERSON = r"(?:it|its|itself|they|them|their|theirs|themselves|he|him|his|himself|she|her|hers|herself)"
POINTING = re.compile(
    rf"\b{PERSON}\b"
    # "this", "that", "those" stand for something said where no noun follows, or one that only points
    r"|\b(?:this|these|those|that)(?=\W*$|\W+(?:is|are|was|were|has|have|had|does|do|did|can|could|will|would|mean|means|one|ones|time|"
    r"case|year|date|number|amount|place|person|rule|reason|change|answer|document|page|section|chapter)\b)"
    r"|\b(?:does|do|did) (?:this|that|these|those)\W+\w+\W*$"
    r"|\bthere\b(?!\W+(?:is|are|was|were|be|been|has|have|a|an|any|no)\b)(?<!is there)(?<!are there)(?<!was there)(?<!were there)"
    r"|\b(?:the (?:same|former|latter|others?|first one|second one|last one|rest)|another one|which ones?|who else|what else|"
    r"where else|anything else|any others?|you (?:said|mentioned|wrote)|your (?:last )?answer|previous (?:one|answer|question)|"
    r"more (?:details?|about)|in (?:short|detail))\b",
    re.IGNORECASE,
)
RELATIVE = re.compile(r"\w+\s+that\s+(?:is|are|was|were|has|have|had|can|could|will|would|does|do|did)\b", re.IGNORECASE)
CONTINUING = re.compile(r"\s*(?:and|or|but|so|then|also|what about|how about|why not|what if)\b", re.IGNORECASE)
ASKING = re.compile(
    r"\b(?:is|are|was|were|am|do|does|did|can|could|may|might|must|shall|should|will|would|has|have|had|tell|list|show|give|explain|"
    r"describe|summari[sz]e|compare|name|find)\b",
    re.IGNORECASE,
)
QUESTION_WORD = re.compile(r"\b(?:who|whom|whose|what|which|when|where|why|how)\b", re.IGNORECASE)
FEW = 2
"""Content words of a fragment at most, such as "the second floor?"."""

KEPT = 0.5
FROM_THE_CONVERSATION = 0.7
LONGEST_REWRITING = 300
LONGEST_SMALL_TALK = 60
LABEL = re.compile(r"^\W*(?:the )?(?:whole |last |full |complete |rewritten )?question(?: is)?\s*:\s*", re.IGNORECASE)


def small_talk(text: str) -> str | None:
    """The reply to a greeting, thanks or a farewell that says nothing else; None for what may be a question."""
    said = " ".join(text.casefold().split()).strip(" .!?,:)(")
    if not said or len(said) > LONGEST_SMALL_TALK:
        return None
    return next((reply for pattern, reply in REPLIES if pattern.fullmatch(said)), None)


def leans_on_earlier(text: str) -> bool:
    """Whether a question needs what was said before it: a word that points back, a beginning that goes on, or a fragment."""
    if POINTING.search(RELATIVE.sub(" ", text)) or CONTINUING.match(text):
        return True
    content = len(set(content_stems(text)))
    if QUESTION_WORD.search(text):
        return content < FEW
    return content <= FEW and not ASKING.search(text)


def topic_words(text: str) -> str:
    """The content words of a question as they are written, each once."""
    words = re.findall(r"[^\W_][\w’'-]*", text)
    return " ".join(dict.fromkeys(word for word in words if content_stems(word)))


def accepted_rewriting(written: str, text: str, conversation: Sequence[str]) -> str | None:
    """The question that a model has made whole; None where it is no rewriting of this one.

    It has to keep what was asked, and to take what it adds from the conversation: a model that answers, or asks something
    of its own, is not followed, nor one that leaves the question as it was.
    """
    lines = [line.strip() for line in written.strip().splitlines() if line.strip()]
    question = LABEL.sub("", lines[0]).strip(" \"'“”*`") if lines else ""
    if not question or len(question) > len(text) + LONGEST_REWRITING or leans_on_earlier(question):
        return None
    asked, whole = set(content_stems(text)), set(content_stems(question))
    added = whole - set(stems(text))
    known = set(stems(" ".join(conversation)))
    if len(asked & whole) < KEPT * len(asked) or len(added & known) < FROM_THE_CONVERSATION * len(added):
        return None
    return question
