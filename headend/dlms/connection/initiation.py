"""AARQ, AARE, RLRQ and the initiate services as a client meets them in every visit, without taking them apart anew.

A client of one kind sends the same AARQ but for challenge, counter and ciphered octets, and nearly every meter answers
in the order of the standard. Both are made and read here in one step; whatever is different goes the general way, and
comes to the same.
"""

import re
from functools import lru_cache
from struct import Struct
from typing import Final

from headend.dlms.apdu import Aare, Aarq, InitiateRequest, InitiateResponse, Rlre, decode, encode
from headend.dlms.ber import tlv
from headend.dlms.enumerations import ApplicationContext, AssociationResult, Authentication, Conformance

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


@lru_cache(maxsize=256)
def initiate_request(conformance: Conformance, max_pdu_size: int) -> bytes:
    """An initiate request without a dedicated key."""
    return encode(InitiateRequest(conformance, max_pdu_size))


@lru_cache(maxsize=256)
def _aarq_head(context: ApplicationContext, mechanism: Authentication | None, title: bytes | None) -> bytes:
    """All fields before the authentication value."""
    head = encode(Aarq(application_context=context, mechanism=mechanism, calling_ap_title=title))
    assert head[1] < _SHORT
    return head[2:]


def aarq(
    context: ApplicationContext,
    mechanism: Authentication | None,
    title: bytes | None,
    value: bytes | None,
    information: bytes,
) -> bytes:
    """An AARQ of these parts."""
    fields = _aarq_head(context, mechanism, title)
    if value is not None:
        fields += tlv(0xAC, tlv(0x80, value))
    return tlv(0x60, fields + tlv(0xBE, tlv(0x04, information)))


def read_aare(octets: bytes) -> Aare | None:
    """The AARE, if it has the order and the lengths that nearly all have."""
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
    return tlv(0x62, _NORMAL + tlv(0xBE, tlv(0x04, information)))


def read_rlre(octets: bytes) -> Rlre | None:
    """The RLRE with user information, if it has the order and the lengths that nearly all have."""
    size = len(octets) - _RLRE_HEAD
    if not 0 < size < _SHORT - _RLRE_HEAD:
        return None
    if octets[:_RLRE_HEAD] != b"\x63%c%b\xbe%c\x04%c" % (size + _RLRE_HEAD - 2, _NORMAL, size + 2, size):
        return None
    return Rlre(user_information=octets[_RLRE_HEAD:])


@lru_cache(maxsize=256)
def _conformance(octets: bytes) -> Conformance:
    return Conformance(int.from_bytes(octets, "big"))


def read_initiate_response(octets: bytes) -> object:
    """The initiate response, or whatever APDU `octets` are; `DecodeError` if they are none."""
    if len(octets) == _INITIATE_RESPONSE.size:
        head, conformance, size, vaa_name = _INITIATE_RESPONSE.unpack(octets)
        if head == _INITIATE_RESPONSE_HEAD:
            return InitiateResponse(_conformance(conformance), size, vaa_name)
    return decode(octets)
