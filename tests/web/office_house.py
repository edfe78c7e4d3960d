"""A head-end without meters behind it, on a database of two divisions, and browsers that are logged in to it."""

import contextlib
import re

from litestar.testing import AsyncTestClient

from headend.app.webfaces import application
from headend.app.wiring import open_headend
from headend.commands.officers import Role
from headend.settings import load_settings
from headend.storage.kek import create_kek_file
from headend.web.scopes import SCOPES

EAST, WEST = "Ranchi/Ranchi East", "Ranchi/Ranchi West"
METERS = {"E1": f"{EAST}/Kokar", "E2": f"{EAST}/Lalpur", "W1": f"{WEST}/Ratu"}
CONSUMERS = {"E1": "20000000001", "E2": "20000000002", "W1": "20000000003"}
PASSWORD = "seven blue lamps"

CONFIGURATION = """
[store]
path = "headend.db"
[keys]
kek_file = "headend.kek"
[policy]
mode = "propose"
approve_alone = 1
[web]
listen = ""
[[channels]]
kind = "inbox"
name = "online"
"""

#: A name that is a script, a formula, and turned round, as an import may bring it.
HOSTILE = "=cmd|'/c calc'!A1<script>alert(1)</script>\u202egnp"


@contextlib.asynccontextmanager
async def open_house(folder, name=None, listen="", extra=""):
    (folder / "headend.toml").write_text(CONFIGURATION.replace('listen = ""', f'listen = "{listen}"') + extra)
    create_kek_file(folder / "headend.kek")
    lines = ["serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone"]
    for serial, office in METERS.items():
        lines.append(f"{serial},LDN{serial},,is15959-single-phase,tcp://127.0.0.1:1,1,,{office},,default,Asia/Kolkata")
    (folder / "meters.csv").write_text("\n".join(lines) + "\n")
    people = ["consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance"]
    for serial, number in CONSUMERS.items():
        people.append(
            f"{number},Consumer {serial},hi,9{number[1:10]},domestic,{METERS[serial]},default,,ledger,{serial},100.00"
        )
    (folder / "consumers.csv").write_text("\n".join(people) + "\n", encoding="utf-8")
    async with open_headend(load_settings(str(folder / "headend.toml"))) as headend:
        await headend.store.registry.import_meters(folder / "meters.csv")
        await headend.store.registry.import_consumers(folder / "consumers.csv")
        if name is not None:
            # An import refuses such a name; what another program wrote is shown harmlessly all the same.
            await headend.store._writer.run(lambda found: found.execute("UPDATE accounts SET name = ?", (name,)))
        yield headend


class Browser:
    """A browser: one cookie jar; `post` fills in the hidden word against foreign forms."""

    def __init__(self, client):
        self.client = client

    async def get(self, path, **more):
        return await self.client.get(path, follow_redirects=False, **more)

    async def word(self, path="/console/login"):
        text = (await self.client.get(path, follow_redirects=True)).text
        return re.search(r'name="_csrf" value="([0-9a-f]+)"', text)[1]

    async def post(self, path, data=None, word=None):
        fields = {"_csrf": word or await self.word("/console/login"), **(data or {})}
        return await self.client.post(path, data=fields, follow_redirects=False)

    async def log_in(self, name, password=PASSWORD):
        return await self.post("/console/login", {"name": name, "password": password})


class Web:
    """The application on a house; `officer` makes a user with a password and gives a browser that is logged in."""

    def __init__(self, headend, app, stack):
        self.headend = headend
        self.app = app
        self._stack = stack

    async def browser(self):
        client = AsyncTestClient(self.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        return Browser(await self._stack.enter_async_context(client))

    async def officer(self, name, role=Role.ADMINISTRATOR, office=""):
        officers = self.headend.store.officers
        await officers.add(name, name.title(), role, office, "test")
        link = await officers.link(name)
        browser = await self.browser()
        path = f"/console/welcome/{link.token}"
        answer = await browser.post(path, {"password": PASSWORD, "again": PASSWORD}, word=await browser.word(path))
        assert answer.status_code == 303, answer.text
        return browser

    async def system(self, scopes=tuple(SCOPES), office="", per_minute=100_000):
        token = await self.headend.store.tokens.add("test", frozenset(scopes), office, per_minute, "test")
        browser = await self.browser()
        browser.client.headers["authorization"] = f"Bearer {token}"
        return browser.client


@contextlib.asynccontextmanager
async def open_web(folder, name=None):
    async with open_house(folder, name) as headend, contextlib.AsyncExitStack() as stack:
        yield Web(headend, application(headend), stack)
