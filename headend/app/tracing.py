"""Recorded visits as trees, opened with the meter's keys where the asker may; no secret is in what is shown."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import field, frozen

from headend.app.wiring import Headend
from headend.dlms import trace as tracing
from headend.dlms.errors import DecodeError
from headend.dlms.security import KeyContext
from headend.dlms.trace import KeyRing, TraceKey, Tracer
from headend.dlms.trace.flows import HdlcFlow, WrapperFlow, flow_of
from headend.dlms.trace.tree import Node, tree_of
from headend.session.ports import KeySet
from headend.storage.keys import ROLES
from headend.storage.traces import StoredTrace
from headend.transport.recording import Piece

_HIDDEN: Final = "(not shown)"
#: A shorter secret is found in octets that have nothing to do with it.
_SHORTEST: Final = 4
#: Messages of one visit that are shown.
_MOST_MESSAGES: Final = 400


@frozen
class Message:
    """One message of a visit: `after` seconds from its begin; `names` the APDUs inside it, the outermost first."""

    after: float
    sent: bool
    octets: int
    names: tuple[str, ...]
    tree: tuple[Node, ...] = field(repr=False)
    fault: str | None = None


@frozen
class Trace:
    """A recorded visit to be shown; `cut`: there was more than is kept, or than is shown."""

    id: int
    at: datetime
    asked_by: str
    octets: int
    cut: bool
    deciphered: bool
    messages: tuple[Message, ...]
    took: timedelta


async def shown(headend: Headend, serial: str, stored: StoredTrace, *, decipher: bool) -> Trace:
    """A stored trace as a tree."""
    known = [found for role in ROLES if (found := await headend.store.keys.keys(serial, role)) is not None]
    tracer = Tracer(strict=False, keys=KeyRing(tuple(_given(known)) if decipher else ()))
    messages = []
    for piece, octets in _whole(stored.pieces):
        tracer.joiner.conversation = frozenset((str(piece.line),))
        messages.append(_message(piece, octets, tracer, _secrets(known, tracer)))
        if len(messages) >= _MOST_MESSAGES:
            break
    last = stored.pieces[-1].at if stored.pieces else 0.0
    return Trace(
        stored.id,
        stored.at,
        stored.asked_by,
        stored.octets,
        stored.cut or len(messages) >= _MOST_MESSAGES,
        decipher,
        tuple(messages),
        timedelta(seconds=last),
    )


def _given(known: Iterable[KeySet]) -> Iterator[TraceKey]:
    for each in known:
        if each.encryption is not None:
            yield TraceKey(KeyContext(each.encryption, each.authentication or b""))


def _secrets(known: Iterable[KeySet], tracer: Tracer) -> list[bytes]:
    """What must not be seen: keys and passwords of the meter, and the dedicated keys that the visit made."""
    found = [each for keys in known for each in (keys.encryption, keys.authentication, keys.secret)]
    return [each for each in (*found, *tracer.keys.dedicated) if each is not None and len(each) >= _SHORTEST]


def _whole(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, bytes]]:
    """Messages put together from octets as they came, each with the piece that made it whole."""
    flows: dict[tuple[int, bool], WrapperFlow | HdlcFlow | None] = {}
    for piece in pieces:
        way = (piece.line, piece.sent)
        if flows.get(way) is None:
            flows[way] = flow_of(piece.octets)
        flow = flows[way]
        if flow is None:
            yield piece, piece.octets
        else:
            yield from ((piece, message) for message in flow.feed(piece.octets))


def _message(piece: Piece, octets: bytes, tracer: Tracer, secrets: list[bytes]) -> Message:
    try:
        (fields, *_) = tracing.trace(octets, tracing.Form.AUTO, tracer)
    except DecodeError as error:
        return Message(piece.at, piece.sent, len(octets), (), (), error.reason)
    # An InitiateRequest makes its dedicated key known while it is read.
    fields = conceal(fields, [*secrets, *tracer.keys.dedicated])
    fault = fields.pop("fault", None)
    reason = None if fault is None else str(fault["reason"])
    return Message(piece.at, piece.sent, len(octets), tuple(_names(fields)), tuple(tree_of(fields)), reason)


def conceal(fields: dict[str, Any], secrets: Iterable[bytes]) -> dict[str, Any]:
    """A traced message without passwords, dedicated keys, and any of these secrets, wherever they stand."""
    written = [text for each in secrets for text in (each.hex(), _as_text(each)) if text]
    return dict(_concealed(fields, written))


def _concealed(value: Any, written: list[str]) -> Any:  # noqa: ANN401  any part of a trace
    match value:
        case dict():
            return {key: _HIDDEN if _secret(key, value) else _concealed(each, written) for key, each in value.items()}
        case list():
            return [_concealed(each, written) for each in value]
        case str() if any(text in value for text in written):
            return _HIDDEN
        case _:
            return value


def _secret(key: str, around: dict[str, Any]) -> bool:
    """Whether a field is one by its name: the password of a low-security association, a dedicated key."""
    if key == "dedicated_key":
        return True
    return key == "calling_authentication_value" and str(around.get("mechanism_name", "")).endswith(".1")


def _as_text(secret: bytes) -> str:
    return secret.decode("ascii") if secret.isascii() and secret.decode("ascii").isprintable() else ""


def _names(value: Any) -> Iterator[str]:  # noqa: ANN401  any part of a trace
    if isinstance(value, dict):
        name = value.get("apdu")
        if isinstance(name, str) and not _is_hex(name):
            yield name
        for each in value.values():
            yield from _names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)


def _is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and all(each in "0123456789abcdef" for each in text)
