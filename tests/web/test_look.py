from datetime import UTC, datetime

import pytest
from jinja2 import Environment, FileSystemLoader

from headend.web import look

AT = datetime(2026, 11, 24, 19, 5, 9, tzinfo=UTC)


@pytest.fixture
def environment():
    made = Environment(loader=FileSystemLoader(look.TEMPLATES), autoescape=True)
    look.install(made)
    return made


def shown(environment, source, **context):
    names = "money, moment, badge, foreign, figure, sort_heading, pager, field, choose"
    return environment.from_string('{% from "macros.html" import ' + names + " %}" + source).render(**context)


def test_money_is_written_as_in_india_and_debts_stand_out(environment):
    assert shown(environment, "{{ money(12345650) }}") == '<span class="money">₹1,23,456.50</span>'
    assert shown(environment, "{{ money(-50) }}") == '<span class="money below">-₹0.50</span>'
    assert "soft" in shown(environment, "{{ money(none) }}")


def test_moments_are_those_of_india(environment):
    assert look.moment(AT) == "25 Nov 2026, 00:35"
    assert look.moment(AT, "hi") == "25 नवंबर 2026, 00:35"
    assert look.day(AT, "hi") == "25 नवंबर 2026"
    assert 'datetime="2026-11-24T19:05:09Z"' in shown(environment, "{{ moment(at) }}", at=AT)


def test_text_of_a_stranger_is_only_text(environment):
    hostile = "<script>alert(1)</script>\u202egnp.exe"
    html = shown(environment, "{{ foreign(text) }}{{ figure('x', text, href=text) }}", text=hostile)
    assert "<script>" not in html
    assert "\u202e" not in html.partition("</bdi>")[0]
    assert "\\u202egnp.exe" in html


def test_hindi_keeps_the_joiners_it_is_written_with():
    assert look.visible("क्\u200dष") == "क्\u200dष"


def test_a_list_keeps_its_state_in_its_address(environment):
    query = {"q": "अ & b", "sort": "name", "page": "3"}
    html = shown(environment, "{{ sort_heading('Name', 'name', query) }}", query=query)
    assert 'aria-sort="ascending"' in html
    assert 'href="?q=%E0%A4%85+%26+b&amp;sort=-name"' in html


@pytest.mark.parametrize(
    ("state", "tone"), [("confirmed", "good"), ("unknown", "warn"), ("rejected", "bad"), ("x", "")]
)
def test_a_state_has_its_colour(state, tone):
    assert look.tone(state) == tone


def test_an_asset_carries_its_digest_so_that_it_can_be_kept_for_good():
    assert look.asset("style.css").startswith("/static/style.css?v=")
