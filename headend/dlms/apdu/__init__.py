"""APDUs: frozen values, `encode` to octets and `decode` from octets, whatever they are (Green Book 9.5).

Data inside an APDU stays encoded (`EncodedData`): its octets are checked when the APDU is decoded, its values are built
when someone asks.
"""

from collections.abc import Callable
from struct import error as struct_error
from typing import Final, Protocol

from headend.dlms import acse, initiate
from headend.dlms.acse import Aare, Aarq, Rlre, Rlrq
from headend.dlms.apdu import access, action, block_transfer, ciphered, exceptions, gateway, general, get, notification
from headend.dlms.apdu import set as set_service
from headend.dlms.apdu.access import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessService,
    AccessSet,
    AccessSpecification,
)
from headend.dlms.apdu.action import (
    ActionRequest,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponse,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
)
from headend.dlms.apdu.block_transfer import GeneralBlockTransfer
from headend.dlms.apdu.ciphered import CipheredApdu, GeneralDedCiphering, GeneralGloCiphering
from headend.dlms.apdu.exceptions import ConfirmedServiceError, ExceptionResponse
from headend.dlms.apdu.gateway import GatewayRequest, GatewayResponse
from headend.dlms.apdu.general import (
    AgreedKey,
    AgreementScheme,
    GeneralCiphering,
    GeneralHeader,
    GeneralSigning,
    IdentifiedKey,
    KeyInfo,
    WrappedKey,
)
from headend.dlms.apdu.get import (
    GetRequest,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponse,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
)
from headend.dlms.apdu.notification import DataNotification, EventNotification
from headend.dlms.apdu.set import (
    SetRequest,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponse,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from headend.dlms.apdu.tags import DED_TAGS, GLO_TAGS, PLAIN_TAGS, ApduTag
from headend.dlms.errors import DecodeError, LocalError
from headend.dlms.initiate import InitiateRequest, InitiateResponse

__all__ = [
    "DED_TAGS",
    "GLO_TAGS",
    "PLAIN_TAGS",
    "Aare",
    "Aarq",
    "AccessAction",
    "AccessGet",
    "AccessRequest",
    "AccessResponse",
    "AccessResult",
    "AccessService",
    "AccessSet",
    "AccessSpecification",
    "ActionRequest",
    "ActionRequestNextPblock",
    "ActionRequestNormal",
    "ActionRequestWithFirstPblock",
    "ActionRequestWithList",
    "ActionRequestWithListAndFirstPblock",
    "ActionRequestWithPblock",
    "ActionResponse",
    "ActionResponseNextPblock",
    "ActionResponseNormal",
    "ActionResponseWithList",
    "ActionResponseWithPblock",
    "AgreedKey",
    "AgreementScheme",
    "Apdu",
    "ApduTag",
    "CipheredApdu",
    "ConfirmedServiceError",
    "DataNotification",
    "EventNotification",
    "ExceptionResponse",
    "GatewayRequest",
    "GatewayResponse",
    "GeneralBlockTransfer",
    "GeneralCiphering",
    "GeneralDedCiphering",
    "GeneralGloCiphering",
    "GeneralHeader",
    "GeneralSigning",
    "GetRequest",
    "GetRequestNext",
    "GetRequestNormal",
    "GetRequestWithList",
    "GetResponse",
    "GetResponseNormal",
    "GetResponseWithDatablock",
    "GetResponseWithList",
    "IdentifiedKey",
    "InitiateRequest",
    "InitiateResponse",
    "KeyInfo",
    "Rlre",
    "Rlrq",
    "SetRequest",
    "SetRequestNormal",
    "SetRequestWithDatablock",
    "SetRequestWithFirstDatablock",
    "SetRequestWithList",
    "SetRequestWithListAndFirstDatablock",
    "SetResponse",
    "SetResponseDatablock",
    "SetResponseLastDatablock",
    "SetResponseLastDatablockWithList",
    "SetResponseNormal",
    "SetResponseWithList",
    "WrappedKey",
    "decode",
    "encode",
]

Apdu = (
    Aarq
    | Aare
    | Rlrq
    | Rlre
    | InitiateRequest
    | InitiateResponse
    | ConfirmedServiceError
    | ExceptionResponse
    | GetRequest
    | GetResponse
    | SetRequest
    | SetResponse
    | ActionRequest
    | ActionResponse
    | AccessRequest
    | AccessResponse
    | EventNotification
    | DataNotification
    | GeneralBlockTransfer
    | CipheredApdu
    | GeneralGloCiphering
    | GeneralDedCiphering
    | GeneralCiphering
    | GeneralSigning
    | GatewayRequest
    | GatewayResponse
)

#: Decoders that have one reading of their octets.
_DECODERS: Final[dict[int, Callable[[bytes], Apdu]]] = {
    0x0E: exceptions.decode_confirmed_service_error,
    0xC0: get.decode_get_request,
    0xC1: set_service.decode_set_request,
    0xC3: action.decode_action_request,
    0xC4: get.decode_get_response,
    0xC5: set_service.decode_set_response,
    0xDB: ciphered.decode_general_glo,
    0xDC: ciphered.decode_general_ded,
    0xDD: general.decode_general_ciphering,
    0xDF: general.decode_general_signing,
    0xE0: block_transfer.decode_general_block_transfer,
    0xE6: gateway.decode_gateway_request,
    0xE7: gateway.decode_gateway_response,
    **dict.fromkeys(PLAIN_TAGS, ciphered.decode_ciphered),
}


class _BendableDecoder(Protocol):
    def __call__(self, octets: bytes, *, strict: bool) -> Apdu: ...


#: Decoders of the APDUs that real meters bend: each says what it lets pass when not strict.
_BENDABLE_DECODERS: Final[dict[int, _BendableDecoder]] = {
    0x01: initiate.decode_initiate_request,
    0x08: initiate.decode_initiate_response,
    0x0F: notification.decode_data_notification,
    0x60: acse.decode_aarq,
    0x61: acse.decode_aare,
    0x62: acse.decode_rlrq,
    0x63: acse.decode_rlre,
    0xC2: notification.decode_event_notification,
    0xC7: action.decode_action_response,
    0xD8: exceptions.decode_exception_response,
    0xD9: access.decode_access_request,
    0xDA: access.decode_access_response,
}


def decode(octets: bytes, *, strict: bool = False) -> Apdu:
    """The APDU that `octets` are, all of them; DecodeError when they are none.

    What real meters send against the letter of the standard is accepted unless `strict`: an error ACTION response
    without its optional octet, a date-time with a needless octet before it, unknown ACSE fields, an AARE without
    diagnostic, the old conformance tag, an invocation-counter-error without the counter.
    """
    if not octets:
        raise DecodeError("an empty APDU", 0)
    decoder = _DECODERS.get(octets[0])
    if decoder is not None:
        return decoder(octets)
    bendable = _BENDABLE_DECODERS.get(octets[0])
    if bendable is None:
        raise DecodeError(f"no APDU begins with {octets[0]:02x}", 0)
    return bendable(octets, strict=strict)


def encode(apdu: Apdu) -> bytes:
    """The octets of `apdu`; LocalError when a field is out of its range."""
    try:
        return apdu.encode()
    except (OverflowError, ValueError, TypeError, struct_error) as error:
        raise LocalError(f"{apdu.NAME} can't be encoded: {error}") from error
