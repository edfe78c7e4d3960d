import unicodedata

import pytest

from headend.notify.model import NoticeKind
from headend.notify.sms import sms_size
from headend.notify.texts import FIELDS, MessageFileError, default_texts, parse_templates

FILLED = {
    "consumer_no": "10000000001",
    "name": "Consumer 00001",
    "balance": "-₹12.50",
    "level": "₹50.00",
    "needed": "₹212.51",
    "amount": "₹1,200.00",
    "planned": "05-03-2026 11:30",
    "payment_id": "UPI000123",
    "days": "3",
    "number": "XXXXXX4321",
    "code": "482913",
    "minutes": "10",
}
ENGLISH = "\n".join(f'{kind} = "{{consumer_no}}: text"' for kind in NoticeKind)


def toml(extra="", head=""):
    return f"{head}\n[messages]\n{ENGLISH}\n{extra}"


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_notice_has_a_finished_text_in_hindi_and_english(kind):
    texts = default_texts().render(kind, {name: FILLED[name] for name in FIELDS[kind]})
    assert set(texts) == {"hi", "en"}
    for text in texts.values():
        assert "10000000001" in text
        assert "{" not in text
    assert any("DEVANAGARI" in unicodedata.name(letter) for letter in texts["hi"])
    assert texts["en"].isascii()


@pytest.mark.parametrize("kind", NoticeKind)
def test_the_messages_that_ship_are_short(kind):
    texts = default_texts().render(kind, {name: FILLED[name] for name in FIELDS[kind]})
    hindi, english = sms_size(texts["hi"]), sms_size(texts["en"])
    assert (hindi.unicode, english.unicode) == (True, False)
    assert hindi.parts <= 3
    assert english.parts == 1


def test_english_writes_rs_since_the_rupee_sign_would_halve_the_length():
    text = default_texts().templates["en"].render(NoticeKind.RESTORED, FILLED)
    assert "Rs 12.50" in text
    assert "₹12.50" in default_texts().templates["hi"].render(NoticeKind.RESTORED, FILLED)


@pytest.mark.parametrize(
    ("text", "units", "unicode", "parts"),
    [
        ("", 0, False, 1),
        ("a" * 160, 160, False, 1),
        ("a" * 161, 161, False, 2),
        ("a" * 306, 306, False, 2),
        ("a" * 307, 307, False, 3),
        ("€" * 80, 160, False, 1),
        ("a" * 152 + "€" + "a" * 152, 306, False, 3),  # the euro sign is not split over two parts
        ("क" * 70, 70, True, 1),
        ("क" * 71, 71, True, 2),
        ("क" * 134, 134, True, 2),
        ("क" * 135, 135, True, 3),
        ("₹" + "a" * 69, 70, True, 1),
        ("😀" * 35, 70, True, 1),
        ("a" * 66 + "😀" + "a" * 66, 134, True, 3),
    ],
)
def test_sizes_are_those_of_the_short_message_service(text, units, unicode, parts):
    size = sms_size(text)
    assert (size.units, size.unicode, size.parts) == (units, unicode, parts)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nonsense", ["Expected '='"]),
        ("", ["messages"]),
        ("[messages]", ["messages.low_balance is missing"]),
        (toml('birthday = "x"'), ["messages.birthday"]),
        (toml("negative2 = 5"), ["messages"]),
        (toml(head="colour = 1"), ["colour"]),
        (
            toml().replace("restored = ", "restored = '{balance} {colour}' # "),
            ["messages.restored", "{colour}", "balance"],
        ),
        (toml().replace("restored = ", "restored = '{needed}' # "), ["messages.restored", "{needed}"]),
        (toml().replace("restored = ", "restored = '{balance.real}' # "), ["messages.restored", "{balance.real}"]),
        (toml().replace("restored = ", "restored = '{balance!r}' # "), ["messages.restored"]),
        (toml().replace("restored = ", "restored = '{balance:>9}' # "), ["messages.restored"]),
        (toml().replace("restored = ", "restored = '{}' # "), ["messages.restored"]),
        (toml().replace("restored = ", "restored = '{balance' # "), ["messages.restored"]),
        (
            toml(head="max_parts = 1").replace("restored = ", f"restored = '{'x' * 161}' # "),
            ["messages.restored", "2 text"],
        ),
    ],
)
def test_a_message_file_that_cannot_be_used_names_file_and_key(text, names):
    with pytest.raises(MessageFileError) as caught:
        parse_templates(text, "en", "en.toml")
    assert caught.value.exit_code == 2
    for name in ("en.toml", *names):
        assert name in str(caught.value)


def test_a_field_that_is_missing_is_an_error_and_no_half_message():
    with pytest.raises(MessageFileError, match="'needed'"):
        default_texts().render(NoticeKind.NEGATIVE, {"consumer_no": "1", "balance": "₹0.00"})


def test_text_from_an_import_stays_on_one_line_and_is_no_template():
    templates = parse_templates(toml().replace("restored = ", "restored = '{name}|{balance}' # "), "en", "en.toml")
    fields = {"name": "a\r\nb\u202ec{balance}" + "x" * 100, "balance": "ok"}
    text = templates.render(NoticeKind.RESTORED, fields)
    assert text.startswith("a b c{balance}xxx")
    assert text.endswith("|ok")
    assert len(text) == 64 + 3


def test_a_message_that_a_file_lacks_is_the_one_that_ships():
    shipped = default_texts().templates["en"]
    own = parse_templates('[messages]\nrestored = "Power is back, {consumer_no}."', "en", "en.toml", shipped)
    assert own.texts[NoticeKind.RESTORED] == "Power is back, {consumer_no}."
    assert own.texts[NoticeKind.NEGATIVE] == shipped.texts[NoticeKind.NEGATIVE]
