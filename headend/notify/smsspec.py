"""How one SMS gateway wants to be spoken to, as data: requests as templates, answers as fields to look at.

Placeholders: {to} {text} {sender} {entity} {template} {reference} {coding} {parts} {secret}, and {id} where a receipt
is asked for. In a URL they are quoted; an unknown one is refused when the configuration is read.
"""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from attrs import field, frozen

from headend.notify.model import NoticeKind
from headend.notify.outgoing import Later, Outcome, Receipt, ReceiptState, Refused, Taken
from headend.notify.sms import sms_size

PLACEHOLDERS: Final = frozenset(
    {"to", "text", "sender", "entity", "template", "reference", "coding", "parts", "secret"}
)
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
#: Answers of this status say that the gateway is overloaded or out of order, not that the message is wrong.
_TRY_LATER: Final = frozenset({408, 425, 429})
_LONGEST_REASON: Final = 120

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@frozen
class HttpRequest:
    """A request as the client sends it; of `json`, `form` and `content` at most one is set."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    json: Json = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)


@frozen
class ReceiptSpec:
    """How receipts come: `url` is polled, or None where the gateway calls back. Fields as in SmsSpec."""

    url: str | None = None
    method: str = "GET"
    id: str = "id"
    state: str = "status"
    delivered: frozenset[str] = frozenset({"delivered"})
    failed: frozenset[str] = frozenset({"failed", "undelivered", "rejected", "expired"})
    error: str = "error"
    bad_number: frozenset[str] = frozenset()


@frozen
class SmsSpec:
    """One gateway. Fields of answers are paths (`result.0.id`); values are compared as text.

    `accepted` empty: any answer of status 2xx is one. `retry` and `bad_number` are values of the field `error`.
    `templates`: the DLT template id of each kind and language; `entity`: the principal entity's.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    json: Json = None
    form: Mapping[str, str] | None = None
    sender: str = ""
    entity: str = ""
    templates: Mapping[tuple[NoticeKind, str], str] = field(factory=dict)
    prefix: str = "91"
    text_coding: str = "text"
    unicode_coding: str = "unicode"
    max_parts: int = 4
    state: str = "status"
    accepted: frozenset[str] = frozenset()
    id: str = "id"
    error: str = "error"
    retry: frozenset[str] = frozenset()
    bad_number: frozenset[str] = frozenset()
    receipts: ReceiptSpec | None = None
    secret: str | None = field(default=None, repr=False)

    def unknown_placeholders(self) -> set[str]:
        """Names between braces that stand for nothing here."""
        sent = {name for part in (self.url, self.headers, self.json, self.form) for name in _names(part)}
        asked = _names(self.receipts.url) if self.receipts is not None else set()
        return (sent - PLACEHOLDERS) | (asked - PLACEHOLDERS - {"id"})

    def request(self, to: str, text: str, kind: NoticeKind, language: str, reference: str) -> HttpRequest | Refused:
        """The request that sends a text to a mobile number of ten digits, or why it can't be sent."""
        size = sms_size(text)
        if size.parts > self.max_parts:
            return Refused(f"takes {size.parts} text messages, at most {self.max_parts} are sent")
        template = self.templates.get((kind, language), "")
        if self.entity and not template:
            return Refused(f"no DLT template id is configured for {kind} in {language}")
        values = {
            "to": f"{self.prefix}{to[-10:]}",
            "text": text,
            "sender": self.sender,
            "entity": self.entity,
            "template": template,
            "reference": reference,
            "coding": self.unicode_coding if size.unicode else self.text_coding,
            "parts": str(size.parts),
            "secret": self.secret or "",
        }
        return HttpRequest(
            self.method,
            _in_url(self.url, values),
            {name: _filled(value, values) for name, value in self.headers.items()},
            _filled_json(self.json, values),
            None if self.form is None else {name: _filled(value, values) for name, value in self.form.items()},
        )

    def outcome(self, status: int, body: str) -> Outcome:
        """What the answer to a request says."""
        answer = _parsed(body)
        state, error = _at(answer, self.state), _at(answer, self.error)
        reason = _reason(status, state, error)
        if status in _TRY_LATER or status >= 500 or (error and error in self.retry):
            return Later(reason)
        if 200 <= status < 300 and (not self.accepted or state in self.accepted):
            return Taken(_at(answer, self.id) or None)
        return Refused(reason, bad_address=bool(error) and error in self.bad_number)

    def question(self, provider_id: str) -> HttpRequest | None:
        """The request that asks what became of a message, None where the gateway calls back."""
        if self.receipts is None or self.receipts.url is None:
            return None
        values = {"id": provider_id, "secret": self.secret or "", "sender": self.sender, "entity": self.entity}
        headers = {name: _filled(value, values) for name, value in self.headers.items()}
        return HttpRequest(self.receipts.method, _in_url(self.receipts.url, values), headers)

    def answered(self, provider_id: str, status: int, body: str) -> Receipt | None:
        """The receipt in the answer to a question, None when there is none in it."""
        if self.receipts is None or not 200 <= status < 300:
            return None
        answer = _parsed(body)
        return _receipt(self.receipts, provider_id, _at(answer, self.receipts.state), _at(answer, self.receipts.error))

    def called_back(self, fields: Mapping[str, str]) -> Receipt | None:
        """The receipt in the fields of a call of the gateway (of its query, form or JSON), None when there is none."""
        if self.receipts is None or not fields.get(self.receipts.id):
            return None
        spec = self.receipts
        return _receipt(spec, fields[spec.id], fields.get(spec.state, ""), fields.get(spec.error, ""))


def _receipt(spec: ReceiptSpec, provider_id: str, state: str, error: str) -> Receipt:
    if state in spec.delivered:
        return Receipt(provider_id, ReceiptState.DELIVERED)
    if state in spec.failed:
        bad = bool(error) and error in spec.bad_number
        return Receipt(provider_id, ReceiptState.FAILED, (error or state)[:_LONGEST_REASON], bad)
    return Receipt(provider_id, ReceiptState.PENDING)


def _parsed(body: str) -> Json:
    try:
        parsed: Json = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed


def _at(value: Json, path: str) -> str:
    """The text at a path such as `result.0.id`, empty where there is none."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _reason(status: int, state: str, error: str) -> str:
    told = error or state
    text = f"status {status}: {told}" if told else f"status {status}"
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_LONGEST_REASON]


def _names(part: Json | Mapping[str, str]) -> set[str]:
    if isinstance(part, str):
        return set(_PLACEHOLDER.findall(part))
    if isinstance(part, Mapping):
        return {name for value in part.values() for name in _names(value)}
    if isinstance(part, list):
        return {name for value in part for name in _names(value)}
    return set()


def _filled(text: str, values: Mapping[str, str]) -> str:
    """One pass over the template, so that what a value holds is never taken for a placeholder."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _in_url(text: str, values: Mapping[str, str]) -> str:
    return _filled(text, {name: quote(value, safe="") for name, value in values.items()})


def _filled_json(part: Json, values: Mapping[str, str]) -> Json:
    if isinstance(part, str):
        return _filled(part, values)
    if isinstance(part, dict):
        return {name: _filled_json(value, values) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled_json(value, values) for value in part]
    return part
