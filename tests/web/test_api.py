import asyncio
import json

import schemathesis
from hypothesis import HealthCheck, given, settings
from office_house import CONSUMERS, open_house
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headend.app.serving import serving
from headend.web.scopes import SCOPES

KEY = {"idempotency-key": "key-00000001"}
RECONNECT = {"meter": "E1", "target": "connected", "reason": "paid elsewhere"}


async def test_a_command_with_the_same_key_is_journalled_once_and_answered_alike(web):
    client = await web.system()
    first = await client.post("/api/v1/commands", json=RECONNECT, headers=KEY)
    again = await client.post("/api/v1/commands", json=RECONNECT, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await client.post("/api/v1/commands", json=RECONNECT | {"reason": "x"}, headers=KEY)
    assert other.status_code == 422
    assert len(await web.headend.store.journal.commands()) == 1
    assert (await client.post("/api/v1/commands", json=RECONNECT)).status_code == 400


async def test_a_recharge_is_booked_once_whatever_the_key(web):
    client, number = await web.system(), CONSUMERS["E1"]
    payment = {"amount_paise": 50000, "payment_id": "P-1"}
    for key in ("key-00000001", "key-00000002"):
        answer = await client.post(
            f"/api/v1/accounts/{number}/recharges", json=payment, headers={"idempotency-key": key}
        )
        assert answer.status_code == 201, answer.text
    assert answer.json()["repeated"]
    assert await web.headend.store.accounts.balance(number) == 60000
    conflict = await client.post(
        f"/api/v1/accounts/{number}/recharges",
        json=payment | {"amount_paise": 1},
        headers={"idempotency-key": "key-00000003"},
    )
    assert conflict.status_code == 409


async def test_a_cursor_goes_through_everything_once(web):
    client = await web.system()
    seen, cursor = [], ""
    while cursor is not None:
        answer = (await client.get("/api/v1/meters", params={"limit": 1, "cursor": cursor})).json()
        seen += [each["serial"] for each in answer["items"]]
        cursor = answer["next"]
    assert seen == ["E1", "E2", "W1"]
    assert (await client.get("/api/v1/meters?cursor=bm90IG91cnM=")).status_code == 400


async def test_errors_are_problems(web):
    client = await web.system()
    for path, status in (("meters/none", 404), ("meters?limit=0", 400), ("nothing", 404)):
        answer = await client.get(f"/api/v1/{path}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() == {"type", "title", "status", "detail"}


async def test_calls_beyond_what_the_token_allows_are_told_when_to_come_back(web):
    client = await web.system(per_minute=2)
    answers = [await client.get("/api/v1/coverage") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_revoked_token_is_nobodys(web):
    client = await web.system()
    await web.headend.store.tokens.revoke(1)
    assert (await client.get("/api/v1/meters")).status_code == 401


async def test_what_a_system_does_is_in_the_audit_with_its_change(web):
    client = await web.system()
    await client.post("/api/v1/commands", json=RECONNECT, headers=KEY)
    row = (await web.headend.store.audit.rows())[-1]
    assert (row.by, row.via, row.action, row.subject, row.office) == (
        "token:test",
        "api",
        "reconnect",
        "E1",
        "Ranchi/Ranchi East/Kokar",
    )
    refused = await client.post(
        "/api/v1/commands", json=RECONNECT | {"meter": "none"}, headers={"idempotency-key": "another-key"}
    )
    assert refused.status_code == 404
    assert len(await web.headend.store.audit.rows()) == row.number


async def test_the_document_names_every_route_with_its_errors(web):
    document = (await (await web.browser()).get("/api/v1/openapi.json")).json()
    assert len(document["paths"]) >= 18
    for path, operations in document["paths"].items():
        assert path.startswith("/api/v1/"), path
        for operation in operations.values():
            assert {"400", "401", "429"} <= operation["responses"].keys(), path
    assert "Idempotency-Key" in json.dumps(document["paths"]["/api/v1/commands"]["post"])


#: Answered in forms of their own, or never ending: test_api_own_forms.py hunts them.
OWN_FORMS = ("/api/v1/payments", "/api/v1/cim", "/api/v1/events/stream")
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance]


def hunt(url, token):
    """Generated calls of every route, good and bad; how many there were."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    calls = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in OWN_FORMS:
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def answered_as_described(case):
            nonlocal calls
            calls += 1
            case.call_and_validate(headers={"authorization": f"Bearer {token}"}, checks=CHECKS)

        answered_as_described()
    return calls


async def test_no_generated_call_breaks_the_server_or_the_document(tmp_path):
    async with open_house(tmp_path, listen="127.0.0.1:0") as headend, serving(headend) as served:
        token = await headend.store.tokens.add("test", frozenset(SCOPES), "", 1_000_000, "test")
        assert await asyncio.to_thread(hunt, served.url, token) > 150
        assert (await headend.store.check()).ok
