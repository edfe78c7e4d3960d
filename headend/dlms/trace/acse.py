"""ACSE APDUs as a trace prints them."""

from typing import Any

from headend.dlms import ber
from headend.dlms.apdu import Aare, Aarq, Rlre, Rlrq
from headend.dlms.enumerations import ApplicationContext, Authentication
from headend.dlms.trace.values import Fields


def describe_acse(apdu: Aarq | Aare | Rlrq | Rlre) -> Fields:
    """The fields of an ACSE APDU, without its name and its user information."""
    match apdu:
        case Aarq():
            return _aarq(apdu)
        case Aare():
            return _aare(apdu)
        case Rlrq() | Rlre():
            return {} if apdu.reason is None else {"reason": int(apdu.reason)}


def field_order(octets: bytes) -> list[str]:
    """The tags of the fields in the order they came in."""
    _, offset, end = ber.read_tlv(octets, 0, len(octets))
    order: list[str] = []
    while offset < end:
        tag, _, offset = ber.read_tlv(octets, offset, end)
        order.append(f"{tag:02x}")
    return order


def _context_name(name: ApplicationContext | bytes) -> str:
    return ber.dotted(name) if isinstance(name, bytes) else f"2.16.756.5.8.1.{name:d}"


def _mechanism_name(name: Authentication | bytes | None) -> str | None:
    if name is None:
        return None
    return ber.dotted(name) if isinstance(name, bytes) else f"2.16.756.5.8.2.{name:d}"


def _given(fields: dict[str, Any]) -> Fields:
    """What is there, octets as hex."""
    return {
        name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items() if value is not None
    }


def _aarq(apdu: Aarq) -> Fields:
    return _given(
        {
            "protocol_version": apdu.protocol_version,
            "application_context": _context_name(apdu.application_context),
            "called_ap_title": apdu.called_ap_title,
            "called_ae_qualifier": apdu.called_ae_qualifier,
            "called_ap_invocation_id": apdu.called_ap_invocation_id,
            "called_ae_invocation_id": apdu.called_ae_invocation_id,
            "calling_ap_title": apdu.calling_ap_title,
            "calling_ae_qualifier": apdu.calling_ae_qualifier,
            "calling_ap_invocation_id": apdu.calling_ap_invocation_id,
            "calling_ae_invocation_id": apdu.calling_ae_invocation_id,
            "sender_acse_requirements": apdu.sender_acse_requirements,
            "mechanism_name": _mechanism_name(apdu.mechanism),
            "calling_authentication_value": apdu.authentication_value,
            "implementation_information": apdu.implementation_information,
        }
    )


def _aare(apdu: Aare) -> Fields:
    return _given(
        {
            "protocol_version": apdu.protocol_version,
            "application_context": _context_name(apdu.application_context),
            "result": int(apdu.result),
            "diagnostic_source": apdu.diagnostic_source.text,
            "diagnostic": apdu.diagnostic,
            "responding_ap_title": apdu.responding_ap_title,
            "responding_ae_qualifier": apdu.responding_ae_qualifier,
            "responding_ap_invocation_id": apdu.responding_ap_invocation_id,
            "responding_ae_invocation_id": apdu.responding_ae_invocation_id,
            "responder_acse_requirements": apdu.responder_acse_requirements,
            "mechanism_name": _mechanism_name(apdu.mechanism),
            "responding_authentication_value": apdu.authentication_value,
            "implementation_information": apdu.implementation_information,
        }
    )
