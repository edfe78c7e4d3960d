"""What the hunt in test_api.py leaves out: signed payments, XML, and the stream that never ends."""

import asyncio
import contextlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import jsonschema
import pytest
import requests
import schemathesis
import xmlschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office_house import CONSUMERS, open_house
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headend.app.serving import serving
from headend.interchange.signing import HEADER, sign
from headend.web.scopes import SCOPES

SECRET = "a-secret-of-thirty-two-characters"
EXTRA = '[payments]\nsecret_file = "payments.secret"\n'
PAYMENTS, CIM, STREAM = "/api/v1/payments", "/api/v1/cim", "/api/v1/events/stream"
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance]
SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "interchange" / "schemas" / "message.xsd")
MOST = 1 << 20


def bounded(most):
    return settings(
        max_examples=most, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


class Signed(requests.auth.AuthBase):
    """Signs whatever octets a request ends up with, as a gateway does."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers[HEADER] = sign(SECRET, body, datetime.now(UTC))
        return request


class Doors:
    """A served house: `operation` of its document, `headers` of a token, and the statuses that were answered."""

    def __init__(self, url, token):
        self.url = url
        self.headers = {"authorization": f"Bearer {token}"}
        self.schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
        self.seen = set()

    def operation(self, path, method):
        return self.schema[path][method]

    def post(self, path, body, *, checks=CHECKS, **more):
        """A raw body, its answer checked against the document."""
        answer = requests.post(f"{self.url}{path}", data=body, timeout=30, **more)
        self.operation(path, "POST").Case().validate_response(answer, checks=checks)
        self.seen.add(answer.status_code)
        if answer.headers["content-type"].startswith("application/xml"):
            SCHEMA.validate(answer.text)
        elif answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
        return answer


@contextlib.asynccontextmanager
async def doors(folder):
    secret = folder / "payments.secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    async with open_house(folder, listen="127.0.0.1:0", extra=EXTRA) as headend, serving(headend) as served:
        token = await headend.store.tokens.add("test", frozenset(SCOPES), "", 1_000_000, "test")
        yield headend, await asyncio.to_thread(Doors, served.url, token)
        assert (await headend.store.check()).ok


def pay(number, payment_id="P-1", amount=50000):
    return {"payment_id": payment_id, "consumer_no": number, "amount_paise": amount}


def hunt_payments(found):
    operation = found.operation(PAYMENTS, "POST")

    @given(case=operation.as_strategy(), number=st.sampled_from([None, *CONSUMERS.values()]), signed=st.booleans())
    @bounded(60)
    def answered_as_described(case, number, signed):
        body = case.body
        if number is not None and isinstance(body, dict):
            rows = body.get("payments")
            for row in [body, *(rows if isinstance(rows, list) else [])]:
                if isinstance(row, dict) and "consumer_no" in row:
                    row["consumer_no"] = number
        answer = case.call_and_validate(checks=CHECKS, **({"auth": Signed()} if signed else {}))
        assert (answer.status_code == 401) is not signed
        found.seen.add(answer.status_code)

    @given(body=st.binary(max_size=80) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
    @bounded(25)
    def rubbish_is_refused(body):
        assert found.post(PAYMENTS, body, auth=Signed()).status_code in (400, 422)

    answered_as_described()
    rubbish_is_refused()
    number, other = CONSUMERS["E1"], CONSUMERS["E2"]
    for body, status in (
        (pay(number), 200),
        (pay(number), 200),
        (pay(other), 409),
        (pay("99999999999", "P-2"), 404),
        (pay(number, "P-2", 0), 422),
        ({"payments": [pay(number), pay(other, "P-3")]}, 200),
        ({"payments": [pay(number), pay(other), {"payment_id": 1}]}, 207),
        ({"payments": []}, 400),
    ):
        assert found.post(PAYMENTS, json.dumps(body), auth=Signed()).status_code == status, body
    assert found.post(PAYMENTS, b" " * (MOST + 1), auth=Signed()).status_code == 413
    longest = json.dumps(pay(number)).encode()
    assert found.post(PAYMENTS, longest + b" " * (MOST - len(longest)), auth=Signed()).status_code == 200


async def test_payments_signed_and_unsigned_are_answered_as_described(tmp_path):
    async with doors(tmp_path) as (headend, found):
        await asyncio.to_thread(hunt_payments, found)
        assert {200, 207, 400, 401, 404, 409, 413, 422} <= found.seen
        (tmp_path / "payments.secret").unlink()
        # What is wrong with our configuration is not the sender's fault: it sends again, and nothing is lost.
        body = json.dumps(pay(CONSUMERS["E1"]))
        answer = await asyncio.to_thread(found.post, PAYMENTS, body, checks=CHECKS[1:], auth=Signed())
        assert (answer.status_code, answer.json()["code"]) == (503, "not_configured")
        assert str(tmp_path) not in answer.text
        entries = await headend.store.accounts.ledger(CONSUMERS["E1"], 1000)
        assert [each.amount for each in entries if each.reference == "P-1"] == [50000]


HOSTILE = (
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "&b;",
    "<![CDATA[E1]]>",
    "<?php ?>",
    "\x00",
    "]]>",
    "<x>" * 20,
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "3.31.0.23",
)


@st.composite
def mutated(draw, example):
    """The example with some of its tags and texts left out, doubled, exchanged, or replaced."""
    parts = re.split(r"(<[^>]+>)", example)
    for _ in range(draw(st.integers(0, 3))):
        first, second = (draw(st.integers(0, len(parts) - 1)) for _ in "12")
        match draw(st.sampled_from(("drop", "double", "swap", "text", "hostile"))):
            case "drop":
                parts[first] = ""
            case "double":
                parts.insert(first, parts[first])
            case "swap":
                parts[first], parts[second] = parts[second], parts[first]
            case "text":
                parts[first] = escape(draw(st.text(st.characters(codec="utf-8"), max_size=300)))
            case "hostile":
                parts[first] = draw(st.sampled_from(HOSTILE))
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-16", "utf-7")))
    return "".join(parts).encode(encoding)


def described(found):
    """The example of the document, for a meter of this house and of now."""
    content = found.schema.raw_schema["paths"][CIM]["post"]["requestBody"]["content"]
    text = content["application/xml"]["examples"]["connect"]["value"]
    return text.replace("SN0001", "E1").replace("2026-11-24T10:15:00+05:30", datetime.now(UTC).isoformat())


def hunt_cim(found):
    example, headers = described(found), found.headers | {"content-type": "application/xml"}

    def sent(body):
        return found.post(CIM, body, headers=headers)

    @given(body=mutated(example) | st.binary(max_size=60))
    @bounded(120)
    def answered_as_described(body):
        sent(body)

    first = [sent(example.encode()) for _ in "12"]
    assert [each.status_code for each in first] == [200, 200]
    assert all("<m:Result>OK</m:Result>" in each.text for each in first), first[0].text
    assert sent(example.replace("paid", "asked").encode()).status_code == 409
    answered_as_described()
    assert sent(b"<" * (MOST + 1)).status_code == 413
    assert found.post(CIM, example.encode()).status_code == 401


async def test_cim_messages_and_their_mutations_are_answered_as_described(tmp_path):
    async with doors(tmp_path) as (_, found):
        await asyncio.to_thread(hunt_cim, found)
        assert found.seen == {200, 400, 401, 409, 413}


def hunt_stream(found):
    operation = found.operation(STREAM, "GET")
    content = found.schema.raw_schema["paths"][STREAM]["get"]["responses"]

    @given(case=operation.as_strategy())
    @bounded(40)
    def begins_as_described(case):
        kwargs = case.as_transport_kwargs(headers=found.headers)
        with requests.request(**kwargs, stream=True, timeout=30) as answer:
            found.seen.add(answer.status_code)
            assert answer.headers["content-type"].partition(";")[0] in content[str(answer.status_code)]["content"]
            if answer.status_code == 200:
                assert re.match(rb"(: |id: |event: )", next(answer.iter_content(64)))
            else:
                case.validate_response(answer, checks=CHECKS)

    begins_as_described()
    for headers in ({}, {"Last-Event-ID": "0"}):
        with requests.get(f"{found.url}{STREAM}", headers=found.headers | headers, stream=True, timeout=30) as answer:
            assert next(answer.iter_content(64)).startswith(b"id: 1" if headers else b": nothing new")


async def test_the_stream_of_events_begins_as_described(tmp_path):
    async with doors(tmp_path) as (headend, found):
        await headend.store.switches.set_armed(on=True, by="test")
        await asyncio.to_thread(hunt_stream, found)
        assert found.seen == {200, 400}


def is_problem(document, path, method, answer):
    declared = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    assert answer.headers["content-type"] == "application/problem+json", (path, method)
    schema = declared["application/problem+json"]["schema"]
    jsonschema.validate(answer.json(), schema | {"components": document["components"]})
    assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("status", [401, 403, 413, 429])
async def test_every_operation_refuses_with_the_problem_that_it_declares(web, status):
    client = await web.system(() if status == 403 else tuple(SCOPES), per_minute=100_000)
    document = (await client.get("/api/v1/openapi.json")).json()
    if status == 401:
        client.headers.pop("authorization")
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if (status == 413 and "requestBody" not in operation) or (status != 413 and path == PAYMENTS):
                continue
            if status == 429:
                client = await web.system(per_minute=1)
                await client.get("/api/v1/coverage")
            body = {"content": b" " * (MOST + 1)} if status == 413 else {}
            headers = {"idempotency-key": "key-00000001", "content-type": "application/json"}
            answer = await client.request(method, re.sub(r"{\w+}", "1", path), headers=headers, **body)
            assert answer.status_code == status, (path, method)
            is_problem(document, path, method, answer)
            assert status != 429 or int(answer.headers["retry-after"]) > 0
            asked += 1
    assert asked >= (5 if status == 413 else 18)


async def test_an_address_without_a_token_is_slowed_down_with_a_problem(web):
    client = (await web.browser()).client
    document = (await client.get("/api/v1/openapi.json")).json()
    for _ in range(1000):
        answer = await client.post(PAYMENTS, content=b"{}")
        is_problem(document, PAYMENTS, "post", answer)
        if answer.status_code == 429:
            break
        assert answer.json()["code"] == "not_configured"
    assert int(answer.headers["retry-after"]) > 0
