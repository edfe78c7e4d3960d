"""ACSE: AARQ, AARE, RLRQ, RLRE, the APDUs that open and close an association (Green Book 9.4.2, 9.4.3, 9.5).

Field order is kept: meters exist that put the responding AP title behind the authentication value, and what was
decoded must encode to the same octets. `field_order` None means the standard's own order.
"""

from typing import ClassVar, Final, TypeVar

from attrs import field, frozen

from headend.dlms import ber
from headend.dlms.enumerations import (
    ApplicationContext,
    AssociationResult,
    Authentication,
    DiagnosticSource,
    ReleaseRequestReason,
    ReleaseResponseReason,
)
from headend.dlms.errors import DecodeError, LocalError

#: joint-iso-ccitt(2) country(16) country-name(756) organisation(5) DLMS-UA(8), then 1: context, 2: mechanism.
_CONTEXT_PREFIX: Final = bytes.fromhex("608574050801")
_MECHANISM_PREFIX: Final = bytes.fromhex("608574050802")
#: ACSE requirements: bit 0 (authentication) of a bit-string of one bit.
AUTHENTICATION_FUNCTIONAL_UNIT: Final = b"\x07\x80"

AARQ_TAG: Final = 0x60
AARE_TAG: Final = 0x61
RLRQ_TAG: Final = 0x62
RLRE_TAG: Final = 0x63
_REASON: Final = 0x80
_DIAGNOSTIC: Final = 0xA3
_USER_INFORMATION: Final = 0xBE

_AARQ_ORDER: Final = (
    0x80, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0x8A, 0x8B, 0xAC, 0xBD, 0xBE,
)  # fmt: skip
_AARE_ORDER: Final = (0x80, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0x88, 0x89, 0xAA, 0xBD, 0xBE)
_RELEASE_ORDER: Final = (0x80, 0xBE)

ContextName = ApplicationContext | bytes
MechanismName = Authentication | bytes
_Fields = dict[int, tuple[int, int]]
_Reason = TypeVar("_Reason", ReleaseRequestReason, ReleaseResponseReason)


@frozen(kw_only=True)
class Aarq:
    """A request to associate; names that DLMS doesn't define are kept as the octets of their identifier.

    `sender_acse_requirements` follows from the mechanism unless given; `user_information` is an InitiateRequest,
    plain or ciphered.
    """

    NAME: ClassVar[str] = "aarq"
    application_context: ContextName
    user_information: bytes | None = field(default=None, repr=False)
    mechanism: MechanismName | None = None
    authentication_value: bytes | None = field(default=None, repr=False)
    calling_ap_title: bytes | None = None
    sender_acse_requirements: bytes | None = field()
    protocol_version: bytes | None = None
    called_ap_title: bytes | None = None
    called_ae_qualifier: bytes | None = None
    called_ap_invocation_id: int | None = None
    called_ae_invocation_id: int | None = None
    calling_ae_qualifier: bytes | None = None
    calling_ap_invocation_id: int | None = None
    calling_ae_invocation_id: int | None = None
    implementation_information: bytes | None = None
    field_order: tuple[int, ...] | None = field(default=None, eq=False, repr=False)

    @sender_acse_requirements.default
    def _requirements(self) -> bytes | None:
        return None if self.mechanism is None else AUTHENTICATION_FUNCTIONAL_UNIT

    def encode(self) -> bytes:
        """The octets of the APDU."""
        parts = {
            0x80: _raw(0x80, self.protocol_version),
            0xA1: _context(self.application_context),
            0xA2: _octets(0xA2, self.called_ap_title),
            0xA3: _octets(0xA3, self.called_ae_qualifier),
            0xA4: _integer(0xA4, self.called_ap_invocation_id),
            0xA5: _integer(0xA5, self.called_ae_invocation_id),
            0xA6: _octets(0xA6, self.calling_ap_title),
            0xA7: _octets(0xA7, self.calling_ae_qualifier),
            0xA8: _integer(0xA8, self.calling_ap_invocation_id),
            0xA9: _integer(0xA9, self.calling_ae_invocation_id),
            0x8A: _raw(0x8A, self.sender_acse_requirements),
            0x8B: _mechanism(0x8B, self.mechanism),
            0xAC: _authentication_value(0xAC, self.authentication_value),
            0xBD: _raw(0xBD, self.implementation_information),
            0xBE: _octets(0xBE, self.user_information),
        }
        return _join(AARQ_TAG, parts, self.field_order or _AARQ_ORDER)


@frozen(kw_only=True)
class Aare:
    """The answer to an AARQ; `diagnostic` is numbered as `diagnostic_source` says.

    `user_information` is an InitiateResponse or a confirmed-service-error, plain or ciphered; rejecting meters leave
    it out.
    """

    NAME: ClassVar[str] = "aare"
    application_context: ContextName
    result: AssociationResult
    diagnostic: int = 0
    diagnostic_source: DiagnosticSource = DiagnosticSource.ACSE_SERVICE_USER
    user_information: bytes | None = field(default=None, repr=False)
    mechanism: MechanismName | None = None
    authentication_value: bytes | None = field(default=None, repr=False)
    responding_ap_title: bytes | None = None
    responder_acse_requirements: bytes | None = field()
    protocol_version: bytes | None = None
    responding_ae_qualifier: bytes | None = None
    responding_ap_invocation_id: int | None = None
    responding_ae_invocation_id: int | None = None
    implementation_information: bytes | None = None
    field_order: tuple[int, ...] | None = field(default=None, eq=False, repr=False)

    @responder_acse_requirements.default
    def _requirements(self) -> bytes | None:
        return None if self.mechanism is None else AUTHENTICATION_FUNCTIONAL_UNIT

    def encode(self) -> bytes:
        """The octets of the APDU."""
        parts = {
            0x80: _raw(0x80, self.protocol_version),
            0xA1: _context(self.application_context),
            0xA2: ber.tlv(0xA2, ber.integer(self.result)),
            0xA3: ber.tlv(0xA3, ber.tlv(0xA0 | self.diagnostic_source, ber.integer(self.diagnostic))),
            0xA4: _octets(0xA4, self.responding_ap_title),
            0xA5: _octets(0xA5, self.responding_ae_qualifier),
            0xA6: _integer(0xA6, self.responding_ap_invocation_id),
            0xA7: _integer(0xA7, self.responding_ae_invocation_id),
            0x88: _raw(0x88, self.responder_acse_requirements),
            0x89: _mechanism(0x89, self.mechanism),
            0xAA: _authentication_value(0xAA, self.authentication_value),
            0xBD: _raw(0xBD, self.implementation_information),
            0xBE: _octets(0xBE, self.user_information),
        }
        return _join(AARE_TAG, parts, self.field_order or _AARE_ORDER)


@frozen
class Rlrq:
    """A request to release; `user_information` is a ciphered InitiateRequest where the association is ciphered."""

    NAME: ClassVar[str] = "rlrq"
    reason: ReleaseRequestReason | None = ReleaseRequestReason.NORMAL
    user_information: bytes | None = field(default=None, repr=False)
    field_order: tuple[int, ...] | None = field(default=None, eq=False, repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return _encode_release(RLRQ_TAG, self.reason, self.user_information, self.field_order)


@frozen
class Rlre:
    """The answer to an RLRQ."""

    NAME: ClassVar[str] = "rlre"
    reason: ReleaseResponseReason | None = ReleaseResponseReason.NORMAL
    user_information: bytes | None = field(default=None, repr=False)
    field_order: tuple[int, ...] | None = field(default=None, eq=False, repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return _encode_release(RLRE_TAG, self.reason, self.user_information, self.field_order)


def decode_aarq(octets: bytes, *, strict: bool) -> Aarq:
    """A whole AARQ; DecodeError when it is none."""
    fields = _fields(octets, _AARQ_ORDER, strict=strict)
    return Aarq(
        application_context=_read_context(octets, fields),
        user_information=_read_octets(octets, fields, 0xBE, "user information"),
        mechanism=_read_mechanism(octets, fields, 0x8B),
        authentication_value=_read_authentication_value(octets, fields, 0xAC),
        calling_ap_title=_read_octets(octets, fields, 0xA6, "calling AP title"),
        sender_acse_requirements=_read_raw(octets, fields, 0x8A),
        protocol_version=_read_raw(octets, fields, 0x80),
        called_ap_title=_read_octets(octets, fields, 0xA2, "called AP title"),
        called_ae_qualifier=_read_octets(octets, fields, 0xA3, "called AE qualifier"),
        called_ap_invocation_id=_read_integer(octets, fields, 0xA4, "called AP invocation id"),
        called_ae_invocation_id=_read_integer(octets, fields, 0xA5, "called AE invocation id"),
        calling_ae_qualifier=_read_octets(octets, fields, 0xA7, "calling AE qualifier"),
        calling_ap_invocation_id=_read_integer(octets, fields, 0xA8, "calling AP invocation id"),
        calling_ae_invocation_id=_read_integer(octets, fields, 0xA9, "calling AE invocation id"),
        implementation_information=_read_raw(octets, fields, 0xBD),
        field_order=_order(fields, _AARQ_ORDER),
    )


def decode_aare(octets: bytes, *, strict: bool) -> Aare:
    """A whole AARE; DecodeError when it is none."""
    fields = _fields(octets, _AARE_ORDER, strict=strict)
    result = _read_integer(octets, fields, 0xA2, "association result")
    if result is None:
        raise DecodeError("an AARE without a result", len(octets))
    source, diagnostic = _read_diagnostic(octets, fields, strict=strict)
    order = _order(fields, _AARE_ORDER)
    if order is not None and _DIAGNOSTIC not in fields:
        order = (*order, _DIAGNOSTIC)
    return Aare(
        application_context=_read_context(octets, fields),
        result=AssociationResult(_small(result, fields[0xA2][0])),
        diagnostic=diagnostic,
        diagnostic_source=source,
        user_information=_read_octets(octets, fields, 0xBE, "user information"),
        mechanism=_read_mechanism(octets, fields, 0x89),
        authentication_value=_read_authentication_value(octets, fields, 0xAA),
        responding_ap_title=_read_octets(octets, fields, 0xA4, "responding AP title"),
        responder_acse_requirements=_read_raw(octets, fields, 0x88),
        protocol_version=_read_raw(octets, fields, 0x80),
        responding_ae_qualifier=_read_octets(octets, fields, 0xA5, "responding AE qualifier"),
        responding_ap_invocation_id=_read_integer(octets, fields, 0xA6, "responding AP invocation id"),
        responding_ae_invocation_id=_read_integer(octets, fields, 0xA7, "responding AE invocation id"),
        implementation_information=_read_raw(octets, fields, 0xBD),
        field_order=order,
    )


def decode_rlrq(octets: bytes, *, strict: bool) -> Rlrq:
    """A whole RLRQ; DecodeError when it is none."""
    fields = _fields(octets, _RELEASE_ORDER, strict=strict)
    return Rlrq(
        _read_reason(octets, fields, ReleaseRequestReason),
        _read_octets(octets, fields, _USER_INFORMATION, "user information"),
        _order(fields, _RELEASE_ORDER),
    )


def decode_rlre(octets: bytes, *, strict: bool) -> Rlre:
    """A whole RLRE; DecodeError when it is none."""
    fields = _fields(octets, _RELEASE_ORDER, strict=strict)
    return Rlre(
        _read_reason(octets, fields, ReleaseResponseReason),
        _read_octets(octets, fields, _USER_INFORMATION, "user information"),
        _order(fields, _RELEASE_ORDER),
    )


def _join(tag: int, parts: dict[int, bytes], order: tuple[int, ...]) -> bytes:
    present = {field_tag for field_tag, octets in parts.items() if octets}
    if not present.issubset(order):
        raise LocalError("field_order leaves out a field that has a value")
    return ber.tlv(tag, b"".join(parts[field_tag] for field_tag in order))


def _raw(tag: int, content: bytes | None) -> bytes:
    return b"" if content is None else ber.tlv(tag, content)


def _octets(tag: int, content: bytes | None) -> bytes:
    return b"" if content is None else ber.tlv(tag, ber.tlv(ber.OCTET_STRING, content))


def _integer(tag: int, value: int | None) -> bytes:
    return b"" if value is None else ber.tlv(tag, ber.integer(value))


def _context(name: ContextName) -> bytes:
    octets = name if isinstance(name, bytes) else b"%b%c" % (_CONTEXT_PREFIX, name)
    return ber.tlv(0xA1, ber.tlv(ber.OBJECT_IDENTIFIER, octets))


def _mechanism(tag: int, name: MechanismName | None) -> bytes:
    if name is None:
        return b""
    return ber.tlv(tag, name if isinstance(name, bytes) else b"%b%c" % (_MECHANISM_PREFIX, name))


def _authentication_value(tag: int, value: bytes | None) -> bytes:
    return b"" if value is None else ber.tlv(tag, ber.tlv(0x80, value))


def _encode_release(tag: int, reason: int | None, information: bytes | None, order: tuple[int, ...] | None) -> bytes:
    parts = {
        _REASON: b"" if reason is None else ber.tlv(_REASON, b"%c" % reason),
        _USER_INFORMATION: _octets(_USER_INFORMATION, information),
    }
    return _join(tag, parts, order or _RELEASE_ORDER)


def _fields(octets: bytes, known: tuple[int, ...], *, strict: bool) -> _Fields:
    """Where the content of each field starts and ends; fields that ACSE doesn't have are passed over if not strict."""
    _, offset, end = ber.read_tlv(octets, 0, len(octets))
    if end != len(octets):
        raise DecodeError(f"{len(octets) - end} octets follow the end of the APDU", end)
    fields: _Fields = {}
    while offset < end:
        tag, start, after = ber.read_tlv(octets, offset, end)
        if tag in known:
            if tag in fields:
                raise DecodeError(f"field {tag:02x} comes twice", offset)
            fields[tag] = (start, after)
        elif strict:
            raise DecodeError(f"field {tag:02x} doesn't belong here", offset)
        offset = after
    return fields


def _order(fields: _Fields, canonical: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order the fields came in, None where it is the standard's."""
    order = tuple(fields)
    return None if order == tuple(tag for tag in canonical if tag in fields) else order


def _read_raw(octets: bytes, fields: _Fields, tag: int) -> bytes | None:
    place = fields.get(tag)
    return None if place is None else octets[place[0] : place[1]]


def _read_octets(octets: bytes, fields: _Fields, tag: int, what: str) -> bytes | None:
    place = fields.get(tag)
    if place is None:
        return None
    start, end = ber.read_inner(octets, *place, ber.OCTET_STRING, what)
    return octets[start:end]


def _read_integer(octets: bytes, fields: _Fields, tag: int, what: str) -> int | None:
    place = fields.get(tag)
    return None if place is None else ber.read_integer(octets, *place, what)


def _small(value: int, offset: int) -> int:
    if not 0 <= value <= 0xFF:
        raise DecodeError(f"a code of {value}", offset)
    return value


def _read_context(octets: bytes, fields: _Fields) -> ContextName:
    if 0xA1 not in fields:
        raise DecodeError("no application context name", len(octets))
    start, end = ber.read_inner(octets, *fields[0xA1], ber.OBJECT_IDENTIFIER, "application context name")
    name = _identifier(octets, start, end)
    if name[:-1] == _CONTEXT_PREFIX and name[-1] in ApplicationContext._value2member_map_:
        return ApplicationContext(name[-1])
    return name


def _read_mechanism(octets: bytes, fields: _Fields, tag: int) -> MechanismName | None:
    if tag not in fields:
        return None
    name = _identifier(octets, *fields[tag])
    if name[:-1] == _MECHANISM_PREFIX and name[-1] in Authentication._value2member_map_:
        return Authentication(name[-1])
    return name


def _identifier(octets: bytes, start: int, end: int) -> bytes:
    if start == end or octets[end - 1] & 0x80:
        raise DecodeError("an object identifier that ends inside an arc", start if start == end else end - 1)
    return octets[start:end]


def _read_authentication_value(octets: bytes, fields: _Fields, tag: int) -> bytes | None:
    if tag not in fields:
        return None
    start, end = ber.read_inner(octets, *fields[tag], 0x80, "authentication value")
    return octets[start:end]


def _read_diagnostic(octets: bytes, fields: _Fields, *, strict: bool) -> tuple[DiagnosticSource, int]:
    place = fields.get(_DIAGNOSTIC)
    if place is None:
        if strict:
            raise DecodeError("an AARE without a diagnostic", len(octets))
        return DiagnosticSource.ACSE_SERVICE_USER, 0
    tag, start, end = ber.read_tlv(octets, *place)
    if tag not in (0xA1, 0xA2):
        raise DecodeError(f"a diagnostic of choice {tag:02x}", place[0])
    if end != place[1]:
        raise DecodeError("octets follow in the diagnostic", end)
    return DiagnosticSource(tag & 0x0F), _small(ber.read_integer(octets, start, end, "diagnostic"), start)


def _read_reason(octets: bytes, fields: _Fields, reasons: type[_Reason]) -> _Reason | None:
    place = fields.get(_REASON)
    if place is None:
        return None
    if place[1] - place[0] != 1:
        raise DecodeError(f"a release reason of {place[1] - place[0]} octets", place[0])
    return reasons(octets[place[0]])
