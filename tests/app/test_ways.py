"""The sections [notices] and [[channels]]: what they make, and that each fault is named by file, channel and key."""

from datetime import timedelta

import pytest

from headend.app.setup import Setup
from headend.app.ways import lane_of, secret_of, sms_spec
from headend.notify.model import ChannelKind, NoticeKind
from headend.settings import SettingsError, load_settings

SMS = """
[[channels]]
kind = "sms"
name = "sms"
url = "https://gateway.example/send"
json = { to = "{to}", text = "{text}", dlt = "{template}" }
headers = { Authorization = "Bearer {secret}" }
accepted = ["ok"]
attempts_a_day = 100000
secret_file = "secret"
receipts = { url = "https://gateway.example/status/{id}", every = "90s" }
"""
OTHERS = """
[[channels]]
kind = "inbox"
name = "online"
[[channels]]
kind = "email"
name = "mail"
host = "mail.example"
sender = "bijli@example.org"
languages = "all"
[[channels]]
kind = "webhook"
name = "hook"
url = "https://other.example/notices"
notices = ["cut_done", "restored"]
secret_env = "HOOK_SECRET"
"""


@pytest.fixture
def read(tmp_path):
    def read(text, environment=None):
        file = tmp_path / "headend.toml"
        file.write_text(text)
        return load_settings(str(file), environment or {})

    return read


def test_without_channels_notices_are_written_and_go_out_by_none(read):
    setup = Setup.read(read(""))
    assert setup.outlets == ()
    assert setup.rules().routing.routes(NoticeKind.NEGATIVE, "hi", ("hi", "en")) == ()
    assert setup.manners.per_day == 4


def test_channels_are_read_with_all_they_say(read, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    settings = read(SMS + OTHERS)
    setup = Setup.read(settings)
    assert [(outlet.name, outlet.kind) for outlet in setup.outlets] == [
        ("sms", ChannelKind.SMS),
        ("online", ChannelKind.INBOX),
        ("mail", ChannelKind.EMAIL),
        ("hook", ChannelKind.WEBHOOK),
    ]
    routes = setup.rules().routing.routes(NoticeKind.NEGATIVE, "hi", ("hi", "en"))
    assert [(route.channel, route.language) for route in routes] == [
        ("sms", "hi"),
        ("online", "hi"),
        ("mail", "hi"),
        ("mail", "en"),
    ]
    sms = settings.document.channels[0]
    lane = lane_of(settings, sms)
    assert (lane.a_day, lane.look_s) == (100_000, 90.0)
    spec = sms_spec(settings, sms, secret_of(settings, sms))
    assert (spec.secret, spec.accepted) == ("s3cret", frozenset({"ok"}))


def test_manners_are_read_and_the_environment_may_replace_them(read):
    settings = read("[notices]\nper_day = 2\nurgent = []\nquiet_hours = ''\nrepeat_after = '1h30m'")
    manners = Setup.read(settings).manners
    assert (manners.per_day, manners.urgent, manners.quiet) == (2, frozenset(), None)
    assert manners.repeat_after == timedelta(minutes=90)
    assert Setup.read(read("", {"HEADEND_NOTICES_PER_DAY": "7"})).manners.per_day == 7


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[notices]\nquiet_hours = 'night'", ["notices.quiet_hours", "21:00-08:00"]),
        ("[notices]\nper_day = 0", ["notices.per_day", "1 or more"]),
        ("[notices]\nrepeats = -1", ["notices.repeats"]),
        ("[notices]\nvalid_for = 'long'", ["notices.valid_for", "1h30m"]),
        ("[notices]\ncode_valid_for = 'x'", ["notices.code_valid_for"]),
        ("[notices]\nurgent = ['birthday']", ["notices.urgent", "birthday", "low_balance"]),
        ("[notices]\nquiet = 1", ["quiet"]),
        ("[[channels]]\nkind = 'pigeon'\nname = 'p'", ["channels[0]", "pigeon"]),
        ("[[channels]]\nkind = 'sms'\nname = 's'", ["channels[0]", "url"]),
        ("[[channels]]\nkind = 'inbox'\nname = 's'\nurl = 'x'", ["channels[0]", "url"]),
        ("[[channels]]\nkind = 'inbox'\nname = 's'\n" * 2, ["'s'", "no other channel"]),
        ("[[channels]]\nkind = 'inbox'\nname = 's'\nat_once = 0", ["'s'", "at_once"]),
        ("[[channels]]\nkind = 'inbox'\nname = 's'\nnotices = ['x']", ["'s'", "notices", "'x'"]),
        (SMS.replace("https://gateway.example/send", "gateway"), ["'sms'", "url", "https://gateway/path"]),
        (SMS.replace("{text}", "{txt}"), ["'sms'", "{txt}"]),
        (SMS.replace("/{id}", ""), ["'sms'", "receipts.url", "{id}"]),
        (SMS.replace("90s", "soon"), ["'sms'", "receipts.every"]),
        (SMS.replace("accepted", "form = { a = 'b' }\naccepted"), ["'sms'", "form", "not both"]),
        (SMS.replace("accepted", "entity = '11'\naccepted"), ["'sms'", "templates.", "DLT"]),
        (
            SMS.replace("accepted", "templates = { negative = { de = '1' } }\naccepted"),
            ["'sms'", "templates.negative", "'de'"],
        ),
        ("[[channels]]\nkind = 'webhook'\nname = 'w'\nurl = 'https://a/'", ["'w'", "secret_env"]),
        ("[[channels]]\nkind = 'webhook'\nname = 'w'\nurl = 'ftp://a/'\nsecret_env = 'S'", ["'w'", "url"]),
    ],
)
def test_a_fault_is_named_by_file_channel_and_key(read, text, names):
    with pytest.raises(SettingsError) as caught:
        Setup.read(read(text))
    assert caught.value.exit_code == 2
    for name in ("headend.toml", *names):
        assert name in str(caught.value)


def test_a_secret_that_cannot_be_had_is_named_and_never_shown(read, tmp_path, monkeypatch):
    settings = read(SMS + OTHERS)
    sms, _, _, hook = settings.document.channels
    with pytest.raises(SettingsError, match="secret_file"):
        secret_of(settings, sms)
    with pytest.raises(SettingsError, match="HOOK_SECRET is not set"):
        secret_of(settings, hook)
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    assert secret_of(settings, hook) == "s3cret"
