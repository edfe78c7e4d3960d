"""A client's AARQ, and what it believes of the AARE (Green Book 9.2.2.2, 9.4.2).

Everything that decides is in `ClientParameters`. The AARE is only compared with it: a weaker mechanism, context, title
or envelope than asked for is an attack or a defect, and either ends the association.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from headend.dlms.apdu import (
    Aare,
    ActionRequestNormal,
    ActionResponseNormal,
    Apdu,
    ConfirmedServiceError,
    ExceptionResponse,
    InitiateRequest,
    InitiateResponse,
    Rlrq,
    decode,
    encode,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.connection import initiation
from headend.dlms.connection.events import AssociationRejected
from headend.dlms.connection.hls import check_title
from headend.dlms.connection.parameters import (
    LARGEST_PDU,
    SMALLEST_PDU,
    SYSTEM_TITLE_LENGTH,
    Ciphering,
    ClientParameters,
    Farewell,
)
from headend.dlms.connection.protection import Protection
from headend.dlms.cosem import CosemMethod, Obis
from headend.dlms.enumerations import (
    ActionResult,
    ApplicationContext,
    AssociationResult,
    Authentication,
    Conformance,
    DiagnosticSource,
    ErrorGroup,
    ProviderDiagnostic,
    ServiceError,
    UserDiagnostic,
)
from headend.dlms.errors import LocalError, RemoteError, SecurityError

GLO_INITIATE_REQUEST: Final = 0x21
GLO_INITIATE_RESPONSE: Final = 0x28
DLMS_VERSION: Final = 6
#: reply_to_HLS_authentication of the association one is in (Blue Book 4.4.4).
REPLY_TO_HLS: Final = CosemMethod(15, Obis.parse("0.0.40.0.0.255"), 1)
HLS_INVOKE: Final = 0xC1

_HLS_REPLY_HEAD: Final = encode(ActionRequestNormal(HLS_INVOKE, REPLY_TO_HLS, EncodedData(b"")))
#: Success, and data that follow: the proof is checked to the last octet.
_HLS_ANSWER_HEAD: Final = bytes((0xC7, 0x01, HLS_INVOKE, 0x00, 0x01, 0x00))
#: Lengths of CtoS and StoC (Green Book 9.2.2.2.2.5).
SHORTEST_CHALLENGE: Final = 8
LONGEST_CHALLENGE: Final = 64

_USER_TEXTS: Final = {
    UserDiagnostic.NULL: "authentication refused by the meter without a reason",
    UserDiagnostic.NO_REASON_GIVEN: "authentication refused by the meter, no reason given (often wrong key or counter)",
    UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED: "ciphering as asked for is not supported by the meter",
    UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED: "our system title is not known to the meter",
    UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED: "authentication mechanism not known to the meter",
    UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED: "the meter wants an authentication mechanism",
    UserDiagnostic.AUTHENTICATION_FAILURE: "authentication refused by the meter",
    UserDiagnostic.AUTHENTICATION_REQUIRED: "the meter wants a stronger authentication than was offered",
}
#: Members of enumerations that every session needs: looked up in their class they take 0.15 us each time (3.11).
_HLS: Final = Authentication.HLS
_LLS: Final = Authentication.LLS
_HLS_GMAC: Final = Authentication.HLS_GMAC
_HLS_SHA256: Final = Authentication.HLS_SHA256
_HLS_ECDSA: Final = Authentication.HLS_ECDSA
_GENERAL_CIPHERING: Final = Ciphering.GENERAL_CIPHERING
_CONTEXT_LN_CIPHERED: Final = ApplicationContext.LN_CIPHERED
_CONTEXT_LN: Final = ApplicationContext.LN
_PLAIN_RELEASE: Final = Farewell.PLAIN_RELEASE
_SUCCESS: Final = ActionResult.SUCCESS
_ACCEPTED: Final = AssociationResult.ACCEPTED


AnyAare = Aare | initiation.PlainAare


class Accepted(NamedTuple):
    """What a believed AARE agreed to; `challenge` is StoC where HLS goes on."""

    conformance: Conformance
    max_pdu_size: int
    challenge: bytes | None


def check_parameters(parameters: ClientParameters) -> None:
    """`LocalError` where what is asked for can't be done with what is given."""
    security = parameters.security
    authentication = parameters.authentication
    if authentication >= _HLS and not is_challenge(parameters.challenge):
        raise LocalError(f"HLS needs a challenge of {SHORTEST_CHALLENGE} to {LONGEST_CHALLENGE} octets")
    if authentication in (_HLS_GMAC, _HLS_SHA256) and security is None:
        raise LocalError(f"{authentication.name} needs system titles, and GMAC keys")
    if authentication == _HLS_ECDSA and (security is None or security.signing is None):
        raise LocalError("HLS with ECDSA needs signing keys")
    if security is None:
        return
    if security.peer_system_title == security.system_title:
        raise LocalError("both ends have the same system title")
    if security.ciphering is _GENERAL_CIPHERING and not (security.policy and security.end_to_end):
        raise LocalError("general-ciphering needs end-to-end keys, and a policy that uses them")
    if security.ciphering.dedicated and not (security.policy and parameters.dedicated_key):
        raise LocalError("a dedicated key is needed, and a policy that uses it")


def is_challenge(octets: bytes) -> bool:
    """Whether `octets` have the length of a challenge."""
    return SHORTEST_CHALLENGE <= len(octets) <= LONGEST_CHALLENGE


def build_aarq(parameters: ClientParameters, protection: Protection | None) -> bytes:
    """The AARQ; takes one invocation counter where the association is ciphered."""
    security = parameters.security
    authentication = parameters.authentication
    if security is not None and security.ciphering.dedicated:
        size, key = parameters.max_pdu_size, parameters.dedicated_key
        initiate = encode(InitiateRequest(parameters.conformance, size, key))
    else:
        initiate = initiation.initiate_request(parameters.conformance, parameters.max_pdu_size)
    value = parameters.secret if authentication == _LLS else parameters.challenge
    return initiation.aarq(
        context_of(protection),
        authentication or None,
        None if security is None else security.system_title,
        value if authentication else None,
        initiate if protection is None else protection.seal_as(GLO_INITIATE_REQUEST, initiate),
    )


def context_of(protection: Protection | None) -> ApplicationContext:
    """The application context that goes with what is or is not ciphered."""
    return _CONTEXT_LN if protection is None else _CONTEXT_LN_CIPHERED


def build_rlrq(parameters: ClientParameters, protection: Protection | None) -> bytes:
    """The RLRQ; its user information proves that it comes from us where the association is ciphered."""
    if protection is None or parameters.farewell is _PLAIN_RELEASE:
        return encode(Rlrq())
    initiate = initiation.initiate_request(parameters.conformance, parameters.max_pdu_size)
    return initiation.rlrq(protection.seal_as(GLO_INITIATE_REQUEST, initiate))


def build_hls_reply(proof: EncodedData) -> bytes:
    """Pass 3: f(StoC) on its way to the meter."""
    return _HLS_REPLY_HEAD + proof.octets


def read_hls_answer(octets: bytes) -> Apdu:
    """Pass 4 as nearly all meters send it, read at once; whatever else it is, read the general way."""
    if octets.startswith(_HLS_ANSWER_HEAD):
        return ActionResponseNormal(HLS_INVOKE, _SUCCESS, EncodedData(octets[len(_HLS_ANSWER_HEAD) :]))
    return decode(octets)


def check_aare(
    parameters: ClientParameters, protection: Protection | None, aare: AnyAare
) -> Accepted | AssociationRejected:
    """What `aare` says, as far as it may be believed.

    `SecurityError` where it takes less protection or authentication than was asked for; `RemoteError` where it agrees
    to nothing usable. The peer's system title is learned here where it is not pinned.
    """
    if aare.result != _ACCEPTED:
        return _rejected(aare, protection)
    if aare.application_context != context_of(protection):
        raise SecurityError("the meter accepted another application context than was asked for")
    title = learned_title(parameters, aare.responding_ap_title)
    if protection is not None:
        _hold_to_title(protection, title)
    elif parameters.authentication >= _HLS:
        check_title(parameters.authentication, title)
    challenge = _check_authentication(parameters, aare)
    if isinstance(challenge, AssociationRejected):
        return challenge
    initiate = _open_user_information(protection, aare.user_information)
    if isinstance(initiate, AssociationRejected):
        return initiate
    return _agree(parameters, initiate, challenge)


def learned_title(parameters: ClientParameters, title: bytes | None) -> bytes | None:
    """The system title the meter is held to: the pinned one, else `title`; `SecurityError` if it can't be its own."""
    security = parameters.security
    if security is None:
        return title
    pinned = security.peer_system_title
    if title is None:
        return pinned
    if len(title) != SYSTEM_TITLE_LENGTH:
        raise RemoteError(f"the meter's system title has {len(title)} octets, not {SYSTEM_TITLE_LENGTH}")
    if title == security.system_title:
        raise SecurityError("the meter answers with our own system title")
    if pinned is not None and title != pinned:
        raise SecurityError("the meter's system title is not the one it is known by")
    return title


def _hold_to_title(protection: Protection, title: bytes | None) -> None:
    if title is None:
        raise SecurityError("the meter gave no system title, and none is known")
    if title != protection.peer_title:
        protection.learn(title)


def _check_authentication(parameters: ClientParameters, aare: AnyAare) -> bytes | AssociationRejected | None:
    if parameters.authentication < _HLS:
        wants_more = UserDiagnostic.AUTHENTICATION_REQUIRED
        if aare.diagnostic_source is DiagnosticSource.ACSE_SERVICE_USER and aare.diagnostic == wants_more:
            return AssociationRejected(_USER_TEXTS[wants_more], aare.result, diagnostic=wants_more)
        return None
    if aare.mechanism is not None and aare.mechanism != parameters.authentication:
        raise SecurityError("the meter answered with another authentication mechanism")
    challenge = aare.authentication_value
    if challenge is None:
        raise SecurityError("the meter accepted without the challenge that HLS needs")
    if not is_challenge(challenge):
        raise RemoteError(f"a challenge of {len(challenge)} octets")
    if challenge == parameters.challenge:
        raise SecurityError("the meter sent our own challenge back")
    return challenge


def _open_user_information(
    protection: Protection | None, octets: bytes | None
) -> InitiateResponse | AssociationRejected:
    if not octets:
        raise RemoteError("an AARE that accepts, without an initiate response")
    initiate = initiation.read_initiate_response(octets if protection is None else protection.open(octets))
    if isinstance(initiate, ConfirmedServiceError):
        return rejected_by_service_error(initiate)
    if not isinstance(initiate, InitiateResponse):
        raise RemoteError("the user information of the AARE is no initiate response")
    return initiate


def _agree(parameters: ClientParameters, initiate: InitiateResponse, challenge: bytes | None) -> Accepted:
    if initiate.negotiated_dlms_version != DLMS_VERSION:
        raise RemoteError(f"the meter speaks DLMS version {initiate.negotiated_dlms_version}, not {DLMS_VERSION}")
    size = initiate.server_max_receive_pdu_size or LARGEST_PDU
    if size < SMALLEST_PDU:
        raise RemoteError(f"the meter takes {size} octets, too few for anything")
    return Accepted(_in_common(initiate.negotiated_conformance, parameters.conformance), size, challenge)


@lru_cache(maxsize=256)
def _in_common(theirs: Conformance, ours: Conformance) -> Conformance:
    """Kept, as the operators of IntFlag are Python and take 0.8 us each, and a fleet agrees to a handful of sets."""
    return theirs & ours


def _rejected(aare: AnyAare, protection: Protection | None) -> AssociationRejected:
    if aare.diagnostic_source is DiagnosticSource.ACSE_SERVICE_PROVIDER:
        provider = ProviderDiagnostic(aare.diagnostic)
        text = f"association refused by the meter's protocol layer ({provider.text})"
        return AssociationRejected(text, aare.result, aare.diagnostic_source, provider)
    diagnostic = UserDiagnostic(aare.diagnostic)
    text = _USER_TEXTS.get(diagnostic, f"association refused by the meter ({diagnostic.text})")
    error = _service_error(aare, protection)
    if error is not None:
        text = f"{text}; {_text_of(error)}"
    return AssociationRejected(text, aare.result, aare.diagnostic_source, diagnostic)


def _service_error(aare: AnyAare, protection: Protection | None) -> ConfirmedServiceError | None:
    """The service error inside a rejecting AARE, if it can be read: a meter with another key must still be heard."""
    octets = aare.user_information
    if not octets:
        return None
    try:
        if protection is not None and protection.opens(octets[0]):
            protection.learn(protection.peer_title or aare.responding_ap_title)
            octets = protection.open(octets)
        error = decode(octets)
    except RemoteError:
        return None
    return error if isinstance(error, ConfirmedServiceError) else None


def rejected_by_service_error(error: ConfirmedServiceError) -> AssociationRejected:
    """A confirmed-service-error where an AARE was due."""
    return AssociationRejected(f"association refused by the meter; {_text_of(error)}")


def rejected_by_exception(answer: ExceptionResponse) -> AssociationRejected:
    """An exception response where an AARE, or pass 4 of HLS, was due."""
    text = f"association refused by the meter ({answer.state_error.text}, {answer.service_error.text})"
    if answer.service_error == ServiceError.INVOCATION_COUNTER_ERROR:
        text = "our invocation counter is too low for the meter"
    if answer.service_error == ServiceError.DECIPHERING_ERROR:
        text = "the meter can't decipher what we send: wrong key or system title"
    return AssociationRejected(text, expected_counter=answer.invocation_counter)


def _text_of(error: ConfirmedServiceError) -> str:
    if error.group == ErrorGroup.APPLICATION_REFERENCE and error.error == 6:
        return "the meter can't decipher what we send: wrong key, system title or invocation counter"
    return f"service error {error.service.text}, {error.group.text} {error.error}"
