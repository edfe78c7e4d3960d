"""Writing the parts that APDUs are made of; the twin of `cursor`."""

from headend.dlms import axdr
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.errors import LocalError


def octet_string(octets: bytes) -> bytes:
    """A length and the octets."""
    return axdr.encode_length(len(octets)) + octets


def attribute(descriptor: CosemAttribute) -> bytes:
    """Class, logical name and attribute number."""
    return b"%b%b%c" % (descriptor.class_id.to_bytes(2, "big"), descriptor.instance.octets, descriptor.attribute & 0xFF)


def method(descriptor: CosemMethod) -> bytes:
    """Class, logical name and method number."""
    return b"%b%b%c" % (descriptor.class_id.to_bytes(2, "big"), descriptor.instance.octets, descriptor.method & 0xFF)


def selection(access: SelectiveAccess) -> bytes:
    """Selector and parameters."""
    return b"%c%b" % (access.selector, axdr.encode(access.parameters))


def access(access: SelectiveAccess | None) -> bytes:
    """Presence flag, then selector and parameters if there are any."""
    return b"\x00" if access is None else b"\x01" + selection(access)


def attributes(items: tuple[tuple[CosemAttribute, SelectiveAccess | None], ...]) -> bytes:
    """A counted list of attribute descriptors with access selections."""
    return axdr.encode_length(len(items)) + b"".join(attribute(item) + access(chosen) for item, chosen in items)


def methods(items: tuple[CosemMethod, ...]) -> bytes:
    """A counted list of method descriptors."""
    return axdr.encode_length(len(items)) + b"".join(map(method, items))


def data_list(items: tuple[EncodedData, ...]) -> bytes:
    """A counted list of encoded Data."""
    return axdr.encode_length(len(items)) + b"".join(item.octets for item in items)


def long_invoke(octet: int) -> bytes:
    """The four octets of a long invoke-id-and-priority; LocalError when they can't hold it."""
    if not 0 <= octet < 1 << 32:
        raise LocalError(f"a long invoke-id-and-priority can't be {octet}")
    return octet.to_bytes(4, "big")
