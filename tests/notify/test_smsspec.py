import json

import pytest
from attrs import evolve

from headend.notify.model import NoticeKind
from headend.notify.outgoing import Later, Receipt, ReceiptState, Refused, Taken
from headend.notify.smsspec import ReceiptSpec, SmsSpec

SPEC = SmsSpec(
    url="https://gateway.example/send?from={sender}&ref={reference}",
    headers={"Authorization": "Bearer {secret}"},
    json={"to": "{to}", "messages": [{"text": "{text}", "dlt": "{template}", "n": 1}], "coding": "{coding}"},
    sender="JBVNL",
    entity="1101000000000000001",
    templates={(NoticeKind.NEGATIVE, "hi"): "1107000000000000001"},
    accepted=frozenset({"ok"}),
    state="result.0.state",
    id="result.0.id",
    error="result.0.code",
    retry=frozenset({"17"}),
    bad_number=frozenset({"4"}),
    receipts=ReceiptSpec("https://gateway.example/status/{id}?key={secret}", bad_number=frozenset({"unknown"})),
    secret="s3cret",
)


def request(spec=SPEC, to="+919000000001", text="बिजली", kind=NoticeKind.NEGATIVE, language="hi"):
    return spec.request(to, text, kind, language, "ref/1")


def answer(**fields):
    return json.dumps({"result": [fields]})


def test_a_request_is_the_template_with_the_message_in_it():
    made = request(text='say "{to}" & बिजली')
    assert made.url == "https://gateway.example/send?from=JBVNL&ref=ref%2F1"
    assert made.headers == {"Authorization": "Bearer s3cret"}
    assert made.json == {
        "to": "919000000001",
        "messages": [{"text": 'say "{to}" & बिजली', "dlt": "1107000000000000001", "n": 1}],
        "coding": "unicode",
    }
    assert request(text="plain", to="9000000001").json["coding"] == "text"


def test_no_secret_and_no_text_is_shown():
    for value in (SPEC, request()):
        assert "s3cret" not in repr(value)
        assert "बिजली" not in repr(value)


def test_a_form_is_filled_too():
    spec = evolve(SPEC, json=None, form={"mobile": "{to}", "msg": "{text}"})
    assert request(spec).form == {"mobile": "919000000001", "msg": "बिजली"}


def test_a_message_that_is_too_long_or_has_no_template_is_not_sent():
    assert "5 text messages" in request(text="क" * 300).reason
    assert not isinstance(request(text="क" * 268), Refused)
    assert request(language="en") == Refused("no DLT template id is configured for negative in en")
    assert not isinstance(request(evolve(SPEC, entity=""), language="en"), Refused)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, answer(state="ok", id=77), Taken("77")),
        (202, answer(state="ok"), Taken(None)),
        (200, answer(state="no", code=4), Refused("status 200: 4", bad_address=True)),
        (200, answer(state="no", code=5), Refused("status 200: 5")),
        (200, answer(state="no", code=17), Later("status 200: 17")),
        (400, "nonsense", Refused("status 400")),
        (200, "[" * 100_000, Refused("status 200")),
        (429, "", Later("status 429")),
        (503, answer(state="ok", id=1), Later("status 503: ok")),
        (301, "", Refused("status 301")),
        (200, answer(state="a\nb" + "x" * 500), Refused("status 200: a b" + "x" * 105)),
    ],
)
def test_an_answer_says_what_became_of_the_message(status, body, outcome):
    assert SPEC.outcome(status, body) == outcome


def test_any_good_answer_is_enough_where_nothing_else_is_configured():
    assert evolve(SPEC, accepted=frozenset()).outcome(200, "queued") == Taken(None)


def test_a_receipt_is_asked_for_and_understood():
    question = SPEC.question("a/b")
    assert (question.method, question.url) == ("GET", "https://gateway.example/status/a%2Fb?key=s3cret")
    told = {
        '{"status": "delivered"}': Receipt("a", ReceiptState.DELIVERED),
        '{"status": "failed", "error": "absent"}': Receipt("a", ReceiptState.FAILED, "absent"),
        '{"status": "expired"}': Receipt("a", ReceiptState.FAILED, "expired"),
        '{"status": "failed", "error": "unknown"}': Receipt("a", ReceiptState.FAILED, "unknown", bad_address=True),
        '{"status": "on the way"}': Receipt("a", ReceiptState.PENDING),
        "nonsense": Receipt("a", ReceiptState.PENDING),
    }
    assert {body: SPEC.answered("a", 200, body) for body in told} == told
    assert SPEC.answered("a", 500, '{"status": "delivered"}') is None


def test_a_gateway_may_call_back():
    called = evolve(SPEC, receipts=ReceiptSpec(id="msgid", state="stat", delivered=frozenset({"DELIVRD"})))
    assert called.question("a") is None
    assert called.called_back({"msgid": "a", "stat": "DELIVRD"}) == Receipt("a", ReceiptState.DELIVERED)
    assert called.called_back({"stat": "DELIVRD"}) is None
    assert evolve(SPEC, receipts=None).called_back({"id": "a"}) is None


def test_placeholders_that_stand_for_nothing_are_found():
    assert SPEC.unknown_placeholders() == set()
    assert evolve(SPEC, json={"a": ["{too}"]}).unknown_placeholders() == {"too"}
    assert evolve(SPEC, url="https://g/{id}").unknown_placeholders() == {"id"}
