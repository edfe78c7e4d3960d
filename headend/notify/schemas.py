"""What each kind of event carries, as JSON Schemas (draft 2020-12) of the messages that go out over MQTT.

A field that is named here is always there; further ones may come with a later version, and a subscriber passes them
over. Amounts are paise, times are UTC in ISO 8601.
"""

from collections.abc import Mapping
from typing import Any, Final

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_TYPES: Final[Mapping[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "text?": {"type": ["string", "null"]},
    "number": {"type": "integer"},
    "number?": {"type": ["integer", "null"]},
    "share": {"type": "number"},
    "flag": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "time?": {"type": ["string", "null"], "format": "date-time"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "by language": {"type": "object", "additionalProperties": {"type": "string"}},
    "object": {"type": "object"},
    "list": {"type": "array"},
    "any": {},
}

_COMMAND: Final = "id:number target:text origin:text cause:text reason:text requested_by:text note:text"
_TOPUP: Final = "id:number amount:number attempts:number note:text"
_DECISION: Final = "reason:text would:text? command:number?"
_RELAY: Final = "control_state:number control_mode:number command:number?"
_CORRECTION: Final = (
    "id:number kind:text amount:number reverses:number? reason:text proposed_by:text by:text entry:number?"
)
_VISIT: Final = "outcome:text text:text"
_SWITCH: Final = "on:flag by:text"
_IMPORT: Final = "added:number changed:number"
_PUSH: Final = "setup:text clock:time? authenticated:flag values:object"
_WORK: Final = "id:number kind:text office:text"
_DISK: Final = "used_share:share free_bytes:number begins_at:share"
_ROUND: Final = "round:number schedule:text slot:any by:text"
_DEVICE: Final = "what:text before:text after:text severity:text office:text"

#: What happened, and its fields; a name that ends in `.*` stands for several kinds of one shape.
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "account.recharged": ("A payment was booked.", "amount:number payment_id:text source:text balance:number"),
    "account.protected": ("Why a consumer is never cut was changed.", "before:text? after:text? by:text"),
    "account.instalments": (
        "Arrears are paid in parts.",
        "plan:number total:number instalments:any reason:text by:text",
    ),
    "calendar.*": (
        "Hours or days without cuts were added (closed), lifted (opened), or stay after all (kept).",
        "id:number office:text what:text reason:text by:text",
    ),
    "channel.away": ("A provider of messages can't be reached.", "channel:text reason:text"),
    "channel.back": ("A provider of messages is there again.", "channel:text reason:text"),
    "cim.replied": ("A message of another system was answered for good.", "source:text message_id:text result:text"),
    "cim.reply_failed": ("The answer to another system was given up.", "source:text message_id:text error:text"),
    "clock.set": ("A meter's clock was set.", ""),
    "clock.off": ("A meter's clock is off and was not set.", ""),
    "collection.given_up": ("A meter was not reached in a round.", "outcome:text failures:number office:text"),
    "command.*": ("A relay command stands where the last level says.", _COMMAND),
    "command.refused": ("A rule refused a relay command.", "target:text cause:text reason:text"),
    "complaint.opened": ("A consumer complained.", "id:number kind:text office:text subject:text"),
    "complaint.closed": ("A complaint was closed.", "id:number kind:text office:text by:text"),
    "consumer.email_changed": ("Where notices go by e-mail was changed.", "by:text known:flag"),
    "consumer.logged_in": ("A consumer came into the portal.", "by:text"),
    "consumer.registered": ("A consumer came into the portal for the first time.", "by:text"),
    "consumer.password_set": ("A consumer set a password.", ""),
    "consumer.number_asked": (
        "A change of mobile number was asked for.",
        "change:number by:text office:text after:text",
    ),
    "consumer.number_changed": ("A mobile number was changed.", "change:number by:text"),
    "consumer.number_code_wrong": ("A wrong one-time password.", "change:number by:text tries_left:number"),
    "consumer.unreachable": ("Messages do not reach a consumer.", "office:text channel:text undelivered:number"),
    "consumers.imported": ("Consumers were imported.", _IMPORT),
    "correction.*": ("A correction of the ledger was proposed, approved or rejected.", _CORRECTION),
    "decision.*": ("An account was decided on; the last level is the decision.", _DECISION),
    "energy.*": ("Energy was not charged; the last level says why.", ""),
    "worker.died": (
        "A process that visits was lost and is replaced.",
        "worker:number pid:number host:text why:text unknown_commands:number",
    ),
    "gap.lost": ("Intervals can't be had any more.", "profile:text since:time until:time office:text"),
    "inventory.added": ("A meter was added.", ""),
    "inventory.imported": ("Meters were imported.", _IMPORT),
    "keys.imported": ("Keys were imported.", "entries:number"),
    "keys.*": ("Keys were changed; none is told.", ""),
    "ledger.booked": (
        "A person booked money.",
        "kind:text amount:number reference:text reason:text by:text balance:number",
    ),
    "ledger.conflict": ("An entry contradicts a booked one.", "kind:text reference:text amount:number error:text"),
    "meter.event": (
        "A meter logged something.",
        "code:number name:text type:text severity:text office:text started:time? ended:time?",
    ),
    "meter.*": ("What a meter tells of itself was changed.", _DEVICE),
    "notice.written": ("A notice to a consumer.", "kind:text key:text language:text mobile:text? texts:by language"),
    "notice.delivered": ("A message reached its consumer.", "delivery:number kind:text channel:text"),
    "notice.failed": (
        "A message did not reach its consumer.",
        "delivery:number kind:text channel:text office:text sends:number reason:text?",
    ),
    "notice.retried": ("A message goes out once more.", "delivery:number kind:text channel:text by:text"),
    "office.mode": ("The mode of an office was changed.", "office:text mode:text by:text"),
    "office.mode_proposed": ("A second person is asked for a mode.", "id:number office:text mode:text by:text"),
    "payment.*": ("An online payment stands where the last level says.", ""),
    "policy.first": ("The first rules of this database.", "name:text digest:text"),
    "policy.changed": ("Other rules are in force.", "name:text digest:text before:text? changed:any"),
    "policy.list_approved": ("A list of cuts was approved.", "digest:text by:text released:any struck:any left:any"),
    "policy.list_approved_first": (
        "A list of cuts waits for a second person.",
        "digest:text by:text cuts:number strike:list",
    ),
    "push.alert": ("A meter pushed an alert.", f"{_PUSH} alerts:texts"),
    "push.event": ("A meter pushed an event.", _PUSH),
    "push.received": ("A meter pushed values.", _PUSH),
    "push.refused": ("A push was refused.", "peer:text text:text"),
    "reading.conflict": ("A value contradicts a stored one.", "object:text at:time kept:any came:any"),
    "reading.refused": ("Rows could not be taken.", _VISIT),
    "reconnect.verified": ("Supply is back, read at the meter.", "command:number cause:text latency_ms:number"),
    "relay.connected": ("A relay was seen closed.", _RELAY),
    "relay.disconnected": ("A relay was seen open.", _RELAY),
    "round.*": ("A round of visits was steered.", _ROUND),
    "schedule.resumed": ("A schedule goes on.", "schedule:text by:text"),
    "schedule.suspended": ("A schedule rests.", "schedule:text by:text"),
    "security.*": ("Something that concerns keys or identities.", ""),
    "store.restored": ("The database is a restored backup.", "backup_at:any"),
    "store.retention": ("What is kept long enough was removed.", "removed:object"),
    "store.shedding": ("The disk is nearly full: profiles are left out.", _DISK),
    "store.shedding_ended": ("The disk has space again.", _DISK),
    "switch.*": ("The arming or the kill switch was changed.", _SWITCH),
    "topup.*": ("Money on its way to a meter that keeps the account.", _TOPUP),
    "visit.failed": ("A meter could not be visited.", _VISIT),
    "visit.recovered": ("A meter is visited again.", _VISIT),
    "wrong_meter": ("Another meter is behind an address.", ""),
    "work.opened": ("Something for the office to do.", _WORK),
    "work.closed": ("It is done.", _WORK),
}


def known_as(kind: str) -> str | None:
    """The name in KINDS that describes a kind of event; None for one that nothing describes."""
    if kind in KINDS:
        return kind
    family = f"{kind.partition('.')[0]}.*"
    return family if family in KINDS else None


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of the messages of a kind; for one that is not described, what all messages have."""
    name = known_as(kind)
    title, fields = KINDS[name] if name is not None else ("Something happened.", "")
    data = dict(field.rpartition(":")[::2] for field in _split(fields))
    return {
        "$schema": DIALECT,
        "$id": f"urn:headend:event:{kind}",
        "title": title,
        "type": "object",
        "required": ["number", "at", "kind", "meter", "consumer_no", "data"],
        "properties": {
            "number": {"type": "integer", "minimum": 1, "description": "Rises by commit; drop what you have seen."},
            "at": _TYPES["time"],
            "kind": _kind(kind, name),
            "meter": {"type": ["string", "null"], "description": "Serial number."},
            "consumer_no": {"type": ["string", "null"], "pattern": "^[0-9]{11}$"},
            "data": {
                "type": "object",
                "required": sorted(data),
                "properties": {field: _TYPES[kind_of] for field, kind_of in data.items()},
            },
        },
    }


def _kind(kind: str, name: str | None) -> dict[str, Any]:
    if kind.endswith(".*"):
        return {"type": "string", "pattern": f"^{kind[:-2]}\\."}
    return {"const": kind} if name is not None else {"type": "string"}


def _split(fields: str) -> list[str]:
    """`a:text b:by language` at each blank before a new name: a type may have a blank of its own."""
    parts: list[str] = []
    for word in fields.split():
        if ":" in word:
            parts.append(word)
        else:
            parts[-1] += f" {word}"
    return parts
