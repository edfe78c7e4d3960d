"""A stand-in for an SMS gateway over HTTP: it takes, refuses, delays, loses, and reports late or never.

`POST /send` with JSON `to`, `text`, `sender`, `entity`, `template`, `reference`, `coding` answers
`{"status": "accepted", "id": ...}` or `{"status": "rejected", "error": ...}`; the same reference is taken once.
`GET /status/<id>` answers `{"id", "status": "pending" | "delivered" | "failed", "error"}`; with a callback address
the same goes there as a form. `GET /messages` shows what was taken. With a token, a call needs `Authorization: Bearer`.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from attrs import define, field, frozen

#: What a real gateway refuses by itself, before any network sees it.
_NUMBER_DIGITS: Final = 12
_DLT_DIGITS: Final = 19
_LONGEST_REQUEST: Final = 65_536
_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
#: The share of failed messages whose number does not exist; the other phones are off.
_UNKNOWN_NUMBERS: Final = 0.3


@frozen
class Behaviour:
    """Shares from 0 to 1 of what goes wrong; `delay_s` of each answer, `receipt_s` from taking to the receipt.

    `lose_before`: the call is dropped unread; `lose_after`: taken, and the answer dropped; `silent`: no receipt comes.
    """

    reject: float = 0.0
    throttle: float = 0.0
    lose_before: float = 0.0
    lose_after: float = 0.0
    fail: float = 0.0
    silent: float = 0.0
    delay_s: float = 0.0
    receipt_s: float = 1.0


@define
class Message:
    """A message that was taken. `fate`: delivered, absent, unknown_number, or silent."""

    id: str
    to: str
    text: str
    sender: str
    template: str
    reference: str
    taken_at: float
    fate: str
    receipt_s: float


#: What is to happen to a number of ten digits, call by call: `accept`, `reject`, `unknown_number`, `absent`, `silent`,
#: `throttle`, `lose_before`, `lose_after`; once the list is used up, the behaviour decides.
Script = dict[str, list[str]]


@define(eq=False)
class SmsGateway:
    """The gateway; `clock` tells seconds, `chance` decides, both handed in."""

    behaviour: Behaviour
    clock: Callable[[], float]
    chance: random.Random
    token: str | None = field(default=None, repr=False)
    callback: str | None = None
    require_dlt: bool = False
    script: Script = field(factory=dict)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    messages: dict[str, Message] = field(init=False, factory=dict)
    calls: int = field(init=False, default=0)
    port: int = field(init=False, default=0)
    _by_reference: dict[str, str] = field(init=False, factory=dict)
    _server: asyncio.Server | None = field(init=False, default=None)
    _calling: set[asyncio.Task[None]] = field(init=False, factory=set)
    _open: set[asyncio.StreamWriter] = field(init=False, factory=set)

    async def listen(self, host: str, port: int) -> int:
        """Take calls on a port, 0 for any free one; the port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_LONGEST_REQUEST)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def close(self) -> None:
        """Take no more calls, and drop those that are open."""
        if self._server is not None:
            self._server.close()
        for task in self._calling:
            task.cancel()
        for writer in tuple(self._open):
            writer.close()
        await asyncio.gather(*self._calling, return_exceptions=True)

    def status(self, message_id: str) -> dict[str, str]:
        """What a status call answers."""
        message = self.messages[message_id]
        due = self.clock() - message.taken_at >= message.receipt_s
        if not due or message.fate == "silent":
            return {"id": message_id, "status": "pending", "error": ""}
        if message.fate == "delivered":
            return {"id": message_id, "status": "delivered", "error": ""}
        return {"id": message_id, "status": "failed", "error": message.fate}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                answer = await self._answer(*request)
                if answer is None:
                    break
                status, body = answer
                writer.write(_response(status, body))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # a caller that breaks off or talks nonsense is dropped
        finally:
            self._open.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]] | None:
        self.calls += 1
        if self.behaviour.delay_s:
            await self.sleep(self.behaviour.delay_s)
        if self.token is not None and headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"status": "rejected", "error": "bad_token"}
        match method, path.strip("/").split("/"):
            case "POST", ["send"]:
                return self._send(json.loads(body))
            case "GET", ["status", message_id] if message_id in self.messages:
                return 200, self.status(message_id)
            case "GET", ["messages"]:
                shown = [{"to": each.to, "text": each.text, "id": each.id} for each in self.messages.values()]
                return 200, {"messages": shown}
            case _:
                return 404, {"status": "rejected", "error": "not_found"}

    def _send(self, fields: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        wrong = self._wrong(fields)
        if wrong is not None:
            return 400, {"status": "rejected", "error": wrong}
        planned = self.script.get(str(fields["to"])[-10:])
        step = planned.pop(0) if planned else self._step()
        if step == "lose_before":
            return None
        if step == "throttle":
            return 429, {"status": "rejected", "error": "throttled"}
        if step == "reject":
            return 200, {"status": "rejected", "error": "blocked"}
        message_id = self._take(fields, step)
        return None if step == "lose_after" else (200, {"status": "accepted", "id": message_id})

    def _step(self) -> str:
        mood = self.behaviour
        for step in ("lose_before", "throttle", "reject", "lose_after", "silent"):
            if self.chance.random() < getattr(mood, step):
                return step
        if self.chance.random() < mood.fail:
            return "unknown_number" if self.chance.random() < _UNKNOWN_NUMBERS else "absent"
        return "accept"

    def _wrong(self, fields: dict[str, Any]) -> str | None:
        to, text = str(fields.get("to", "")), str(fields.get("text", ""))
        if not to.isdecimal() or len(to) != _NUMBER_DIGITS:
            return "invalid_number"
        if not text:
            return "empty"
        if fields.get("coding") != "unicode" and any(ord(letter) > 0x7F for letter in text):
            return "coding"
        if self.require_dlt and not all(
            str(fields.get(name, "")).isdecimal() and len(str(fields[name])) == _DLT_DIGITS
            for name in ("entity", "template")
        ):
            return "dlt"
        return None

    def _take(self, fields: dict[str, Any], step: str) -> str:
        reference = str(fields.get("reference", ""))
        known = self._by_reference.get(reference)
        if reference and known is not None:
            return known
        message_id = f"M{len(self.messages) + 1:06}"
        fate = step if step in ("silent", "absent", "unknown_number") else "delivered"
        self.messages[message_id] = Message(
            id=message_id,
            to=str(fields["to"]),
            text=str(fields["text"]),
            sender=str(fields.get("sender", "")),
            template=str(fields.get("template", "")),
            reference=reference,
            taken_at=self.clock(),
            fate=fate,
            receipt_s=self.behaviour.receipt_s,
        )
        self._by_reference[reference] = message_id
        if self.callback is not None and fate != "silent":
            task = asyncio.create_task(self._call_back(message_id))
            self._calling.add(task)
            task.add_done_callback(self._calling.discard)
        return message_id

    async def _call_back(self, message_id: str) -> None:
        await self.sleep(self.messages[message_id].receipt_s)
        place = urlsplit(self.callback or "")
        form = urlencode(self.status(message_id))
        head = f"POST {place.path or '/'} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write((head + form).encode())
            await reader.read()
            writer.close()


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes] | None:
    """One request, None at the end of the connection; ValueError for one that is too long or none."""
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (text := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LONGEST_REQUEST:
        raise ValueError("a request is at most 64 KiB long")
    return method, path, headers, await reader.readexactly(length)


def _response(status: int, body: dict[str, Any]) -> bytes:
    text = json.dumps(body, ensure_ascii=False).encode()
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text
