"""Every route that changes something, generated from the application: forms of other sites, and messages of rubbish."""

import re
import ssl
import subprocess
from datetime import timedelta

import httpx
import pytest
from office_house import CONSUMERS, open_house

from headend.app.serving import serving

RUBBISH = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"a": 1}',
    b"<",
    b"<a/>",
    b"\xff\xfe",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
]


def changing(app):
    """Every route with a form: method and an address that fits its parameters."""
    for route in app.routes:
        for method in getattr(route, "route_handler_map", {}):
            if method not in ("GET", "HEAD", "OPTIONS") and route.path.startswith(("/console", "/portal")):
                yield method, re.sub(r"\{(\w+):(\w+)\}", lambda found: "1" if found[2] == "int" else "E1", route.path)


async def test_no_route_that_changes_takes_a_form_that_no_page_of_ours_gave(web):
    chief = await web.officer("chief")
    consumer = await web.browser()
    sessions = web.headend.store.web_sessions
    hour = timedelta(hours=1)
    token = await sessions.begin("portal", CONSUMERS["E1"], hour, hour)
    consumer.client.cookies.set("headend-portal", token, domain="127.0.0.1", path="/portal")
    foreign = await (await web.browser()).word()
    before = [await web.headend.store.audit.rows(), await web.headend.store.journal.commands()]
    looked_at = 0
    for method, path in changing(web.app):
        browser = chief if path.startswith("/console") else consumer
        for data in ({}, {"_csrf": ""}, {"_csrf": "0" * 64}, {"_csrf": foreign}):
            answer = await browser.client.request(method, path, data=data, follow_redirects=False)
            assert answer.status_code == 403, (method, path, data, answer.status_code)
        own = await browser.word("/console/administration" if browser is chief else "/portal/")
        headers = {"sec-fetch-site": "cross-site", "x-csrf-token": own}
        answer = await browser.client.request(method, path, headers=headers, follow_redirects=False)
        assert answer.status_code == 403, (method, path, "another site")
        looked_at += 1
    assert looked_at > 40
    assert [await web.headend.store.audit.rows(), await web.headend.store.journal.commands()] == before


@pytest.mark.parametrize("body", RUBBISH)
async def test_messages_of_other_systems_that_make_no_sense_are_refused_and_break_nothing(web, body):
    client = await web.system()
    for path in ("payments", "cim"):
        for kind in ("application/json", "application/xml", "text/plain"):
            answer = await client.post(f"/api/v1/{path}", content=body, headers={"content-type": kind})
            assert 400 <= answer.status_code < 500 or (path == "payments" and answer.status_code == 503), path
    for query in ("after=-1", "after=x", "after=99999999999999999999"):
        answer = await client.get(f"/api/v1/events/stream?{query}")
        assert answer.status_code == 400, query
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture
def certificate(tmp_path):
    """A certificate of its own for this address, with its key, in the folder of the configuration."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "web.key"), "-out", str(tmp_path / "web.crt")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "web.crt"


async def test_faces_are_served_by_https_with_certificate_files_and_cookies_are_for_it_alone(tmp_path, certificate):
    listen = '127.0.0.1:0"\ntls_cert = "web.crt"\ntls_key = "web.key'
    async with open_house(tmp_path, listen=listen) as headend, serving(headend) as served:
        assert served.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificate))
        async with httpx.AsyncClient(verify=context) as client:
            answer = await client.get(f"{served.url}/console/login")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"]
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Secure-headend-console=")
        assert "Secure" in cookie.split("; ", 1)[1]
