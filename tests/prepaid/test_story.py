from datetime import timedelta
from string import Formatter

import pytest
from attrs import evolve
from overdrawn import NOON, facts

from headend.commands.model import State, Target
from headend.notify.model import NoticeKind
from headend.prepaid.decision import Reason, Verdict
from headend.prepaid.model import EntryKind
from headend.prepaid.story import LANGUAGES, Decided, Money, Moved, Told, teller

TELLERS = [teller(language, "Asia/Kolkata") for language in LANGUAGES]


def keys(words):
    return {f"{section}.{key}" for section, table in words.items() for key in table}


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_words_with_the_same_fields():
    hindi, english = (each.words for each in TELLERS)
    assert keys(hindi) == keys(english)
    for section, table in english.items():
        for key, text in table.items():
            assert fields(hindi[section][key]) == fields(text), (section, key)


def test_hindi_is_hindi():
    for table in TELLERS[0].words.values():
        for text in table.values():
            assert any("\u0900" <= letter <= "\u097f" for letter in text), text


@pytest.mark.parametrize("who", TELLERS, ids=LANGUAGES)
def test_every_reason_verdict_kind_and_state_has_words(who):
    for reason in Reason:
        assert reason.value in who.words["reason"]
    for verdict in Verdict:
        step = who.step(Decided(NOON, 3, verdict.value, "grace", would=True, times=5, until=NOON, facts=facts()))
        assert "-₹5.00" in step.evidence
        assert "5" in step.text
    for kind in EntryKind:
        step = who.step(Money(NOON, kind.value, -12_50, -3_00, "R-1", "1 Wh", 4, 4))
        assert "₹12.50" in step.text
        assert "-₹3.00" in step.text
    for notice in NoticeKind:
        assert "Pay." in who.step(Told(NOON, 9, notice.value, "Pay.", None)).text
    for target in Target:
        for state in State:
            assert who.step(Moved(NOON, 7, target.value, state.value, "why")).evidence.endswith("why")


def test_the_sanctioned_load_is_told_where_it_is_known():
    known = evolve(facts(), account=evolve(facts().account, sanctioned_load=2500))
    for who, words in zip(TELLERS, ("2.5 किलोवाट", "2.5 kW"), strict=True):
        assert words in who.summary(known, None)
        assert words not in who.summary(facts(), None)


def test_a_sentence_names_its_evidence_and_local_time():
    hindi, english = TELLERS
    cut = Moved(NOON, 7, "disconnected", "confirmed", "read back disconnected")
    assert english.step(cut).text == "Disconnection was carried out and read back at the meter."
    assert hindi.step(cut).text == "आपूर्ति बंद करने का आदेश पूरा हुआ और मीटर से पढ़कर जाँचा गया।"
    day = Money(NOON, "energy", -65_00, 35_00, "X1:0-10000", "10000 Wh", 4, 9)
    assert english.step(day).evidence == "ledger entries 4 to 9"
    told = Told(NOON, 9, "negative", "Pay.", NOON + timedelta(hours=1))
    assert "04-03-2026 12:30" in english.step(told).text


@pytest.mark.parametrize("who", TELLERS, ids=LANGUAGES)
@pytest.mark.parametrize("balance", [None, -5_00, 5_00])
@pytest.mark.parametrize("relay", [None, True, False])
def test_the_summary_says_how_the_account_stands(who, balance, relay):
    since = NOON if balance == -5_00 else None
    text = who.summary(facts(balance=balance, relay_connected=relay, negative_since=since), Reason.GRACE.value)
    assert "10000000001" in text
    assert who.words["reason"]["grace"] in text
    assert ("₹5.00" in text) == (balance is not None)
    assert who.words["summary"][{None: "not_read", True: "connected", False: "disconnected"}[relay]] in text


def test_a_language_that_nobody_tells_in_is_refused():
    with pytest.raises(KeyError):
        teller("xx", "UTC")
