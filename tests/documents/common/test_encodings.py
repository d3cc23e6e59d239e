"""Texts in the code pages of Windows, Macintosh and DOS are recognized without a declaration."""

from __future__ import annotations

import pytest

from rag.documents.common.encodings import decode, is_binary
from rag.documents.common.encodings_latin import latin_encodings

GERMAN = "Die Bücher stehen für die Schüler auf dem großen Tisch. Über Nacht fiel Schnee, und die Straße war glatt."
FRENCH = "L'été dernier, nous avons visité un château près de la forêt. Le garçon était très âgé, répéta-t-il à sa mère."
SPANISH = "El niño comió una manzana en el jardín. Mañana iremos a la montaña con mi tío. ¿Cuándo volverás?"
SWEDISH = "Igår gick vi på promenad i skogen och såg många djur. Barnen lekte vid ån och på kvällen återvände de hem."
ENGLISH = "The “old” house – it’s near the café – was sold, they’ve said."
CZECH = "Včera jsme byli na procházce v lese a viděli jsme mnoho zvířat. Děti si hrály u řeky a večer se vrátily domů."
POLISH = "Wczoraj byliśmy na spacerze w lesie i widzieliśmy wiele zwierząt. Ścieżka była długa, a źródło czyste."
HUNGARIAN = "Tegnap sétáltunk az erdőben, és sok állatot láttunk. Az időjárás nagyon szép volt, és a fűben ültünk."
TURKISH = "Çocuklar nehir kenarında oynadı, akşam eve döndüler. Hava çok güzeldi, ışık söndü."


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (GERMAN, "cp1252 iso8859_15 mac_roman cp850 cp437"),
        (FRENCH, "cp1252 iso8859_15 mac_roman cp850 cp437"),
        (SPANISH, "cp1252 iso8859_15 mac_roman cp850 cp437"),
        (SWEDISH, "cp1252 iso8859_15 mac_roman cp850 cp437"),
        (ENGLISH, "cp1252 mac_roman"),
        (CZECH, "cp1250 iso8859_2 mac_latin2 cp852"),
        (POLISH, "cp1250 iso8859_2 mac_latin2 cp852"),
        (HUNGARIAN, "cp1250 iso8859_2 mac_latin2 cp852"),
        (TURKISH, "cp1254 iso8859_9"),
    ],
)
def test_a_text_is_read_in_the_code_page_that_it_is_in(text: str, encodings: str) -> None:
    for encoding in encodings.split():
        assert (encoding, decode(text.encode(encoding))) == (encoding, text)


@pytest.mark.parametrize(
    "text", ["They’ve gone.", "A “good” day.", "A café of note", "At 20 °C, see § 5, for £7.", "1990–91, it’s"]
)
def test_a_single_byte_is_no_reason_to_leave_the_most_usual_one(text: str) -> None:
    assert decode(text.encode("cp1252")) == text


def test_signs_far_behind_in_a_long_text_are_looked_at() -> None:
    text = "Nothing but plain words here. " * 5_000 + SPANISH
    assert decode(text.encode("mac_roman")) == text


@pytest.mark.parametrize("encoding", ["cp437", "cp850"])
@pytest.mark.parametrize("cell", ["│Größe│", "│Name │"])
def test_tables_drawn_in_dos_are_told_by_their_lines(encoding: str, cell: str) -> None:
    text = f"┌─────┐\n{cell}\n└─────┘\n"
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Вчера мы гуляли в лесу и видели много животных."),
        ("koi8_r", "Вчера мы гуляли в лесу и видели много животных."),
        ("cp1253", "Χθες κάναμε έναν περίπατο στο δάσος και είδαμε πολλά ζώα."),
        ("cp1255", "אתמול טיילנו ביער וראינו הרבה בעלי חיים ליד הנהר."),
        ("cp1256", "ذهبنا أمس في نزهة إلى الغابة ورأينا الكثير من الحيوانات."),
        ("cp932", "昨日、私たちは森を散歩して、たくさんの動物を見ました。"),
        ("euc_jp", "昨日、私たちは森を散歩して、たくさんの動物を見ました。"),
        ("gb18030", "昨天我们在森林里散步，看到了很多动物。天气非常好。"),
        ("big5", "昨天我們在森林裡散步，看到了很多動物。天氣非常好。"),
        ("cp949", "어제 우리는 숲에서 산책을 하며 많은 동물을 보았습니다."),
    ],
)
def test_other_scripts_are_no_latin_text(encoding: str, text: str) -> None:
    assert latin_encodings(text.encode(encoding)) == []
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1255", "שלום עולם. זה טקסט פשוט בעברית."),
        ("cp1255", "שם,גיל,עיר\nדוד,35,חיפה\nשרה,28,תל אביב\n"),
        ("cp1254", "İsim,Şehir\nAyşe,İstanbul\nÇağrı,Muğla\n"),
        ("cp1250", "Zażółć gęślą jaźń. Dzień dobry, to jest tekst."),
        ("iso8859_6", "المملكة العربية السعودية هي أكبر دولة في شبه الجزيرة العربية من حيث المساحة. تقع في الجنوب."),
    ],
)
def test_a_line_or_two_are_enough_to_tell_a_script(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "вчера мы гуляли в лесу и видели много животных"),
        ("cp1251", "имя,город\nиван,москва\nанна,казань\nпётр,омск\n"),
        ("cp1253", "ένα απλό κείμενο για τη λίμνη και το δάσος"),
    ],
)
def test_small_letters_of_other_scripts_are_not_taken_for_hebrew(encoding: str, text: str) -> None:
    assert not any("א" <= character <= "ת" for character in decode(text.encode(encoding)))


@pytest.mark.parametrize("order", ["little", "big"])
def test_utf_16_without_a_mark_differs_from_16_bit_numbers(order: str) -> None:
    assert is_binary(b"".join((number * 37 % 300).to_bytes(2, order) for number in range(200)))
    for text in (GERMAN, "x", "a\tb\r\n"):
        content = text.encode(f"utf-16-{order[0]}e")
        assert (is_binary(content), decode(content)) == (False, text)
