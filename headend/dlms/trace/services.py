"""Plain service APDUs as a trace prints them: one function for each class of value."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from headend.dlms.apdu import (
    AccessAction,
    AccessRequest,
    AccessResponse,
    AccessSet,
    AccessSpecification,
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
    ConfirmedServiceError,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GeneralBlockTransfer,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    InitiateRequest,
    InitiateResponse,
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
)
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.trace import values
from headend.dlms.trace.values import Fields


@singledispatch
def describe(apdu: object) -> Fields:
    """The fields of a plain APDU, without its name."""
    raise NotImplementedError(type(apdu).__name__)


def _register(*kinds: type) -> Callable[[Callable[[Any], Fields]], Callable[[Any], Fields]]:
    def decorate(function: Callable[[Any], Fields]) -> Callable[[Any], Fields]:
        for kind in kinds:
            describe.register(kind, function)
        return function

    return decorate


@_register(GetRequestNormal)
def _get_request(apdu: GetRequestNormal) -> Fields:
    return values.invoke(apdu.invoke) | values.attribute(apdu.attribute, apdu.access)


@_register(GetRequestNext, ActionRequestNextPblock, SetResponseDatablock, ActionResponseNextPblock)
def _block_number(apdu: GetRequestNext | SetResponseDatablock) -> Fields:
    return values.invoke(apdu.invoke) | {"block_number": apdu.block_number}


@_register(GetRequestWithList)
def _get_request_list(apdu: GetRequestWithList) -> Fields:
    return values.invoke(apdu.invoke) | {"list": [values.attribute(*item) for item in apdu.attributes]}


@_register(GetResponseNormal)
def _get_response(apdu: GetResponseNormal) -> Fields:
    return values.invoke(apdu.invoke) | values.result(apdu.result)


@_register(GetResponseWithDatablock)
def _get_response_block(apdu: GetResponseWithDatablock) -> Fields:
    fields = values.invoke(apdu.invoke) | {"last_block": apdu.last_block, "block_number": apdu.block_number}
    if isinstance(apdu.result, DataAccessResult):
        return fields | {"data_access_result": int(apdu.result)}
    return fields | {"raw_data": apdu.result.hex()}


@_register(GetResponseWithList)
def _get_response_list(apdu: GetResponseWithList) -> Fields:
    return values.invoke(apdu.invoke) | {"results": [values.result(item) for item in apdu.results]}


@_register(SetRequestNormal)
def _set_request(apdu: SetRequestNormal) -> Fields:
    return values.invoke(apdu.invoke) | values.attribute(apdu.attribute, apdu.access) | {"data": values.data(apdu.data)}


@_register(SetRequestWithFirstDatablock)
def _set_request_first_block(apdu: SetRequestWithFirstDatablock) -> Fields:
    return values.invoke(apdu.invoke) | values.attribute(apdu.attribute, apdu.access) | _block(apdu)


@_register(SetRequestWithDatablock, ActionRequestWithPblock, ActionResponseWithPblock)
def _later_block(apdu: SetRequestWithDatablock) -> Fields:
    return values.invoke(apdu.invoke) | _block(apdu)


@_register(SetRequestWithList)
def _set_request_list(apdu: SetRequestWithList) -> Fields:
    return values.invoke(apdu.invoke) | {
        "list": [values.attribute(*item) for item in apdu.attributes],
        "data": [values.data(item) for item in apdu.data],
    }


@_register(SetRequestWithListAndFirstDatablock)
def _set_request_list_first_block(apdu: SetRequestWithListAndFirstDatablock) -> Fields:
    attributes = [values.attribute(*item) for item in apdu.attributes]
    return values.invoke(apdu.invoke) | {"list": attributes} | _block(apdu)


@_register(SetResponseNormal)
def _set_response(apdu: SetResponseNormal) -> Fields:
    return values.invoke(apdu.invoke) | {"result": int(apdu.result)}


@_register(SetResponseLastDatablock)
def _set_response_last(apdu: SetResponseLastDatablock) -> Fields:
    return values.invoke(apdu.invoke) | {"result": int(apdu.result), "block_number": apdu.block_number}


@_register(SetResponseLastDatablockWithList)
def _set_response_last_list(apdu: SetResponseLastDatablockWithList) -> Fields:
    return values.invoke(apdu.invoke) | {
        "results": [int(item) for item in apdu.results],
        "block_number": apdu.block_number,
    }


@_register(SetResponseWithList)
def _set_response_list(apdu: SetResponseWithList) -> Fields:
    return values.invoke(apdu.invoke) | {"results": [int(item) for item in apdu.results]}


@_register(ActionRequestNormal)
def _action_request(apdu: ActionRequestNormal) -> Fields:
    fields = values.invoke(apdu.invoke) | values.method(apdu.method)
    return fields if apdu.parameters is None else fields | {"parameters": values.data(apdu.parameters)}


@_register(ActionRequestWithList)
def _action_request_list(apdu: ActionRequestWithList) -> Fields:
    return values.invoke(apdu.invoke) | {
        "list": [values.method(item) for item in apdu.methods],
        "parameters": [values.data(item) for item in apdu.parameters],
    }


@_register(ActionRequestWithFirstPblock)
def _action_request_first_block(apdu: ActionRequestWithFirstPblock) -> Fields:
    return values.invoke(apdu.invoke) | values.method(apdu.method) | _block(apdu)


@_register(ActionRequestWithListAndFirstPblock)
def _action_request_list_first_block(apdu: ActionRequestWithListAndFirstPblock) -> Fields:
    return values.invoke(apdu.invoke) | {"list": [values.method(item) for item in apdu.methods]} | _block(apdu)


@_register(ActionResponseNormal)
def _action_response(apdu: ActionResponseNormal) -> Fields:
    return values.invoke(apdu.invoke) | values.action_result((apdu.result, apdu.returned))


@_register(ActionResponseWithList)
def _action_response_list(apdu: ActionResponseWithList) -> Fields:
    return values.invoke(apdu.invoke) | {"results": [values.action_result(item) for item in apdu.results]}


@_register(AccessRequest)
def _access_request(apdu: AccessRequest) -> Fields:
    return _long_invoke(apdu.long_invoke, apdu.date_time) | {
        "list": [_specification(item) for item in apdu.specifications],
        "data": [values.data(item) for item in apdu.data],
    }


@_register(AccessResponse)
def _access_response(apdu: AccessResponse) -> Fields:
    fields = _long_invoke(apdu.long_invoke, apdu.date_time)
    if apdu.specifications is not None:
        fields["list"] = [_specification(item) for item in apdu.specifications]
    fields["data"] = [values.data(item) for item in apdu.data]
    fields["results"] = [{"service": item.service.name.lower(), "result": int(item.result)} for item in apdu.results]
    return fields


@_register(EventNotification)
def _event_notification(apdu: EventNotification) -> Fields:
    fields = {} if not apdu.time else {"time": values.date_time(apdu.time)}
    return fields | values.attribute(apdu.attribute) | {"data": values.data(apdu.data)}


@_register(DataNotification)
def _data_notification(apdu: DataNotification) -> Fields:
    return _long_invoke(apdu.long_invoke, apdu.date_time) | {"body": values.data(apdu.body)}


@_register(ExceptionResponse)
def _exception_response(apdu: ExceptionResponse) -> Fields:
    fields: Fields = {"state_error": apdu.state_error.text, "service_error": apdu.service_error.text}
    if apdu.invocation_counter is not None:
        fields["invocation_counter"] = apdu.invocation_counter
    return fields


@_register(ConfirmedServiceError)
def _confirmed_service_error(apdu: ConfirmedServiceError) -> Fields:
    return {
        "service": apdu.service.text,
        "service_choice": int(apdu.service),
        "error_group": apdu.group.text,
        "error_group_choice": int(apdu.group),
        "error": apdu.error,
    }


@_register(InitiateRequest)
def _initiate_request(apdu: InitiateRequest) -> Fields:
    fields: Fields = {} if apdu.dedicated_key is None else {"dedicated_key": apdu.dedicated_key.hex()}
    fields["response_allowed"] = apdu.response_allowed
    if apdu.proposed_quality_of_service is not None:
        fields["proposed_quality_of_service"] = apdu.proposed_quality_of_service
    return fields | {
        "proposed_dlms_version": apdu.proposed_dlms_version,
        "proposed_conformance_hex": f"{apdu.proposed_conformance:06x}",
        "proposed_conformance": apdu.proposed_conformance.names,
        "client_max_receive_pdu_size": apdu.client_max_receive_pdu_size,
    }


@_register(InitiateResponse)
def _initiate_response(apdu: InitiateResponse) -> Fields:
    fields: Fields = {}
    if apdu.negotiated_quality_of_service is not None:
        fields["negotiated_quality_of_service"] = apdu.negotiated_quality_of_service
    return fields | {
        "negotiated_dlms_version": apdu.negotiated_dlms_version,
        "negotiated_conformance_hex": f"{apdu.negotiated_conformance:06x}",
        "negotiated_conformance": apdu.negotiated_conformance.names,
        "server_max_receive_pdu_size": apdu.server_max_receive_pdu_size,
        "vaa_name": f"{apdu.vaa_name:04x}",
    }


@_register(GeneralBlockTransfer)
def _general_block_transfer(apdu: GeneralBlockTransfer) -> Fields:
    return {
        "block_control": f"{apdu.control:02x}",
        "last_block": apdu.last_block,
        "streaming": apdu.streaming,
        "window": apdu.window,
        "block_number": apdu.block_number,
        "block_number_ack": apdu.block_number_ack,
        "block_data": apdu.data.hex(),
    }


def _block(apdu: Any) -> Fields:  # noqa: ANN401  # any of the seven APDUs with these three fields
    return values.block(last_block=apdu.last_block, block_number=apdu.block_number, raw_data=apdu.raw_data)


def _long_invoke(long_invoke: int, date_time: bytes) -> Fields:
    fields: Fields = {"long_invoke_id_and_priority": f"{long_invoke:08x}"}
    return fields | {"date_time": values.date_time(date_time)} if date_time else fields


def _specification(item: AccessSpecification) -> Fields:
    if isinstance(item, AccessAction):
        return {"service": "action"} | values.method(item.method)
    service = "set" if isinstance(item, AccessSet) else "get"
    return {"service": service} | values.attribute(item.attribute, item.access)
