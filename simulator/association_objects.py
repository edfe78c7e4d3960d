"""Association, security setup and counter objects: what a client sees of its own access (Blue Book 4.4.4, 4.4.7)."""

from typing import TYPE_CHECKING

from attrs import evolve

from headend.dlms.axdr import Data, null
from headend.dlms.enumerations import ActionResult, KeyId
from headend.dlms.errors import LocalError, RemoteError
from headend.dlms.security import read_key_transfer
from simulator import octets
from simulator.associations import EVERYBODY, NOBODY, Role
from simulator.objects import Attribute, CosemObject, Method, Perform, WrongTypeError, constant, cosem_object
from simulator.registers import data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.meter import Meter

CURRENT = bytes((0, 0, 40, 0, 0, 255))
_ASSOCIATION_LN, _SECURITY_SETUP = 15, 64
_CONTEXT_ARC = bytes.fromhex("608574050801")
_MECHANISM_ARC = bytes.fromhex("608574050802")
_ASSOCIATED = 2
_AUTHENTICATED_AND_ENCRYPTED = 3
_DLMS_VERSION = 6
_LARGEST_PDU = 0xFFFF
#: GET, SET, ACTION, selective access, block transfer, multiple references.
_CONFORMANCE = bytes.fromhex("001e1d")
_READ, _WRITE = 1, 2
_KEY_FIELDS = {
    KeyId.UNICAST_ENCRYPTION: "encryption",
    KeyId.AUTHENTICATION: "authentication",
    KeyId.MASTER: "master",
}


def counter_name(role: Role) -> bytes:
    """0.0.43.1.E.255, the invocation counter of a role."""
    return bytes((0, 0, 43, 1, role.group_e, 255))


def security_name(role: Role) -> bytes:
    """0.0.43.0.E.255, the security setup of a role."""
    return bytes((0, 0, 43, 0, role.group_e, 255))


def counters() -> list[CosemObject]:
    """The counter that was received last under each role's key; everybody may read them, the public client too."""
    return [_counter(role) for role in Role]


def security_setups() -> list[CosemObject]:
    """The security setup (class 64, version 0) of each ciphered role."""
    return [_security_setup(role) for role in Role if role.ciphered]


def association(role: Role, objects: "Iterable[CosemObject]", logical_name: bytes) -> CosemObject:
    """The association (class 15, version 1) of `role`, with the list of those of `objects` that it sees."""
    listed = octets.array(_listed(item, role) for item in objects if item.seen_by(role))
    seen = frozenset((role,))
    context = 3 if role.ciphered else 1
    attributes = {
        2: constant(listed, seen),
        3: constant(octets.structure(octets.integer(role), octets.long_unsigned(1)), seen),
        4: constant(octets.octet_string(_CONTEXT_ARC + bytes((context,))), seen),
        5: constant(_xdlms_context(), seen),
        6: constant(octets.octet_string(_MECHANISM_ARC + bytes((role.authentication,))), seen),
        7: Attribute(lambda _: octets.NULL, NOBODY),
        8: constant(octets.enum(_ASSOCIATED), seen),
        9: constant(octets.octet_string(security_name(role) if role.ciphered else b""), seen),
    }
    # Pass 3 of HLS never gets here: the connection answers it. Outside of HLS the method has nothing to reply to.
    methods = {1: Method(_reply_to_hls, seen)} if role is Role.SETTING else {}
    return cosem_object(_ASSOCIATION_LN, logical_name, attributes, methods, version=1)


def _reply_to_hls(_meter: "Meter", _value: Data | None) -> ActionResult:
    return ActionResult.OTHER_REASON


def _xdlms_context() -> bytes:
    conformance = octets.bit_string(_CONFORMANCE)
    sizes = octets.long_unsigned(_LARGEST_PDU)
    return octets.structure(
        conformance, sizes, sizes, octets.unsigned(_DLMS_VERSION), octets.integer(0), octets.octet_string(b"")
    )


def _listed(item: CosemObject, role: Role) -> bytes:
    attributes = octets.array(_attribute(number, entry, role) for number, entry in sorted(item.attributes.items()))
    methods = octets.array(
        octets.structure(octets.integer(number), octets.enum(role in method.callers))
        for number, method in sorted(item.methods.items())
    )
    return octets.structure(
        octets.long_unsigned(item.class_id),
        octets.unsigned(item.version),
        octets.octet_string(item.logical_name),
        octets.structure(attributes, methods),
    )


def _attribute(number: int, attribute: Attribute, role: Role) -> bytes:
    mode = _READ * (role in attribute.readers) + _WRITE * (role in attribute.writers)
    selectors = octets.array(map(octets.integer, attribute.selectors)) if attribute.selectors else octets.NULL
    return octets.structure(octets.integer(number), octets.enum(mode), selectors)


def _counter(role: Role) -> CosemObject:
    def last(meter: "Meter") -> bytes:
        ledger = meter.counters.get(role)
        return octets.double_long_unsigned(max(ledger.last, 0) if ledger else 0)

    return data(counter_name(role), last, EVERYBODY)


def _security_setup(role: Role) -> CosemObject:
    seen = frozenset((role,))
    return cosem_object(
        _SECURITY_SETUP,
        security_name(role),
        {
            2: constant(octets.enum(_AUTHENTICATED_AND_ENCRYPTED), seen),
            3: constant(octets.enum(0), seen),
            4: constant(octets.octet_string(b""), seen),
            5: Attribute(lambda meter: octets.octet_string(meter.identity.system_title), seen),
        },
        {2: Method(_transfer_keys(role), seen)},
    )


def _transfer_keys(role: Role) -> Perform:
    def perform(meter: "Meter", value: Data | None) -> ActionResult:
        keys = meter.keys(role)
        try:
            transferred = dict(read_key_transfer(keys.master, value or null()))
        except (RemoteError, LocalError) as error:
            raise WrongTypeError(str(error)) from error
        changes = {_KEY_FIELDS[key_id]: key for key_id, key in transferred.items() if key_id in _KEY_FIELDS}
        if len(changes) != len(transferred):
            raise ValueError("a key that this meter does not have")
        meter.take_keys(role, evolve(keys, **changes))
        return ActionResult.SUCCESS

    return perform
