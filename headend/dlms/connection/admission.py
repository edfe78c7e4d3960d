"""What a server makes of an AARQ: admitted, admitted until HLS proves more, or turned away (Green Book 9.4.2)."""

from hmac import compare_digest
from typing import Final

from attrs import field, frozen

from headend.dlms.apdu import Aare, Aarq, ConfirmedServiceError, InitiateRequest, InitiateResponse, decode, encode
from headend.dlms.connection.handshake import DLMS_VERSION, GLO_INITIATE_RESPONSE, context_of, is_challenge
from headend.dlms.connection.hls import needs_title
from headend.dlms.connection.parameters import LARGEST_PDU, SMALLEST_PDU, SYSTEM_TITLE_LENGTH, ServerParameters
from headend.dlms.connection.protection import Protection
from headend.dlms.enumerations import (
    AssociationResult,
    Authentication,
    ConfirmedService,
    Conformance,
    ErrorGroup,
    UserDiagnostic,
)
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError

#: Errors of the group "initiate" and of "application reference" (Green Book 9.5).
_VERSION_TOO_LOW: Final = 1
_INCOMPATIBLE_CONFORMANCE: Final = 2
_PDU_SIZE_TOO_SHORT: Final = 3
_DECIPHERING_ERROR: Final = 6


class Inadmissible(Exception):  # noqa: N818 - an outcome, raised to leave the checks early and caught in this module
    """Why an AARQ is turned away."""

    def __init__(self, diagnostic: UserDiagnostic, reason: str, error: ConfirmedServiceError | None = None) -> None:
        super().__init__(reason)
        self.diagnostic = diagnostic
        self.error = error


@frozen
class Admission:
    """An AARQ that passed; with HLS, `server_challenge` and `client_challenge` are still to be answered for."""

    conformance: Conformance
    max_pdu_size: int  #: what the client takes, in octets
    client_system_title: bytes | None
    response_allowed: bool
    dedicated_key: bytes | None = field(repr=False)
    client_challenge: bytes = field(repr=False)
    server_challenge: bytes | None = field(repr=False)


def admit(parameters: ServerParameters, protection: Protection | None, aarq: Aarq) -> Admission:
    """The admission; `Inadmissible` with the reason, `RemoteError` where envelope or octets are wrong."""
    if aarq.application_context != context_of(protection):
        raise Inadmissible(UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, "another application context")
    _check_mechanism(parameters, aarq)
    title = _client_title(parameters, aarq)
    if protection is not None:
        protection.learn(title)
    initiate = _initiate(protection, aarq.user_information)
    value = aarq.authentication_value or b""
    if parameters.authentication == Authentication.LLS and not compare_digest(value, parameters.secret):
        raise Inadmissible(UserDiagnostic.AUTHENTICATION_FAILURE, "wrong password")
    hls = parameters.authentication >= Authentication.HLS
    if hls and not is_challenge(value):
        raise Inadmissible(UserDiagnostic.AUTHENTICATION_FAILURE, f"a challenge of {len(value)} octets")
    conformance = _agree(parameters, initiate)
    return Admission(
        conformance=conformance,
        max_pdu_size=initiate.client_max_receive_pdu_size or LARGEST_PDU,
        client_system_title=title,
        response_allowed=initiate.response_allowed,
        dedicated_key=_dedicated_key(parameters, initiate),
        client_challenge=value,
        server_challenge=_challenge(parameters, value) if hls else None,
    )


def _check_mechanism(parameters: ServerParameters, aarq: Aarq) -> None:
    mechanism = aarq.mechanism or Authentication.NONE
    if mechanism == parameters.authentication:
        return
    if mechanism == Authentication.NONE:
        raise Inadmissible(UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED, "no authentication mechanism")
    raise Inadmissible(UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED, "another authentication mechanism")


def _client_title(parameters: ServerParameters, aarq: Aarq) -> bytes | None:
    security = parameters.security
    title = aarq.calling_ap_title
    if security is None:
        return title
    pinned = security.peer_system_title
    title = pinned if title is None else title
    if title is None and not (security.policy or needs_title(parameters.authentication)):
        return None
    if title is None or len(title) != SYSTEM_TITLE_LENGTH or title == security.system_title:
        raise Inadmissible(UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED, "no system title of a client's")
    if pinned is not None and title != pinned:
        raise Inadmissible(UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED, "another client's system title")
    return title


def _initiate(protection: Protection | None, octets: bytes | None) -> InitiateRequest:
    if not octets:
        raise Inadmissible(UserDiagnostic.NO_REASON_GIVEN, "an AARQ without an initiate request")
    initiate = decode(octets if protection is None else protection.open(octets))
    if not isinstance(initiate, InitiateRequest):
        raise Inadmissible(UserDiagnostic.NO_REASON_GIVEN, "the user information is no initiate request")
    return initiate


def _agree(parameters: ServerParameters, initiate: InitiateRequest) -> Conformance:
    if initiate.proposed_dlms_version < DLMS_VERSION:
        raise _initiate_error(_VERSION_TOO_LOW, f"DLMS version {initiate.proposed_dlms_version}")
    size = initiate.client_max_receive_pdu_size
    if size and size < SMALLEST_PDU:
        raise _initiate_error(_PDU_SIZE_TOO_SHORT, f"the client takes {size} octets only")
    conformance = initiate.proposed_conformance & parameters.conformance
    if not conformance:
        raise _initiate_error(_INCOMPATIBLE_CONFORMANCE, "no service in common")
    return conformance


def _initiate_error(error: int, reason: str) -> Inadmissible:
    answer = ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, ErrorGroup.INITIATE, error)
    return Inadmissible(UserDiagnostic.NO_REASON_GIVEN, reason, answer)


def _dedicated_key(parameters: ServerParameters, initiate: InitiateRequest) -> bytes | None:
    security = parameters.security
    if security is None or not security.policy:
        return None  # a key that came in clear is nobody's secret
    key = initiate.dedicated_key
    if key is not None and len(key) != len(security.keys.encryption_key):
        raise Inadmissible(UserDiagnostic.NO_REASON_GIVEN, f"a dedicated key of {len(key)} octets")
    return key


def _challenge(parameters: ServerParameters, client_challenge: bytes) -> bytes:
    challenge = next(parameters.challenges, None)
    if challenge is None or not is_challenge(challenge):
        raise LocalError("a server with HLS needs challenges of 8 to 64 octets, a fresh one for each association")
    if challenge == client_challenge:
        raise Inadmissible(UserDiagnostic.AUTHENTICATION_FAILURE, "the client's challenge is ours")
    return challenge


def accepting(parameters: ServerParameters, protection: Protection | None, admission: Admission) -> bytes:
    """The AARE that admits; takes one invocation counter where the association is ciphered."""
    initiate = encode(InitiateResponse(admission.conformance, parameters.max_pdu_size))
    hls = admission.server_challenge is not None
    return encode(
        Aare(
            application_context=context_of(protection),
            result=AssociationResult.ACCEPTED,
            diagnostic=UserDiagnostic.AUTHENTICATION_REQUIRED if hls else UserDiagnostic.NULL,
            mechanism=parameters.authentication if hls else None,
            authentication_value=admission.server_challenge,
            responding_ap_title=None if parameters.security is None else parameters.security.system_title,
            user_information=initiate if protection is None else protection.seal_as(GLO_INITIATE_RESPONSE, initiate),
        )
    )


def rejecting(parameters: ServerParameters, protection: Protection | None, fault: Inadmissible | RemoteError) -> bytes:
    """The AARE that turns away, in clear: a client that failed may not have our keys."""
    diagnostic, error = UserDiagnostic.NO_REASON_GIVEN, None
    if isinstance(fault, Inadmissible):
        diagnostic, error = fault.diagnostic, fault.error
    elif isinstance(fault, (SecurityError, DecodeError)):
        error = ConfirmedServiceError(
            ConfirmedService.INITIATE_ERROR, ErrorGroup.APPLICATION_REFERENCE, _DECIPHERING_ERROR
        )
    return encode(
        Aare(
            application_context=context_of(protection),
            result=AssociationResult.REJECTED_PERMANENT,
            diagnostic=diagnostic,
            responding_ap_title=None if parameters.security is None else parameters.security.system_title,
            user_information=None if error is None else encode(error),
        )
    )
