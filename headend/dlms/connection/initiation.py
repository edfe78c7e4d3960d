"""AARQ, AARE, RLRQ and the initiate services as a client meets them in every visit, without taking them apart anew.

A client of one kind sends the same AARQ but for challenge, counter and ciphered octets, and nearly every meter answers
in the order of the standard. Both are made and read here in one step; whatever is different goes the general way, and
comes to the same.
"""

import re
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from headend.dlms.acse import ContextName, MechanismName
from headend.dlms.apdu import Aare, Aarq, InitiateRequest, InitiateResponse, Rlre, decode, encode
from headend.dlms.ber import tlv
from headend.dlms.enumerations import (
    ApplicationContext,
    AssociationResult,
    Authentication,
    Conformance,
    DiagnosticSource,
)

#: Lengths below this take one octet, and so stand where the patterns expect them.
_SHORT: Final = 0x80

_AARE: Final = re.compile(
    rb"\x61(?P<length>.)"
    rb"\xa1\x09\x06\x07\x60\x85\x74\x05\x08\x01(?P<context>[\x01-\x04])"
    rb"\xa2\x03\x02\x01(?P<result>[\x00-\x02])"
    rb"\xa3\x05\xa1\x03\x02\x01(?P<diagnostic>[\x00-\x7f])"
    rb"(?:\xa4\x0a\x04\x08(?P<title>.{8}))?"
    rb"(?P<requirements>\x88\x02\x07\x80)?"
    rb"(?:\x89\x07\x60\x85\x74\x05\x08\x02(?P<mechanism>[\x00-\x07]))?"
    rb"(?:\xaa(?P<outer>.)\x80(?P<inner>.)(?P<challenge>.{8,64}?))?"
    rb"\xbe(?P<around>.)\x04(?P<within>.)(?P<information>.+)",
    re.DOTALL,
)
_INITIATE_RESPONSE: Final = Struct(">7s3sHH")
_INITIATE_RESPONSE_HEAD: Final = bytes.fromhex("0800065f1f0400")
#: Reason: normal.
_NORMAL: Final = b"\x80\x01\x00"
#: Tag, length, reason, and the two tags and lengths of the user information.
_RLRE_HEAD: Final = 9
_CONTEXTS: Final = tuple(ApplicationContext)
_RESULTS: Final = tuple(AssociationResult)
_MECHANISMS: Final = tuple(Authentication)
_USER: Final = DiagnosticSource.ACSE_SERVICE_USER


@lru_cache(maxsize=256)
def initiate_request(conformance: Conformance, max_pdu_size: int) -> bytes:
    """An initiate request without a dedicated key."""
    return encode(InitiateRequest(conformance, max_pdu_size))


@lru_cache(maxsize=1024)
def _aarq_around(
    context: ApplicationContext, mechanism: Authentication | None, title: bytes | None, value: int | None, size: int
) -> tuple[bytes, bytes]:
    """What stands before and behind an authentication value of `value` octets, before information of `size`."""
    head = encode(Aarq(application_context=context, mechanism=mechanism, calling_ap_title=title))
    assert head[1] < _SHORT
    fields = head[2:]
    if value is not None:
        fields += tlv(0xAC, tlv(0x80, bytes(value)))
    whole = tlv(0x60, fields + tlv(0xBE, tlv(0x04, bytes(size))))
    whole = whole[: len(whole) - size]
    if value is None:
        return whole, b""
    behind = len(tlv(0xBE, tlv(0x04, bytes(size)))) - size
    return whole[: -behind - value], whole[-behind:]


def aarq(
    context: ApplicationContext,
    mechanism: Authentication | None,
    title: bytes | None,
    value: bytes | None,
    information: bytes,
) -> bytes:
    """An AARQ of these parts."""
    length = None if value is None else len(value)
    before, behind = _aarq_around(context, mechanism, title, length, len(information))
    return before + (value or b"") + behind + information


class _Kind(NamedTuple):
    """An AARE as some kind of meter sends it: all but title, challenge and user information is the same each time."""

    total: int
    before_information: bytes
    information: int
    application_context: ContextName
    result: AssociationResult
    diagnostic: int
    mechanism: MechanismName | None


class PlainAare(NamedTuple):
    """Of an AARE what an association rests on, under the names of `Aare`."""

    application_context: ContextName
    result: AssociationResult
    diagnostic: int
    diagnostic_source: DiagnosticSource
    user_information: bytes | None
    mechanism: MechanismName | None
    authentication_value: bytes | None
    responding_ap_title: bytes | None


#: By the octets around the title up to the challenge, the challenge's length included; a fleet has a handful.
_kinds: dict[bytes, _Kind] = {}
_MOST_KINDS: Final = 256
#: Where the title is, and where the challenge begins, when nothing is left out before it.
_TITLE: Final = 29
_BEHIND_TITLE: Final = 37
_CHALLENGE: Final = 54


def read_aare(octets: bytes) -> Aare | PlainAare | None:
    """The AARE, if it has the order and the lengths that nearly all have."""
    kind = _kinds.get(octets[:_TITLE] + octets[_BEHIND_TITLE:_CHALLENGE])
    if kind is not None and len(octets) == kind.total:
        at = kind.information
        before = kind.before_information
        if octets[at - len(before) : at] == before:
            return PlainAare(
                kind.application_context,
                kind.result,
                kind.diagnostic,
                _USER,
                octets[at:],
                kind.mechanism,
                octets[_CHALLENGE : at - len(before)],
                octets[_TITLE:_BEHIND_TITLE],
            )
    aare = _read_aare(octets)
    if aare is not None:
        _learn_kind(octets, aare)
    return aare


def _learn_kind(octets: bytes, aare: Aare) -> None:
    parts = (aare.responding_ap_title, aare.responder_acse_requirements, aare.mechanism)
    if None in parts or aare.user_information is None or aare.authentication_value is None:
        return
    if len(_kinds) >= _MOST_KINDS:
        _kinds.clear()
    information = len(octets) - len(aare.user_information)
    _kinds[octets[:_TITLE] + octets[_BEHIND_TITLE:_CHALLENGE]] = _Kind(
        len(octets),
        octets[_CHALLENGE + len(aare.authentication_value) : information],
        information,
        aare.application_context,
        aare.result,
        aare.diagnostic,
        aare.mechanism,
    )


def _read_aare(octets: bytes) -> Aare | None:
    found = _AARE.fullmatch(octets)
    if found is None:
        return None
    length, context, result, diagnostic, title, requirements, mechanism, outer, inner, challenge, *rest = found.groups()
    around, within, information = rest
    size = len(information)
    if (
        length[0] != len(octets) - 2
        or length[0] >= _SHORT
        or within[0] != size
        or around[0] != size + 2
        or (challenge is not None and (inner[0] != len(challenge) or outer[0] != len(challenge) + 2))
    ):
        return None
    return Aare(
        application_context=_CONTEXTS[context[0] - 1],
        result=_RESULTS[result[0]],
        diagnostic=diagnostic[0],
        user_information=information,
        mechanism=None if mechanism is None else _MECHANISMS[mechanism[0]],
        authentication_value=challenge,
        responding_ap_title=title,
        responder_acse_requirements=None if requirements is None else requirements[2:],
    )


def rlrq(information: bytes) -> bytes:
    """An RLRQ with reason normal and user information."""
    return _rlrq_head(len(information)) + information


@lru_cache(maxsize=256)
def _rlrq_head(size: int) -> bytes:
    whole = tlv(0x62, _NORMAL + tlv(0xBE, tlv(0x04, bytes(size))))
    return whole[: len(whole) - size]


def read_rlre(octets: bytes) -> Rlre | None:
    """The RLRE with user information, if it has the order and the lengths that nearly all have."""
    if octets[:_RLRE_HEAD] != _rlre_head(len(octets) - _RLRE_HEAD):
        return None
    return Rlre(user_information=octets[_RLRE_HEAD:])


@lru_cache(maxsize=256)
def _rlre_head(size: int) -> bytes | None:
    if not 0 < size < _SHORT - _RLRE_HEAD:
        return None
    return b"\x63%c%b\xbe%c\x04%c" % (size + _RLRE_HEAD - 2, _NORMAL, size + 2, size)


def read_initiate_response(octets: bytes) -> object:
    """The initiate response, or whatever APDU `octets` are; `DecodeError` if they are none."""
    return _usual_initiate_response(octets) if len(octets) == _INITIATE_RESPONSE.size else decode(octets)


@lru_cache(maxsize=256)
def _usual_initiate_response(octets: bytes) -> object:
    """Kept, as a fleet agrees to a handful."""
    head, conformance, size, vaa_name = _INITIATE_RESPONSE.unpack(octets)
    if head == _INITIATE_RESPONSE_HEAD:
        return InitiateResponse(Conformance(int.from_bytes(conformance, "big")), size, vaa_name)
    return decode(octets)
