"""A head-end with two consumers and its portal, in this process; codes are caught instead of sent."""

import re
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
from attrs import evolve

sys.path.insert(0, str(Path(__file__).parents[2] / "contracts"))

import store_making as making

from headend.app.opening import Clock
from headend.app.portaldesk import portal_desk
from headend.app.webfaces import faces
from headend.app.wiring import open_headend
from headend.settings import load_settings
from headend.web.application import make_application
from headend.web.portal import DoorRules, gateway_router, portal_router

OWN, OTHER, UNKNOWN = "10000000001", "10000000002", "19999999999"
CONFIGURATION = """
[store]
path = "headend.db"
[web]
listen = ""
[portal]
gateway = "sandbox"
helpline = "1912"
offices = { "Ranchi/Ranchi East/Kokar" = "Kokar Chowk, 10:00-16:00" }
"""


class House:
    def __init__(self, headend, clock, rules):
        self.headend, self.clock, self.store = headend, clock, headend.store
        self.sent = []
        self.desk = evolve(portal_desk(headend), send_code=self._send, rules=rules, now=clock)
        self.application = make_application(
            evolve(faces(headend), now=clock), [portal_router(self.desk), gateway_router(self.desk)]
        )

    async def _send(self, code):
        self.sent.append(code)

    def browser(self, address="192.0.2.1"):
        return Browser(self, address)

    async def inside(self, consumer_no=OWN, address="192.0.2.1"):
        """A browser in which a consumer has logged in with a code."""
        browser = self.browser(address)
        await browser.get("/portal/")
        await browser.post("/portal/code", consumer_no=consumer_no)
        await self.desk.settled()
        code = next(each.code for each in reversed(self.sent) if each.consumer_no == consumer_no)
        answer = await browser.post("/portal/enter", consumer_no=consumer_no, code=code)
        assert answer.status_code == 303, answer.text
        return browser


class Browser:
    """Keeps cookies, and sends the hidden word of the last page with each form."""

    def __init__(self, house, address):
        transport = httpx.ASGITransport(app=house.application, client=(address, 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://portal.test")
        self.word = ""

    async def get(self, path, **headers):
        answer = await self.client.get(path, headers=headers)
        self._learn(answer)
        return answer

    async def post(self, path, **form):
        form.setdefault("_csrf", self.word)
        answer = await self.client.post(path, data=form)
        self._learn(answer)
        return answer

    async def post_raw(self, path, content, **headers):
        return await self.client.post(path, content=content, headers=headers)

    def _learn(self, answer):
        found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', answer.text)
        self.word = found[1] if found else self.word


@asynccontextmanager
async def house_in(folder, *, opening="-50.00", rules=None, policy=""):
    clock = making.Clock(making.START)
    (folder / "headend.toml").write_text(CONFIGURATION + policy)
    settings = load_settings(str(folder / "headend.toml"))
    async with open_headend(settings, clock=Clock(now=clock)) as headend:
        await making.settle_in(headend.store, folder, count=2, opening=opening)
        made = House(headend, clock, rules or DoorRules())
        yield made
        await made.desk.settled()


__all__ = ["OTHER", "OWN", "UNKNOWN", "DoorRules", "House", "house_in", "making", "timedelta"]
