"""One complete request becomes one complete answer: GET, SET, ACTION and ACCESS on the object tree of a role."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headend.dlms.apdu import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessService,
    AccessSet,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNormal,
    ActionResponseWithList,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from headend.dlms.axdr import Data, EncodedData, Tag
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.enumerations import ActionResult, DataAccessResult
from headend.dlms.errors import DecodeError
from simulator import octets
from simulator.associations import Role
from simulator.faults import Moment
from simulator.tree import tree_of

if TYPE_CHECKING:
    from simulator.meter import Meter

Answer = (
    GetResponseNormal
    | GetResponseWithList
    | SetResponseNormal
    | SetResponseWithList
    | ActionResponseNormal
    | ActionResponseWithList
    | AccessResponse
)
_NULL = EncodedData(octets.NULL)


def serve(meter: "Meter", role: Role, request: object) -> Answer | None:
    """The answer of `meter` to `role`; None for what is no request of these services."""
    serve_kind = _KINDS.get(type(request))
    return None if serve_kind is None else serve_kind(meter, role, request)


def moment_of(request: object) -> Moment:
    """What kind of moment this request is for a fault."""
    return _MOMENTS.get(type(request), Moment.OTHER)


def _get(meter: "Meter", role: Role, request: GetRequestNormal) -> GetResponseNormal:
    return GetResponseNormal(request.invoke, _read(meter, role, request.attribute, request.access))


def _get_list(meter: "Meter", role: Role, request: GetRequestWithList) -> GetResponseWithList:
    return GetResponseWithList(request.invoke, tuple(_read(meter, role, *item) for item in request.attributes))


def _set(meter: "Meter", role: Role, request: SetRequestNormal) -> SetResponseNormal:
    return SetResponseNormal(request.invoke, _write(meter, role, request.attribute, request.access, request.data))


def _set_list(meter: "Meter", role: Role, request: SetRequestWithList) -> SetResponseWithList:
    items = zip(request.attributes, request.data, strict=True)
    return SetResponseWithList(request.invoke, tuple(_write(meter, role, *target, value) for target, value in items))


def _action(meter: "Meter", role: Role, request: ActionRequestNormal) -> ActionResponseNormal:
    return ActionResponseNormal(request.invoke, _perform(meter, role, request.method, request.parameters))


def _action_list(meter: "Meter", role: Role, request: ActionRequestWithList) -> ActionResponseWithList:
    items = zip(request.methods, request.parameters, strict=True)
    return ActionResponseWithList(request.invoke, tuple((_perform(meter, role, *item), None) for item in items))


def _access(meter: "Meter", role: Role, request: AccessRequest) -> AccessResponse:
    items = zip(request.specifications, request.data, strict=True)
    served = [_access_one(meter, role, specification, value) for specification, value in items]
    data = tuple(value for value, _ in served)
    return AccessResponse(request.long_invoke, b"", None, data, tuple(result for _, result in served))


def _access_one(
    meter: "Meter", role: Role, specification: AccessGet | AccessSet | AccessAction, value: EncodedData
) -> tuple[EncodedData, AccessResult]:
    match specification:
        case AccessGet(attribute, access):
            read = _read(meter, role, attribute, access)
            if isinstance(read, EncodedData):
                return read, AccessResult(AccessService.GET, DataAccessResult.SUCCESS)
            return _NULL, AccessResult(AccessService.GET, read)
        case AccessSet(attribute, access):
            return _NULL, AccessResult(AccessService.SET, _write(meter, role, attribute, access, value))
        case AccessAction(method):
            return _NULL, AccessResult(AccessService.ACTION, _perform(meter, role, method, value))


def _read(
    meter: "Meter", role: Role, target: CosemAttribute, access: SelectiveAccess | None
) -> EncodedData | DataAccessResult:
    address = (target.class_id, target.instance.octets, target.attribute)
    selection = None if access is None else (access.selector, access.parameters)
    read = tree_of(meter, role).read(meter, role, address, selection)
    return EncodedData(read) if isinstance(read, bytes) else read


def _write(
    meter: "Meter", role: Role, target: CosemAttribute, access: SelectiveAccess | None, value: EncodedData
) -> DataAccessResult:
    if access is not None:
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    data = _decoded(value)
    if data is None:
        return DataAccessResult.TYPE_UNMATCHED
    return tree_of(meter, role).write(meter, role, (target.class_id, target.instance.octets, target.attribute), data)


def _perform(meter: "Meter", role: Role, target: CosemMethod, value: EncodedData | None) -> ActionResult:
    data = None if value is None else _decoded(value)
    if value is not None and data is None:
        return ActionResult.TYPE_UNMATCHED
    if data is not None and data.tag is Tag.NULL_DATA:
        data = None
    return tree_of(meter, role).perform(meter, role, (target.class_id, target.instance.octets, target.method), data)


def _decoded(value: EncodedData) -> Data | None:
    try:
        return value.decode()
    except DecodeError:
        return None


_KINDS: dict[type, Callable[["Meter", Role, Any], Answer]] = {
    GetRequestNormal: _get,
    GetRequestWithList: _get_list,
    SetRequestNormal: _set,
    SetRequestWithList: _set_list,
    ActionRequestNormal: _action,
    ActionRequestWithList: _action_list,
    AccessRequest: _access,
}
_MOMENTS = {
    GetRequestNormal: Moment.GET,
    GetRequestWithList: Moment.GET,
    SetRequestNormal: Moment.SET,
    SetRequestWithList: Moment.SET,
    ActionRequestNormal: Moment.ACTION,
    ActionRequestWithList: Moment.ACTION,
}
