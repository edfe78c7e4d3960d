import pytest

from headend.notify.model import ChannelKind, NoticeKind, Route
from headend.notify.routing import Outlet, Routing

SMS = Outlet("sms", ChannelKind.SMS)
BOTH = Outlet("desk", ChannelKind.WEBHOOK, frozenset({NoticeKind.CUT_DONE}), all_languages=True)
INBOX = Outlet("online", ChannelKind.INBOX, all_languages=True)
ROUTING = Routing((SMS, BOTH, INBOX))


def test_a_notice_goes_out_by_every_channel_that_takes_its_kind():
    assert ROUTING.routes(NoticeKind.NEGATIVE, "hi", ("hi", "en")) == (
        Route("sms", ChannelKind.SMS, "hi"),
        Route("online", ChannelKind.INBOX, "hi"),
    )
    assert [(route.channel, route.language) for route in ROUTING.routes(NoticeKind.CUT_DONE, "en", ("hi", "en"))] == [
        ("sms", "en"),
        ("desk", "hi"),
        ("desk", "en"),
        ("online", "en"),
    ]
    assert Routing().routes(NoticeKind.NEGATIVE, "hi", ("hi",)) == ()


def test_a_language_without_texts_is_replaced_by_one_that_has_them():
    (route,) = Routing((SMS,)).routes(NoticeKind.NEGATIVE, "sat", ("hi", "en"))
    assert route.language == "hi"


@pytest.mark.parametrize("kind", NoticeKind)
def test_only_text_messages_go_to_another_number(kind):
    assert ROUTING.elsewhere(kind, "hi", "9000000009") == (Route("sms", ChannelKind.SMS, "hi", "9000000009"),)
