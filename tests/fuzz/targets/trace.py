"""`headend trace`: any octets in any form, strict and tolerant, become JSON or a DecodeError."""

import json
from contextlib import suppress

from headend.dlms.errors import DecodeError
from headend.dlms.security import KeyContext
from headend.dlms.trace import Form, KeyRing, TraceKey, Tracer, guess, trace

KEYS = (
    TraceKey(KeyContext(bytes.fromhex("000102030405060708090a0b0c0d0e0f"), bytes(range(0xD0, 0xE0)))),
    TraceKey(KeyContext(bytes.fromhex("101112131415161718191a1b1c1d1e1f")), bytes.fromhex("5341475905e6a313")),
)

SHARE = 1
LONGEST = 256


def run(octets: bytes) -> None:
    for strict in (True, False):
        tracer = Tracer(strict=strict, keys=KeyRing(KEYS))
        if octets:
            assert guess(octets, tracer) is not Form.AUTO
        for form in Form:
            with suppress(DecodeError):
                json.dumps(trace(octets, form, tracer))
