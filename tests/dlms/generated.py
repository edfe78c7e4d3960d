"""APDUs made from a random number generator: a seeded one for thousands at a time, hypothesis's own for properties."""

from collections.abc import Callable
from random import Random

from headend.dlms import axdr
from headend.dlms.apdu import (
    Aare,
    Aarq,
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessService,
    AccessSet,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    AgreedKey,
    CipheredApdu,
    ConfirmedServiceError,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GatewayRequest,
    GatewayResponse,
    GeneralBlockTransfer,
    GeneralCiphering,
    GeneralDedCiphering,
    GeneralGloCiphering,
    GeneralHeader,
    GeneralSigning,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    IdentifiedKey,
    InitiateRequest,
    InitiateResponse,
    Rlre,
    Rlrq,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
    WrappedKey,
)
from headend.dlms.apdu.tags import PLAIN_TAGS
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.enumerations import (
    ActionResult,
    ApplicationContext,
    AssociationResult,
    Authentication,
    ConfirmedService,
    Conformance,
    DataAccessResult,
    DiagnosticSource,
    ErrorGroup,
    ReleaseRequestReason,
    ReleaseResponseReason,
    ServiceError,
    StateError,
)


def octets(rng: Random, least: int = 0, most: int = 300) -> bytes:
    return rng.randbytes(rng.choice((least, rng.randint(least, min(most, 40)), rng.randint(least, most))))


def simple(rng: Random) -> axdr.Data:
    return rng.choice(
        (
            axdr.null,
            lambda: axdr.boolean(rng.random() < 0.5),
            lambda: axdr.double_long(rng.randint(-(1 << 31), (1 << 31) - 1)),
            lambda: axdr.double_long_unsigned(rng.randint(0, (1 << 32) - 1)),
            lambda: axdr.octet_string(octets(rng)),
            lambda: axdr.visible_string("".join(chr(rng.randint(32, 126)) for _ in range(rng.randint(0, 20)))),
            lambda: axdr.integer(rng.randint(-128, 127)),
            lambda: axdr.long(rng.randint(-32768, 32767)),
            lambda: axdr.unsigned(rng.randint(0, 255)),
            lambda: axdr.long_unsigned(rng.randint(0, 65535)),
            lambda: axdr.long64(rng.randint(-(1 << 63), (1 << 63) - 1)),
            lambda: axdr.long64_unsigned(rng.randint(0, (1 << 64) - 1)),
            lambda: axdr.enum(rng.randint(0, 255)),
        )
    )()


def data(rng: Random, depth: int = 2) -> axdr.Data:
    if depth and rng.random() < 0.3:
        make = rng.choice((axdr.structure, axdr.array))
        return make(*(data(rng, depth - 1) for _ in range(rng.randint(0, 4))))
    return simple(rng)


def encoded(rng: Random) -> EncodedData:
    return EncodedData(axdr.encode(data(rng)))


def invoke(rng: Random) -> int:
    return rng.choice((0xC1, 0x81, 0x40, rng.randint(0, 255)))


def attribute(rng: Random) -> CosemAttribute:
    return CosemAttribute(rng.randint(0, 0xFFFF), rng.randbytes(6), rng.randint(-128, 127))


def method(rng: Random) -> CosemMethod:
    return CosemMethod(rng.randint(0, 0xFFFF), rng.randbytes(6), rng.randint(-128, 127))


def access(rng: Random) -> SelectiveAccess | None:
    return SelectiveAccess(rng.randint(0, 255), data(rng)) if rng.random() < 0.3 else None


def attributes(rng: Random):
    return tuple((attribute(rng), access(rng)) for _ in range(rng.randint(0, 5)))


def methods(rng: Random):
    return tuple(method(rng) for _ in range(rng.randint(0, 5)))


def many(rng: Random, make: Callable[[Random], object]):
    return tuple(make(rng) for _ in range(rng.randint(0, 5)))


def data_access_result(rng: Random) -> DataAccessResult:
    return DataAccessResult(rng.choice((*map(int, DataAccessResult), rng.randint(0, 255))))


def action_result(rng: Random) -> ActionResult:
    return ActionResult(rng.choice((*map(int, ActionResult), rng.randint(0, 255))))


def result(rng: Random):
    return encoded(rng) if rng.random() < 0.7 else data_access_result(rng)


def outcome(rng: Random):
    return action_result(rng), rng.choice((lambda _: None, encoded, data_access_result))(rng)


def number(rng: Random) -> int:
    return rng.choice((0, 1, rng.randint(0, (1 << 32) - 1)))


def last(rng: Random) -> bool:
    return rng.random() < 0.5


def block(rng: Random) -> tuple[bool, int, bytes]:
    return last(rng), number(rng), octets(rng)


def date_time(rng: Random) -> bytes:
    return rng.choice((b"", rng.randbytes(12)))


def title(rng: Random) -> bytes:
    return rng.choice((b"", rng.randbytes(8)))


def maybe(rng: Random, make: Callable[[], object]):
    return make() if rng.random() < 0.3 else None


def specification(rng: Random):
    make = rng.choice((AccessGet, AccessSet, AccessAction))
    return make(method(rng)) if make is AccessAction else make(attribute(rng), access(rng))


def access_result(rng: Random) -> AccessResult:
    service = AccessService(rng.choice((1, 2, 3)))
    return AccessResult(service, action_result(rng) if service == 3 else data_access_result(rng))


def general_header(rng: Random) -> GeneralHeader:
    return GeneralHeader(octets(rng, most=16), title(rng), title(rng), date_time(rng), octets(rng, most=140))


def key_info(rng: Random):
    return rng.choice(
        (
            lambda: None,
            lambda: IdentifiedKey(rng.randint(0, 1)),
            lambda: WrappedKey(rng.randint(0, 1), rng.randbytes(24)),
            lambda: AgreedKey(b"\x01", rng.randbytes(128)),
        )
    )()


def conformance(rng: Random) -> Conformance:
    return Conformance(rng.randint(0, (1 << 24) - 1))


def mechanism(rng: Random):
    return rng.choice((None, *Authentication, bytes.fromhex("2a864886f70d")))


def aarq(rng: Random) -> Aarq:
    return Aarq(
        application_context=rng.choice((*ApplicationContext, bytes.fromhex("60857405080109"))),
        user_information=octets(rng),
        mechanism=mechanism(rng),
        authentication_value=maybe(rng, lambda: octets(rng)),
        calling_ap_title=maybe(rng, lambda: rng.randbytes(8)),
        protocol_version=maybe(rng, lambda: b"\x07\x80"),
        called_ap_title=maybe(rng, lambda: octets(rng, most=8)),
        called_ae_qualifier=maybe(rng, lambda: octets(rng, most=8)),
        called_ap_invocation_id=maybe(rng, lambda: rng.randint(-(1 << 31), 1 << 31)),
        called_ae_invocation_id=maybe(rng, lambda: rng.randint(-128, 255)),
        calling_ae_qualifier=maybe(rng, lambda: octets(rng)),
        calling_ap_invocation_id=maybe(rng, lambda: rng.randint(0, 255)),
        calling_ae_invocation_id=maybe(rng, lambda: rng.randint(0, 255)),
        implementation_information=maybe(rng, lambda: octets(rng, most=10)),
    )


def aare(rng: Random) -> Aare:
    return Aare(
        application_context=rng.choice((*ApplicationContext, bytes.fromhex("60857405080109"))),
        result=AssociationResult(rng.randint(0, 255)),
        diagnostic=rng.randint(0, 255),
        diagnostic_source=rng.choice(tuple(DiagnosticSource)),
        user_information=maybe(rng, lambda: octets(rng)),
        mechanism=mechanism(rng),
        authentication_value=maybe(rng, lambda: octets(rng)),
        responding_ap_title=maybe(rng, lambda: rng.randbytes(8)),
        protocol_version=maybe(rng, lambda: b"\x07\x80"),
        responding_ae_qualifier=maybe(rng, lambda: octets(rng)),
        responding_ap_invocation_id=maybe(rng, lambda: rng.randint(0, 255)),
        responding_ae_invocation_id=maybe(rng, lambda: rng.randint(0, 255)),
        implementation_information=maybe(rng, lambda: octets(rng, most=10)),
    )


def exception_response(rng: Random) -> ExceptionResponse:
    error = ServiceError(rng.randint(1, 6))
    counter = number(rng) if error is ServiceError.INVOCATION_COUNTER_ERROR else None
    return ExceptionResponse(StateError(rng.randint(1, 2)), error, counter)


MAKERS: dict[str, Callable[[Random], object]] = {
    "aarq": aarq,
    "aare": aare,
    "rlrq": lambda r: Rlrq(rng_reason(r, ReleaseRequestReason), maybe(r, lambda: octets(r))),
    "rlre": lambda r: Rlre(rng_reason(r, ReleaseResponseReason), maybe(r, lambda: octets(r))),
    "initiate-request": lambda r: InitiateRequest(
        conformance(r),
        r.randint(0, 0xFFFF),
        maybe(r, lambda: octets(r)),
        last(r),
        maybe(r, lambda: r.randint(-128, 127)),
        r.choice((6, r.randint(0, 255))),
    ),
    "initiate-response": lambda r: InitiateResponse(
        conformance(r), r.randint(0, 0xFFFF), r.choice((7, 0xFA00)), maybe(r, lambda: r.randint(-128, 127))
    ),
    "confirmed-service-error": lambda r: ConfirmedServiceError(
        ConfirmedService(r.randint(0, 255)), ErrorGroup(r.randint(0, 255)), r.randint(0, 255)
    ),
    "exception-response": exception_response,
    "get-request-normal": lambda r: GetRequestNormal(invoke(r), attribute(r), access(r)),
    "get-request-next": lambda r: GetRequestNext(invoke(r), number(r)),
    "get-request-with-list": lambda r: GetRequestWithList(invoke(r), attributes(r)),
    "get-response-normal": lambda r: GetResponseNormal(invoke(r), result(r)),
    "get-response-with-datablock": lambda r: GetResponseWithDatablock(
        invoke(r), last(r), number(r), octets(r) if last(r) else data_access_result(r)
    ),
    "get-response-with-list": lambda r: GetResponseWithList(invoke(r), many(r, result)),
    "set-request-normal": lambda r: SetRequestNormal(invoke(r), attribute(r), access(r), encoded(r)),
    "set-request-with-first-datablock": lambda r: SetRequestWithFirstDatablock(
        invoke(r), attribute(r), access(r), *block(r)
    ),
    "set-request-with-datablock": lambda r: SetRequestWithDatablock(invoke(r), *block(r)),
    "set-request-with-list": lambda r: SetRequestWithList(invoke(r), attributes(r), many(r, encoded)),
    "set-request-with-list-and-first-datablock": lambda r: SetRequestWithListAndFirstDatablock(
        invoke(r), attributes(r), *block(r)
    ),
    "set-response-normal": lambda r: SetResponseNormal(invoke(r), data_access_result(r)),
    "set-response-datablock": lambda r: SetResponseDatablock(invoke(r), number(r)),
    "set-response-last-datablock": lambda r: SetResponseLastDatablock(invoke(r), data_access_result(r), number(r)),
    "set-response-last-datablock-with-list": lambda r: SetResponseLastDatablockWithList(
        invoke(r), many(r, data_access_result), number(r)
    ),
    "set-response-with-list": lambda r: SetResponseWithList(invoke(r), many(r, data_access_result)),
    "action-request-normal": lambda r: ActionRequestNormal(invoke(r), method(r), maybe(r, lambda: encoded(r))),
    "action-request-next-pblock": lambda r: ActionRequestNextPblock(invoke(r), number(r)),
    "action-request-with-list": lambda r: ActionRequestWithList(invoke(r), methods(r), many(r, encoded)),
    "action-request-with-first-pblock": lambda r: ActionRequestWithFirstPblock(invoke(r), method(r), *block(r)),
    "action-request-with-list-and-first-pblock": lambda r: ActionRequestWithListAndFirstPblock(
        invoke(r), methods(r), *block(r)
    ),
    "action-request-with-pblock": lambda r: ActionRequestWithPblock(invoke(r), *block(r)),
    "action-response-normal": lambda r: ActionResponseNormal(invoke(r), *outcome(r)),
    "action-response-with-pblock": lambda r: ActionResponseWithPblock(invoke(r), *block(r)),
    "action-response-with-list": lambda r: ActionResponseWithList(invoke(r), many(r, outcome)),
    "action-response-next-pblock": lambda r: ActionResponseNextPblock(invoke(r), number(r)),
    "access-request": lambda r: AccessRequest(number(r), date_time(r), many(r, specification), many(r, encoded)),
    "access-response": lambda r: AccessResponse(
        number(r), date_time(r), maybe(r, lambda: many(r, specification)), many(r, encoded), many(r, access_result)
    ),
    "event-notification-request": lambda r: EventNotification(
        maybe(r, lambda: r.randbytes(12)), attribute(r), encoded(r)
    ),
    "data-notification": lambda r: DataNotification(number(r), date_time(r), encoded(r)),
    "general-block-transfer": lambda r: GeneralBlockTransfer(
        last(r), last(r), r.randint(0, 63), r.randint(0, 0xFFFF), r.randint(0, 0xFFFF), octets(r)
    ),
    "ciphered": lambda r: CipheredApdu(r.choice(tuple(PLAIN_TAGS)), r.randint(0, 255), number(r), octets(r)),
    "general-glo-ciphering": lambda r: GeneralGloCiphering(title(r), r.randint(0, 255), number(r), octets(r)),
    "general-ded-ciphering": lambda r: GeneralDedCiphering(title(r), r.randint(0, 255), number(r), octets(r)),
    "general-ciphering": lambda r: GeneralCiphering(
        general_header(r), key_info(r), r.randint(0, 255), number(r), octets(r)
    ),
    "general-signing": lambda r: GeneralSigning(general_header(r), octets(r), r.randbytes(64)),
    "gateway-request": lambda r: GatewayRequest(r.randint(0, 255), octets(r, most=20), octets(r, least=1)),
    "gateway-response": lambda r: GatewayResponse(r.randint(0, 255), octets(r, most=20), octets(r, least=1)),
}


def rng_reason(rng: Random, reasons):
    return rng.choice((None, reasons(0), reasons(rng.randint(0, 255))))
