import re

import pytest
from litestar import Litestar, get
from office_house import CONSUMERS, EAST, PASSWORD, WEST

from headend.commands.officers import Officer, Role
from headend.web.security import LEAST_ROLE, PERMISSION, Consumer, Permission, UndeclaredRouteError, allowed, needs
from headend.web.security import refuse_undeclared as refuse


def handlers(app):
    for route in app.routes:
        methods = getattr(route, "route_handler_map", None) or {"*": (route.route_handler, None)}
        for method, (handler, _) in methods.items():
            if method != "OPTIONS":
                yield method, route.path, handler


def filled(path):
    """An address for a route: parameters get values that fit their type."""
    return re.sub(r"\{(\w+):(\w+)\}", lambda found: "1" if found[2] == "int" else "E1", path)


def test_a_route_without_a_permission_keeps_the_application_from_starting():
    @get("/open")
    async def bare() -> str:
        return ""

    with pytest.raises(UndeclaredRouteError, match="GET /open"):
        refuse(Litestar([bare], openapi_config=None).routes)


def test_roles_hold_what_those_below_them_hold_and_nothing_of_other_faces():
    for permission in Permission:
        for role in Role:
            officer = Officer("a", "", role, "", disabled=False, ready=True)
            least = LEAST_ROLE.get(permission)
            assert allowed(permission, "", officer) == (least is not None and role.rank >= least.rank)
        assert not allowed(permission, "", None)
        assert allowed(permission, "", Consumer("20000000001")) == (permission is Permission.CONSUMER)
    assert not allowed(Permission.VIEW, "", Officer("a", "", Role.ADMINISTRATOR, "", disabled=True, ready=True))
    assert needs(Permission.VIEW)[PERMISSION] is Permission.VIEW


async def test_every_role_on_every_route_gets_what_the_route_declares_and_no_more(web):
    """The matrix: each route of the console, asked for by nobody and by each role, through the whole application."""
    browsers = {role: await web.officer(role.value, role) for role in Role} | {None: await web.browser()}
    words = {role: await browser.word("/console/login") for role, browser in browsers.items()}
    looked_at = 0
    for method, path, handler in handlers(web.app):
        permission = handler.opt[PERMISSION]
        if permission not in LEAST_ROLE or not path.startswith("/console") or "live" in path or "logout" in path:
            continue
        for role, browser in browsers.items():
            if method == "GET":
                answer = await browser.get(filled(path))
            else:
                answer = await browser.post(filled(path), {}, word=words[role])
            may = role is not None and role.rank >= LEAST_ROLE[permission].rank
            where = (method, path, role, answer.status_code)
            if role is None:
                assert (answer.status_code, answer.headers["location"][:14]) == (303, "/console/login"), where
            elif may:
                assert answer.status_code not in (401, 403, 500), where
            else:
                assert answer.status_code == 403, where
            looked_at += 1
    assert looked_at > 5 * 40


async def test_a_system_reaches_only_what_its_scopes_name(web):
    client = await web.system(scopes=("meters:read",))
    nobody = (await web.browser()).client
    looked_at = 0
    for method, path, handler in handlers(web.app):
        if handler.opt[PERMISSION] is not Permission.SYSTEM or path.endswith("stream"):
            continue
        answer = await client.request(method, filled(path), json={})
        mine = handler.opt["scope"] == "meters:read"
        assert (answer.status_code != 403) if mine else (answer.status_code == 403), (method, path)
        assert (await nobody.request(method, filled(path))).status_code == 401, (method, path)
        looked_at += 1
    assert looked_at >= 15


async def test_logging_in_gives_a_new_session_whatever_the_browser_brought(web):
    await web.officer("officer_1")
    thief, victim = await web.browser(), await web.browser()
    planted = "A" * 43
    victim.client.cookies.set("headend-console", planted, domain="127.0.0.1", path="/console")
    thief.client.cookies.set("headend-console", planted, domain="127.0.0.1", path="/console")
    answer = await victim.log_in("officer_1")
    assert answer.status_code == 303
    assert planted not in answer.headers["set-cookie"]
    assert (await thief.get("/console/")).status_code == 303
    given = re.search(r"headend-console=([^;]+)", ";".join(answer.headers.get_list("set-cookie")))
    assert given
    cookies = [each for each in answer.headers.get_list("set-cookie") if each.startswith("headend-console")]
    assert "HttpOnly" in cookies[0]
    assert "SameSite=lax" in cookies[0]


async def test_a_session_ends_with_logging_out_and_when_the_officer_is_shut_out(web):
    officer_1, chief = await web.officer("officer_1", Role.OPERATOR), await web.officer("chief")
    assert (await officer_1.get("/console/")).status_code == 200
    await web.headend.store.officers.disable("officer_1")
    assert (await officer_1.get("/console/")).status_code == 303
    assert (await officer_1.log_in("officer_1")).status_code == 401
    kept = dict(chief.client.cookies)["headend-console"]
    await chief.post("/console/logout", word=await chief.word("/console/administration"))
    chief.client.cookies.clear()
    chief.client.cookies.set("headend-console", kept, domain="127.0.0.1", path="/console")
    assert (await chief.get("/console/")).status_code == 303


async def test_a_form_of_another_site_changes_nothing(web):
    chief = await web.officer("chief")
    other = await web.browser()
    for word in ("", "0" * 64, await other.word()):
        answer = await chief.client.post("/console/cuts/kill", data={"_csrf": word}, follow_redirects=False)
        assert answer.status_code == 403
    word = await chief.word("/console/administration")
    answer = await chief.client.post(
        "/console/cuts/kill", data={"_csrf": word}, headers={"sec-fetch-site": "cross-site"}, follow_redirects=False
    )
    assert answer.status_code == 403
    assert not await web.headend.store.switches.kill_switch()
    assert (await chief.post("/console/cuts/kill", word=word)).status_code == 303
    assert await web.headend.store.switches.kill_switch()


async def test_every_answer_forbids_frames_inline_scripts_and_guessing_of_types(web):
    chief = await web.officer("chief")
    for path in (
        "/",
        "/console/login",
        "/console/",
        "/nothing",
        "/api/v1/meters",
        "/static/style.css",
        "/portal/login",
    ):
        headers = (await chief.get(path)).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["x-content-type-options"] == "nosniff", path
    text = (await chief.get("/console/")).text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|<style|\sstyle=", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike_and_not_for_ever(web):
    await web.officer("officer_1")
    browser = await web.browser()
    known, unknown = await browser.log_in("officer_1", "wrong"), await browser.log_in("nobody", "wrong")
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("officer_1", "X") == unknown.text.replace("nobody", "X")
    answers = [await browser.log_in("officer_1", "wrong") for _ in range(8)]
    assert answers[-1].status_code == 429
    assert (await browser.log_in("officer_1", PASSWORD)).status_code == 429


async def test_where_to_go_after_logging_in_is_a_page_of_the_console_only(web):
    await web.officer("officer_1")
    browser = await web.browser()
    for wanted in (
        "https://evil.example/",
        "//evil.example",
        "/console//evil.example",
        "/console/\\evil",
        "javascript:x",
    ):
        answer = await browser.post("/console/login", {"name": "officer_1", "password": PASSWORD, "next": wanted})
        assert answer.headers["location"] == "/console/", wanted
    answer = await browser.post(
        "/console/login", {"name": "officer_1", "password": PASSWORD, "next": "/console/meters?q=1"}
    )
    assert answer.headers["location"] == "/console/meters?q=1"


async def test_a_link_sets_a_password_once_and_none_is_there_at_first(web):
    link = await web.headend.store.officers.first_link("admin")
    assert await web.headend.store.officers.password_hash("admin") is None
    browser = await web.browser()
    path = f"/console/welcome/{link.token}"
    word = await browser.word(path)
    short = await browser.post(path, {"password": "short", "again": "short"}, word=word)
    assert short.status_code == 400
    assert (await browser.post(path, {"password": PASSWORD, "again": PASSWORD}, word=word)).status_code == 303
    assert (await browser.get(path)).status_code == 404
    assert (await browser.get("/console/administration")).status_code == 200
    assert await web.headend.store.officers.first_link("admin") is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/console/meters/W1"),
        ("get", "/console/meters/W1/curve.json"),
        ("get", "/console/meters/W1/disconnect"),
        ("post", "/console/meters/W1/reconnect"),
        ("post", "/console/meters/W1/read"),
        ("get", f"/console/accounts/{CONSUMERS['W1']}"),
        ("get", f"/console/accounts/{CONSUMERS['W1']}/balance.json"),
        ("post", f"/console/accounts/{CONSUMERS['W1']}/recharge"),
        ("post", f"/console/accounts/{CONSUMERS['W1']}/correction"),
        ("post", f"/console/accounts/{CONSUMERS['W1']}/number"),
        ("get", "/console/commands/1"),
        ("post", "/console/commands/1/cancel"),
        ("post", "/console/commands/1/release"),
    ],
)
async def test_what_belongs_to_another_office_is_not_there(web, method, path):
    chief = await web.officer("chief")
    given = {"reason": "x"}
    await chief.post("/console/meters/W1/reconnect", given, word=await chief.word("/console/meters/W1/reconnect"))
    officer_1 = await web.officer("officer_1", Role.APPROVER, EAST)
    data = {"reason": "x", "amount": "500", "receipt": "R1", "mobile": "9876543210", "confirm": "W1"}
    word = await officer_1.word("/console/meters/E1/reconnect")
    answer = await (officer_1.get(path) if method == "get" else officer_1.post(path, data, word=word))
    assert answer.status_code == 404, answer.text
    assert (await web.headend.store.accounts.ledger(CONSUMERS["W1"]))[0].kind.value == "opening"
    assert [each.requested_by for each in await web.headend.store.journal.commands()] == ["chief"]


async def test_lists_and_their_csv_hold_the_officers_own_office_only(web):
    officer_1 = await web.officer("officer_1", Role.ADMINISTRATOR, EAST)
    for path in (
        "/console/meters",
        "/console/accounts",
        "/console/meters.csv",
        "/console/accounts.csv",
        "/console/ledger",
    ):
        for query in ("", f"?within={WEST}", "?q=2000", "?q=Consumer"):
            text = (await officer_1.get(path + query)).text
            assert "W1" not in text.replace("?q=", ""), path + query
            assert CONSUMERS["W1"] not in text, path + query
    assert "E1" in (await officer_1.get("/console/meters")).text
    client = await web.system(office=EAST)
    for path in ("meters", "accounts", "meters?q=2000", "events?limit=1000", "notices"):
        assert "W1" not in (await client.get(f"/api/v1/{path}")).text, path
    assert (await client.get(f"/api/v1/meters?office={WEST}")).status_code == 400
    assert (await client.get("/api/v1/meters/W1")).status_code == 404
    assert (await client.get(f"/api/v1/accounts/{CONSUMERS['W1']}/ledger")).status_code == 404


async def test_an_administrator_of_an_office_makes_no_users_above_it(web):
    officer_1 = await web.officer("officer_1", Role.ADMINISTRATOR, EAST)
    await web.officer("chief")
    word = await officer_1.word("/console/administration")
    given = {"name": "evil", "role": "administrator", "office": WEST}
    assert (await officer_1.post("/console/administration/users", given, word=word)).status_code == 403
    assert (await officer_1.post("/console/administration/users/chief", {"do": "link"}, word=word)).status_code == 400
    await officer_1.post("/console/administration/users", {"name": "mine", "role": "administrator"}, word=word)
    assert (await web.headend.store.officers.officer("mine")).office == EAST
    assert (await officer_1.post("/console/cuts/unkill", word=word)).status_code == 409


async def test_hostile_names_are_text_on_pages_and_no_formula_in_csv(hostile_web):
    chief = await hostile_web.officer("chief")
    for path in ("/console/meters", "/console/accounts", "/console/meters/E1", f"/console/accounts/{CONSUMERS['E1']}"):
        text = (await chief.get(path)).text
        assert "<script>alert" not in text, path
        assert "\u202e" not in text, path
        assert "&lt;script&gt;" in text, path
    csv = (await chief.get("/console/accounts.csv")).text
    assert "\u202e" not in csv
    cells = [cell for line in csv.splitlines()[1:] for cell in re.findall(r'"((?:[^"]|"")*)"|([^,]+)', line)]
    assert cells
    assert not [cell for cell in cells if (cell[0] or cell[1]).startswith(("=", "+", "@"))]
    query = "<script>alert(2)</script>\u202e"
    assert "<script>alert(2)" not in (await chief.get("/console/meters", params={"q": query})).text


async def test_a_refusal_shows_no_insides(web):
    chief = await web.officer("chief")
    for path in ("/console/meters?sort=;drop", "/console/meters?page=x", "/console/commands/999999999999999999999"):
        answer = await chief.get(path)
        assert answer.status_code in (400, 404, 422), path
        assert "Traceback" not in answer.text
