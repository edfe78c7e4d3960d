"""The example for the utility stands whole: every file that it names can be used, and says where each line is from."""

import re
from pathlib import Path

import pytest

from headend.app import Setup
from headend.notify.model import NoticeKind
from headend.notify.sms import sms_size
from headend.notify.texts import FIELDS, LANGUAGES, default_texts, parse_templates
from headend.prepaid.rules import default_policy, default_tariff
from headend.settings import load_settings

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = CONFIG / "jbvnl.toml"
MARKED = ("policies/jbvnl.toml", "tariffs/jbvnl-domestic.toml", "tariffs/jbvnl-commercial.toml")


@pytest.fixture
def setup(monkeypatch):
    monkeypatch.setenv("SMS_TOKEN", "token")
    return Setup.read(load_settings(str(EXAMPLE), {}))


def test_the_example_is_read_whole_and_only_notifies(setup):
    assert setup.policy.name == "jbvnl"
    assert {"jbvnl-domestic", "jbvnl-commercial"} <= set(setup.tariffs)
    assert setup.tariffs["jbvnl-commercial"].fixed_per_kw == 200_00
    assert set(setup.texts.templates) == set(LANGUAGES)
    assert setup.settings.document.policy.mode == "notify"
    assert {outlet.name for outlet in setup.outlets} == {"online", "sms"}
    offices = setup.settings.document.portal.offices
    assert offices
    for office in offices:
        circle, *below = office.split("/")
        assert circle in offices
        assert len(below) <= 2


def test_the_plain_configuration_is_read_whole():
    setup = Setup.read(load_settings(str(CONFIG / "headend.toml"), {}))
    assert (setup.policy, setup.tariffs["default"]) == (default_policy(), default_tariff())


@pytest.mark.parametrize("name", [*MARKED, "jbvnl.toml"])
def test_the_examples_say_what_they_are(name):
    head = (CONFIG / name).read_text(encoding="utf-8")[:400]
    assert "EXAMPLE" in head
    assert "confirmed by the utility" in head


@pytest.mark.parametrize("name", MARKED)
def test_every_rule_of_the_example_says_where_it_is_from(name):
    for line in (CONFIG / name).read_text(encoding="utf-8").splitlines():
        if re.match(r"(?!name )[a-z_]+ = |  [0-9]{4}-", line):
            assert re.search(r"#.*\([roma]\)", line), line


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_messages_beside_the_configuration_are_whole_and_those_that_ship(language):
    text = (CONFIG / "messages" / f"{language}.toml").read_text(encoding="utf-8")
    assert parse_templates(text, language, f"{language}.toml") == default_texts().templates[language]


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_names_the_consumer_and_what_has_to_be_done(kind, language):
    template = default_texts().templates[language].texts[kind]
    used = set(re.findall(r"\{([a-z_]+)\}", template))
    assert "consumer_no" in used or kind is NoticeKind.LOGIN_CODE
    needed = FIELDS[kind] & {"balance", "needed", "planned", "amount", "days", "level", "code", "minutes", "number"}
    assert needed <= used


@pytest.mark.parametrize(("language", "single", "several"), [("hi", 70, 67), ("en", 160, 153)])
def test_messages_are_counted_in_the_units_of_the_service(language, single, several):
    longest = "क" if language == "hi" else "a"
    assert sms_size(longest * single).parts == 1
    assert sms_size(longest * (single + 1)).parts == 2
    assert sms_size(longest * 2 * several).parts == 2
    assert sms_size(longest * (2 * several + 1)).parts == 3
